"""The paper's claims, checked against runs: verdicts, with p values corrected over each claim's comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lrarun.report.claims.claim import FAILS, HOLDS, CheckedClaim, Claim, Comparison
from lrarun.report.claims.evidence import Evidence
from lrarun.report.claims.kinds import KINDS, Products
from lrarun.report.statistics import CONFIDENCE, holm
from lrarun.report.verdicts import INCONCLUSIVE


def check(claims: Sequence[Claim], evidence: Evidence, products: Products | None = None) -> list[CheckedClaim]:
    """Check every claim; a claim's comparisons are the family that its p values are corrected over.

    Args:
        claims: as from :func:`lrarun.report.claims.claim.load_claims`.
        evidence: the runs.
        products: counts matrix products; without it, claims about them are missing.
    """
    return [CheckedClaim(claim, decided(list(KINDS[claim.kind](claim, evidence, products)))) for claim in claims]


def decided(parts: Sequence[Comparison]) -> list[Comparison]:
    """Add the verdicts to a claim's comparisons.

    One that lacks runs counts in the correction, with a p of 1: so no verdict is easier to reach before all runs are
    there than after.
    """
    if all(part.p is None for part in parts):
        return [decide(part, None) for part in parts]
    corrected = holm([1.0 if part.p is None else part.p for part in parts])
    return [decide(part, None if part.p is None else p) for part, p in zip(parts, corrected)]


def decide(part: Comparison, p_holm: float | None) -> Comparison:
    """Add the verdict to a comparison."""
    if part.favour is None:
        return part
    if p_holm is not None and p_holm >= 1 - CONFIDENCE:
        return replace(part, p_holm=p_holm, verdict=INCONCLUSIVE)
    return replace(part, p_holm=p_holm, verdict=HOLDS if part.favour > 0 else FAILS)
