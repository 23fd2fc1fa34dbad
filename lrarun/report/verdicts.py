"""Whether our test error of a cell is the paper's: the rule of ``docs/verdicts.md``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pandas as pd

from lrarun.paper import MARGINS, Key, breakdown_lines, rounding
from lrarun.report.repetitions import MISSING
from lrarun.report.statistics import CONFIDENCE, ONE_SEED, Estimate, binomial_variance
from lrarun.results.result import DIVERGED

REPRODUCED, LOWER, HIGHER, INCONCLUSIVE = "reproduced", "lower", "higher", "inconclusive"
VERDICTS = (REPRODUCED, LOWER, HIGHER, INCONCLUSIVE, MISSING)
TEST_IMAGES = 10_000
# Two one-sided tests at 5 % are one interval at 90 %.
EQUIVALENCE = 1 - 2 * (1 - CONFIDENCE)
MANY_SEEDS, EVER_SO_MANY = 50, 10**9
NUMBERS = ("difference", "half_width_90", "half_width_95", "margin")


@dataclass(frozen=True)
class Verdict:
    """A verdict on one cell; numbers in points of percent, None where there is none.

    Attributes:
        name: one of :data:`VERDICTS`, or empty where the paper prints nothing.
        difference: our mean test error minus the paper's.
        half_width_90, half_width_95: half the widths of its confidence intervals, the paper's rounding included.
        margin: the difference from which on two errors count as different.
        note: why a verdict is inconclusive, and what would decide it; that a run was scored early.
    """

    name: str
    difference: float | None = None
    half_width_90: float | None = None
    half_width_95: float | None = None
    margin: float | None = None
    note: str = ""


def judge(ours: float, std: float | None, runs: int, printed: str, margin: float) -> Verdict:
    """Judge our test error against a printed one.

    Args:
        ours: mean test error over the runs, in percent.
        std: sample standard deviation over seeds; None with one run.
        runs: their number.
        printed: the paper's number with the digits that it prints.
        margin: in points; the two errors count as the same if they surely differ by less.
    """
    found = difference(ours, std, runs, float(printed), margin)
    narrow, wide = (found.half_width(level) + rounding(printed) for level in (EQUIVALENCE, CONFIDENCE))
    off = abs(found.effect)
    if off + narrow < margin:
        name = REPRODUCED
    elif off > wide:
        name = LOWER if found.effect < 0 else HIGHER
    else:
        name = INCONCLUSIVE
    return Verdict(name, found.effect, narrow, wide, margin)


def difference(ours: float, std: float | None, runs: int, paper: float, margin: float) -> Estimate:
    """Return our error minus the paper's, with its variance.

    The paper's number is one run, which is taken to vary over seeds as ours do. The images are the same. Where two
    rules' expected errors differ by the margin, one errs on at least so many images more: that is their variance.
    """
    images = binomial_variance(margin, TEST_IMAGES), math.inf
    if runs > 1 and std is not None:
        return Estimate(ours - paper, ((std**2 * (1 + 1 / runs), runs - 1), images))
    seeds = ONE_SEED**2 * (binomial_variance(ours, TEST_IMAGES) + binomial_variance(paper, TEST_IMAGES))
    return Estimate(ours - paper, ((seeds, math.inf), images))


def judge_broken(ours: float, std: float | None, runs: int, line: float) -> Verdict:
    """Judge our test error where the paper's network broke down: does ours, that is, is it above a line?

    Args:
        ours, std, runs: as for :func:`judge`.
        line: in percent.
    """
    images = binomial_variance(ours, TEST_IMAGES)
    seeds = (std**2 / runs, runs - 1) if runs > 1 and std is not None else (ONE_SEED**2 * images, math.inf)
    beyond = Estimate(ours - line, (seeds, (images, math.inf)))
    few = "" if runs > 1 else "; one seed: the spread is assumed"
    if abs(beyond.effect) <= beyond.half_width():
        return Verdict(
            INCONCLUSIVE, note=f"the paper's broke down; ours is not told from {line:.2f}, the line for that{few}"
        )
    if beyond.effect > 0:
        return Verdict(REPRODUCED, note=f"both broke down: above {line:.2f}{few}")
    return Verdict(LOWER, note=f"the paper's broke down, ours did not: below {line:.2f}{few}")


def verdict_on(cell: pd.Series) -> Verdict:
    """Judge a row of :func:`lrarun.report.cells.fill`."""
    if not cell.paper_test:
        return Verdict("")
    found = unfinished(cell) if cell.outstanding or pd.isna(cell.runs) else finished(cell)
    found = replace(found, note="; ".join(filter(None, (found.note, cell.early))))
    if cell.departs and found.name != MISSING:
        return replace(found, name=INCONCLUSIVE, note=cell.departs)
    return found


def line_of(cell: pd.Series) -> float | None:
    """Return the error above which a cell's network broke down as the paper's did; None if the paper's did not."""
    return breakdown_lines().get(Key(cell.dataset, cell.model, cell.depth, cell.optimizer))


def finished(cell: pd.Series) -> Verdict:
    """Judge a cell whose runs have all finished."""
    numbers = cell.test_error, None if math.isnan(cell.test_error_std) else cell.test_error_std, int(cell.runs)
    line = line_of(cell)
    if line is not None:
        return replace(judge_broken(*numbers, line), difference=cell.test_error - float(cell.paper_test))
    found = judge(*numbers, cell.paper_test, MARGINS[cell.dataset])
    return replace(found, note=advice(*numbers, cell.paper_test, found)) if found.name == INCONCLUSIVE else found


def advice(ours: float, std: float | None, runs: int, printed: str, found: Verdict) -> str:
    """Return why a verdict is inconclusive, and how many seeds would decide it if mean and spread stayed."""
    if std is None or found.margin is None:
        return "one seed: the spread is unknown"
    for seeds in [*range(runs + 1, MANY_SEEDS + 1), EVER_SO_MANY]:
        if judge(ours, std, seeds, printed, found.margin).name != INCONCLUSIVE:
            return f"needs about {seeds} seeds" if seeds <= MANY_SEEDS else f"needs more than {MANY_SEEDS} seeds"
    return "no number of seeds decides it at this spread: the paper has one run"


def unfinished(cell: pd.Series) -> Verdict:
    """Judge a cell that lacks runs."""
    if not pd.isna(cell.runs):
        return Verdict(INCONCLUSIVE, note=f"{cell.runs} of {cell.runs + cell.outstanding} seeds: {cell.state}")
    if cell.state in ("", MISSING):
        return Verdict(MISSING)
    if cell.state.startswith(DIVERGED):
        return Verdict(HIGHER if line_of(cell) is None else REPRODUCED, note=cell.state)
    return Verdict(INCONCLUSIVE, note=cell.state)


def add_verdicts(cells: pd.DataFrame) -> pd.DataFrame:
    """Fill the column ``verdict``, and add ``note`` and the numbers of :class:`Verdict`, NaN for None."""
    found = [verdict_on(cell) for _, cell in cells.iterrows()]
    numbers = {
        name: pd.Series([getattr(verdict, name) for verdict in found], cells.index, dtype="float64") for name in NUMBERS
    }
    return cells.assign(
        verdict=[verdict.name for verdict in found], **numbers, note=[verdict.note for verdict in found]
    )
