"""The paper's claims in the report: each with its verdict and the comparisons it consists of."""

from __future__ import annotations

from collections.abc import Sequence

from lrarun.report.claims.claim import CheckedClaim, Comparison
from lrarun.report.claims.render import comparisons_made, effect_text, notes, p_text, tally
from lrarun.report.repetitions import MISSING
from lrarun.report.web.markup import Html, badge, caption, heads, scrolled, tag
from lrarun.report.wording import plural

RULE = (
    "Tests are over seeds, paired where both sides have the same ones, with the variance of the differences between"
    " test images added; with one seed the spread is taken as twice what the images alone would make. A comparison"
    " holds or fails if its corrected p is below 0.05. A claim fails if one of its comparisons does, and holds if all"
    " do. A diverged run counts as wrong on every image."
)
HEADS = ("Comparison", "Verdict", "Ours", "Paper", "Effect (95 % interval)", "p")


def claims_section(checked: Sequence[CheckedClaim]) -> Html:
    """Return all claims, each to be unfolded."""
    made = comparisons_made(checked)
    corrected = "; p values are two-sided and Holm-corrected over the comparisons of their claim" if made else ""
    intro = (
        f"{plural(len(checked), 'claim')}: {tally([one.verdict for one in checked])}. Each is a set of comparisons,"
        f" tested on our own runs{corrected}."
    )
    details = (claim_details(one, f"claim-{at}") for at, one in enumerate(checked))
    return tag("div", tag("p", intro), *details, tag("p", RULE, class_="rule"))


def claim_details(one: CheckedClaim, id: str) -> Html:
    """Return one claim."""
    claim = one.claim
    summary = tag("summary", badge(one.verdict), " ", claim.says, " ", tag("small", f"({claim.where})"))
    parts = [part for part in one.comparisons if part.verdict != MISSING]
    said = [tag("p", note) for note in notes(one)]
    return tag("details", summary, comparisons(parts, id) if parts else "", *said, lacking(one), class_="claim print")


def comparisons(parts: Sequence[Comparison], id: str) -> Html:
    """Return the comparisons that there are results for."""
    body = [
        tag("tr", tag("th", part.what, scope="row"), tag("td", badge(part.verdict)), tag("td", part.numbers),
            tag("td", part.paper), tag("td", effect_text(part)), tag("td", p_text(part.p_holm)))
        for part in parts
    ]  # fmt: skip
    table = tag("table", caption(f"{tally([part.verdict for part in parts])}", id), heads(HEADS), tag("tbody", *body))
    return scrolled(table, id)


def lacking(one: CheckedClaim) -> Html:
    """Return what the claim lacks, and what provides it."""
    missing = list(dict.fromkeys(part.lacking for part in one.comparisons if part.verdict == MISSING))
    if not missing:
        return Html("")
    return tag("p", f"Missing: {'; '.join(missing)}. Needs: {one.claim.needs}")
