"""Whether our test error of a cell is the paper's: the rule of ``docs/verdicts.md``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pandas as pd

from lrarun.paper import rounding
from lrarun.report.cells import MISSING
from lrarun.report.statistics import binomial_variance, t_quantile, welch
from lrarun.results.read import DIVERGED

REPRODUCED, BETTER, WORSE, INCONCLUSIVE = "reproduced", "better", "worse", "inconclusive"
VERDICTS = (REPRODUCED, BETTER, WORSE, INCONCLUSIVE, MISSING)
TEST_IMAGES = 10_000


@dataclass(frozen=True)
class Verdict:
    """A verdict on one cell.

    Attributes:
        name: one of :data:`VERDICTS`, or empty where the paper prints nothing.
        difference: our test error minus the paper's, in points of percent.
        tolerance: the largest difference that counts as ``reproduced``, in the same points.
        note: why a verdict is inconclusive, and what would decide it.
    """

    name: str
    difference: float | None = None
    tolerance: float | None = None
    note: str = ""


def judge(ours: float, std: float | None, runs: int, printed: str) -> Verdict:
    """Judge our test error against a printed one.

    Args:
        ours: mean test error over the runs, in percent.
        std: sample standard deviation over seeds; None with one run.
        runs: their number.
        printed: the paper's number with the digits that it prints.

    The tolerance covers chance in the choice of 10,000 test images, in both numbers, and
    the paper's rounding; from two seeds on also the spread over seeds, of our mean and of
    the paper's one run.
    """
    difference = ours - float(printed)
    images = [(binomial_variance(error, TEST_IMAGES), math.inf) for error in (ours, float(printed))]
    base = tolerance_of(images) + rounding(printed)
    if runs < 2 or std is None:
        return judge_one_seed(difference, base)
    spread = (std**2 * (1 + 1 / runs), runs - 1)
    tolerance = tolerance_of([*images, spread]) + rounding(printed)
    if abs(difference) > tolerance:
        return Verdict(WORSE if difference > 0 else BETTER, difference, tolerance)
    if abs(difference) > base and tolerance > 2 * base:
        return Verdict(INCONCLUSIVE, difference, tolerance, f"seeds differ by ±{std:.2f}: needs more than {runs}")
    return Verdict(REPRODUCED, difference, tolerance)


def judge_one_seed(difference: float, tolerance: float) -> Verdict:
    """Judge a single run: with the spread over seeds unknown, up to twice the tolerance is inconclusive."""
    if abs(difference) <= tolerance:
        return Verdict(REPRODUCED, difference, tolerance)
    if abs(difference) <= 2 * tolerance:
        return Verdict(INCONCLUSIVE, difference, tolerance, "one seed: needs more")
    return Verdict(WORSE if difference > 0 else BETTER, difference, tolerance)


def tolerance_of(parts: list[tuple[float, float]]) -> float:
    """Return half the width of the confidence interval of a difference with those (variance, degrees of freedom)."""
    return t_quantile(welch(parts)) * math.sqrt(sum(variance for variance, _ in parts))


def verdict_on(cell: pd.Series) -> Verdict:
    """Judge a row of :func:`lrarun.report.cells.fill`."""
    if not cell.paper_test:
        return Verdict("")
    found = unfinished(cell) if cell.outstanding or pd.isna(cell.runs) else finished(cell)
    if cell.departs and found.name != MISSING:
        return replace(found, name=INCONCLUSIVE, note=cell.departs)
    return found


def finished(cell: pd.Series) -> Verdict:
    """Judge a cell whose runs have all finished."""
    std = None if math.isnan(cell.test_error_std) else cell.test_error_std
    return judge(cell.test_error, std, int(cell.runs), cell.paper_test)


def unfinished(cell: pd.Series) -> Verdict:
    """Judge a cell that lacks runs."""
    if not pd.isna(cell.runs):
        return Verdict(INCONCLUSIVE, note=f"{cell.runs} of {cell.runs + cell.outstanding} seeds: {cell.state}")
    if cell.state in ("", MISSING):
        return Verdict(MISSING)
    if cell.state.startswith(DIVERGED):
        return Verdict(WORSE, note=cell.state)
    return Verdict(INCONCLUSIVE, note=cell.state)


def add_verdicts(cells: pd.DataFrame) -> pd.DataFrame:
    """Fill the column ``verdict``, and add columns ``difference``, ``tolerance`` and ``note``."""
    found = [verdict_on(cell) for _, cell in cells.iterrows()]
    numbers = pd.DataFrame([(verdict.difference, verdict.tolerance) for verdict in found], cells.index, dtype="float64")
    return cells.assign(
        verdict=[verdict.name for verdict in found],
        difference=numbers[0],
        tolerance=numbers[1],
        note=[verdict.note for verdict in found],
    )
