"""A claim of the paper, the comparisons that it consists of, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import yaml

from lrarun.report.repetitions import MISSING
from lrarun.report.verdicts import INCONCLUSIVE

HOLDS, FAILS = "holds", "fails"
VERDICTS = (HOLDS, FAILS, INCONCLUSIVE, MISSING)


@dataclass(frozen=True)
class Claim:
    """One statement of the paper, as ``claims.yaml`` has it.

    Attributes:
        id: its name.
        says: the statement.
        where: its place in the paper.
        needs: the command that provides the results, for when they are missing.
        kind: how it is tested, one of :data:`lrarun.report.claims.kinds.KINDS`.
        model, optimizer: the experiment that it is about; without an optimizer, the paper's.
        than, than_optimizer: the experiments that it is compared with.
        datasets, depths: where it is tested; ``breakdown`` takes a shallow and a deep network.
        settings: the settings that ``spread`` varies.
        epochs: how many a log must have; ``angle`` looks at these alone.
        points, happens: the bound of ``breakdown`` in points of percent, and whether it is exceeded.
        at_most: the bound of ``angle`` in degrees.
        note: what is to be known beside the verdict.
    """

    id: str
    says: str
    where: str
    needs: str
    kind: str
    model: str
    depths: Sequence[int]
    datasets: Sequence[str] = ("mnist",)
    optimizer: str = ""
    than: Sequence[str] = ()
    than_optimizer: str = ""
    settings: Sequence[Mapping[str, Any]] = ()
    epochs: int = 0
    points: float = 0.0
    happens: bool = True
    at_most: float = math.inf
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """One part of a claim.

    Attributes:
        what: the part, in words.
        numbers: ours, in words.
        effect: what was measured: a difference of errors in points, an angle in degrees, or a number of products.
        low, high: its confidence interval; None where chance plays no part.
        against: what the effect is tested against.
        favour: above 0 in favour of the claim, below 0 against it; None where results are missing.
        p: two-sided p value of the effect against that number; None where chance plays no part.
        p_holm: the same, corrected for the number of the claim's comparisons.
        verdict: one of :data:`VERDICTS`.
        lacking: what is missing.
        paper: the paper's own numbers, if it prints them.
        paper_agrees: whether they are on the claim's side.
        note: what is to be known beside the numbers.
        assumed: whether a side has one seed, so that interval and p rest on an assumed spread.
    """

    what: str
    numbers: str = ""
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    against: float = 0.0
    favour: float | None = None
    p: float | None = None
    p_holm: float | None = None
    verdict: str = MISSING
    lacking: str = ""
    paper: str = ""
    paper_agrees: bool | None = None
    note: str = ""
    assumed: bool = False


@dataclass(frozen=True)
class CheckedClaim:
    """A claim with its comparisons and verdict."""

    claim: Claim
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Return ``fails`` if a part fails, ``holds`` if all hold, else ``missing`` if a part is missing."""
        parts = {comparison.verdict for comparison in self.comparisons}
        return next((verdict for verdict in (FAILS, MISSING, INCONCLUSIVE) if verdict in parts), HOLDS)


def load_claims() -> list[Claim]:
    """Return the paper's claims, in the order of ``claims.yaml``."""
    text = (files("lrarun.paper") / "claims.yaml").read_text(encoding="utf-8")
    return [Claim(**entry) for entry in yaml.safe_load(text)]
