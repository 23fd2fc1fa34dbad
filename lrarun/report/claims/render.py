"""Checked claims as text or JSON."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections import Counter
from collections.abc import Sequence

from tabulate import tabulate

from lrarun.files import to_json
from lrarun.report.claims.claim import FAILS, HOLDS, VERDICTS, CheckedClaim, Comparison
from lrarun.report.claims.narrow import narrow_rows
from lrarun.report.columns import broken, width_of
from lrarun.report.repetitions import MISSING
from lrarun.report.statistics import CONFIDENCE
from lrarun.report.wording import p_value

WIDTH = 118


def render_claims(checked: Sequence[CheckedClaim], format: str, width: int | None = None) -> str:
    """Return claims with their verdicts, from :func:`lrarun.report.claims.check.check`, as ``text`` or ``json``.

    ``text`` that would be wider than ``width`` characters has two lines per comparison.
    """
    if format == "json":
        return as_json(checked)
    text = as_text(checked)
    return text if width is None or width_of(text) <= width else as_text(checked, width)


def comparisons_made(checked: Sequence[CheckedClaim]) -> int:
    """Return the number of comparisons that have a p value."""
    return sum(part.p is not None for one in checked for part in one.comparisons)


def as_json(checked: Sequence[CheckedClaim]) -> str:
    """Return ``{level, comparisons, claims: [{id, says, where, verdict, note, comparisons: [...]}]}``."""
    claims = [
        {
            "id": one.claim.id,
            "says": one.claim.says,
            "where": one.claim.where,
            "verdict": one.verdict,
            "note": one.claim.note or None,
            "comparisons": [dataclasses.asdict(part) for part in one.comparisons],
        }
        for one in checked
    ]
    content = {"level": round(1 - CONFIDENCE, 6), "comparisons": comparisons_made(checked), "claims": claims}
    return to_json(content) + "\n"


def tally(verdicts: Sequence[str]) -> str:
    """Return ``25 hold, 1 fails, 4 inconclusive``."""
    counts = Counter(verdicts)
    plural = {HOLDS: "hold", FAILS: "fail"}
    names = {name: plural.get(name, name) if counts[name] > 1 else name for name in VERDICTS}
    return ", ".join(f"{counts[name]} {names[name]}" for name in VERDICTS if counts[name])


def as_text(checked: Sequence[CheckedClaim], narrow: int | None = None) -> str:
    """Return every claim with its comparisons, then how many hold; within ``narrow`` characters if it is given."""
    parts = [f"{len(checked)} claims: {tally([one.verdict for one in checked])}."]
    if any(part.verdict != MISSING for one in checked for part in one.comparisons):
        seeds = ", [n] over n seeds" if over_seeds(checked) else ""
        where = "in parentheses" if narrow is None else "beside them"
        parts.append(f"Test errors in percent, ours vs ours{seeds}; the paper's {where}.")
    if comparisons_made(checked):
        parts.append(
            "Then the difference in points with its 95 % interval;"
            " p two-sided, Holm-corrected over the comparisons of its claim."
        )
    claims = [claim_text(one, narrow) for one in checked]
    words = textwrap.fill(" ".join(parts), min(narrow or WIDTH, WIDTH))
    return "\n\n".join([*claims, f"{words}\nThe rules: lrarun docs verdicts"]) + "\n"


def over_seeds(checked: Sequence[CheckedClaim]) -> bool:
    """Return whether any number is over several seeds."""
    return any(re.search(r"\[\d+\]", part.numbers) for one in checked for part in one.comparisons)


def claim_text(one: CheckedClaim, narrow: int | None = None) -> str:
    """Return one claim: verdict, statement, tally, and each comparison that has results."""
    claim, indent, width = one.claim, " " * 14, min(narrow or WIDTH, WIDTH)
    head = textwrap.fill(f"{one.verdict.upper():<13} {claim.says} ({claim.where})", width, subsequent_indent=indent)
    lines = [f"{claim.id}: {tally([part.verdict for part in one.comparisons])}{of_paper(one.comparisons)}"]
    if narrow is not None:
        below = [broken(f"{indent}{line}", narrow, indent) for line in (*lines, *lacking(one))]
        return "\n".join([head, *below, *narrow_rows(one.comparisons, narrow)])
    rows = [comparison_row(part) for part in one.comparisons if part.verdict != MISSING]
    if rows:
        lines += tabulate(rows, tablefmt="plain", disable_numparse=True).splitlines()
    lines += [line for note in notes(one) for line in textwrap.wrap(note, WIDTH - 14)]
    lines += lacking(one)
    return "\n".join([head, *(indent + line.rstrip() for line in lines)])


def notes(one: CheckedClaim) -> list[str]:
    """Return what is to be known beside a claim's verdict and numbers, a sentence or more each."""
    assumed = [part.what for part in one.comparisons if part.assumed]
    which = "all comparisons" if len(assumed) == len(one.comparisons) > 1 else "; ".join(assumed)
    few = f"Interval and p rest on an assumed spread, as a side has one seed: {which}." if assumed else ""
    return [note for note in (*(part.note for part in one.comparisons), few, one.claim.note) if note]


def of_paper(parts: Sequence[Comparison]) -> str:
    """Return in how many comparisons the paper's own numbers support the claim."""
    printed = [part.paper_agrees for part in parts if part.paper_agrees is not None]
    return f"; by the paper's own numbers {sum(printed)} of {len(printed)}" if printed else ""


def comparison_row(part: Comparison) -> list[str]:
    """Return a comparison's cells."""
    paper = f"({part.paper})" if part.paper else ""
    return [part.verdict, part.what, part.numbers, paper, effect_text(part), p_text(part.p_holm)]


def effect_text(part: Comparison) -> str:
    """Return an effect with its interval, as ``-0.91 (-1.35 to -0.47)``; empty where chance plays no part."""
    if part.effect is None or part.low is None or part.high is None:
        return ""
    return f"{part.effect:+.2f} ({part.low:+.2f} to {part.high:+.2f})"


def p_text(p: float | None) -> str:
    """Return a p value with its name, as people write it: ``p 0.03``, ``p < 0.001``; nothing for None."""
    return "" if p is None else f"p {p_value(p)}"


def lacking(one: CheckedClaim) -> list[str]:
    """Return lines on what a claim lacks: the first thing, and the command that provides it."""
    missing = list(dict.fromkeys(part.lacking for part in one.comparisons if part.verdict == MISSING))
    if not missing:
        return []
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return [f"lacks {missing[0]}{more}", f"needs {one.claim.needs}"]
