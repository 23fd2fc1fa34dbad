"""Checked claims for a terminal that is too narrow for a line per comparison: two lines each, by verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lrarun.report.claims.claim import VERDICTS, Comparison
from lrarun.report.columns import broken, ruled, width_of
from lrarun.report.repetitions import MISSING

HEADS = ("comparison", "ours", "paper", "difference", "p")
INDENT = 2
MOST = 18  # characters of a cell but the first; words go on below
LEAST = 20  # characters of the first


def narrow_rows(parts: Sequence[Comparison], width: int) -> list[str]:
    """Return the comparisons that have results as lines of at most ``width``: a table for each verdict."""
    lines: list[str] = []
    for verdict in VERDICTS:
        rows = [cells(part) for part in parts if part.verdict == verdict != MISSING]
        if rows:
            lines += [f"{' ' * INDENT}{verdict}:", *(" " * INDENT + line for line in _table(rows, width - INDENT))]
    return lines


def _table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    kept = [place for place, _ in enumerate(HEADS) if place == 0 or any(row[place] for row in rows)]
    table = [[HEADS[place] for place in kept], *([row[place] for place in kept] for row in rows)]
    whole = ruled(table)
    if width_of(whole) <= width:
        return whole.splitlines()
    table = [[first, *map(_in_parts, rest)] for first, *rest in table]
    used = sum(max(map(width_of, column)) + 2 for column in list(zip(*table))[1:])
    room = max(LEAST, width - used)
    return ruled([[_by_words(first, room), *rest] for first, *rest in table]).splitlines()


def cells(part: Comparison) -> list[str]:
    """Return a comparison's cells, each on one line."""
    from lrarun.report.claims.render import effect_text, p_text

    return [part.what, part.numbers, part.paper, effect_text(part), p_text(part.p_holm).removeprefix("p ")]


def _in_parts(cell: str) -> str:
    """Break a cell where its second part begins, and between words if a part is long."""
    parts = cell.replace(" vs ", "\nvs ").replace(" (", "\n(").splitlines()
    return "\n".join(broken(part, MOST) for part in parts)


def _by_words(what: str, width: int) -> str:
    """Break the words for a comparison, but not a number from its noun."""
    return broken(re.sub(r"(\d) ", "\\1\N{NO-BREAK SPACE}", what), width).replace("\N{NO-BREAK SPACE}", " ")
