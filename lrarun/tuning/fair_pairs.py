"""The rules of the fair table, two at a time: how far apart their winners are on the same test images."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from lrarun.paper import MODELS
from lrarun.report.paired import MissingEvidence, Mistakes, compare, mistakes_of
from lrarun.report.statistics import CONFIDENCE, Estimate, holm
from lrarun.tuning.fair import Cell, Entry, by_place

LOG = logging.getLogger(__name__)

COLUMNS = ("dataset", "depth", "model", "other", "difference", "difference_low", "difference_high", "p", "p_holm")


class Pair(NamedTuple):
    """Two rules of one data set and depth.

    Attributes:
        one, other: the rules.
        difference: the first's mean test error less the other's, in points.
        p: two-sided, corrected for the pairs of that data set and depth (Holm).
    """

    one: Cell
    other: Cell
    difference: Estimate
    p: float

    @property
    def sure(self) -> bool:
        """Whether the two are told apart."""
        return self.p < 1 - CONFIDENCE


def compared(sides: Mapping[Cell, Mistakes], rules: int) -> list[Pair]:
    """Return every pair of the rules of one data set and depth.

    Args:
        sides: the test results of the rules whose winners are complete.
        rules: how many rules there are to be. A missing one's pairs count in the correction with a p of 1.

    Raises:
        MissingEvidence: two were tested on different images.
    """
    pairs = list(itertools.combinations(sides, 2))
    differences = [compare(sides[one], sides[other]) for one, other in pairs]
    lacking = [1.0] * (math.comb(rules, 2) - len(pairs))
    adjusted = holm([*(difference.p() for difference in differences), *lacking])
    return [Pair(*pair, difference, p) for pair, difference, p in zip(pairs, differences, adjusted)]


def table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return one row per pair of rules whose winners are complete; the columns are :data:`COLUMNS`.

    ``difference`` is the test error of ``model`` less that of ``other``, points, with its 95 % interval. The interval
    and ``p`` are of that pair alone; ``p_holm`` is corrected for all pairs of the data set and depth.
    """
    rows = []
    for group in by_place(entries):
        sides = with_predictions([entry for entry in group if entry.complete])
        try:
            pairs = compared(sides, len(group))
        except MissingEvidence as error:
            LOG.warning("lrarun: no pairs: %s", error)
            continue
        rows += [_row(pair) for pair in pairs]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(pair: Pair) -> tuple[object, ...]:
    effect, half = pair.difference.effect, pair.difference.half_width(CONFIDENCE)
    models = MODELS[pair.one.rule], MODELS[pair.other.rule]
    return (*pair.one[:2], *models, effect, effect - half, effect + half, pair.difference.p(), pair.p)


def with_predictions(entries: Sequence[Entry]) -> dict[Cell, Mistakes]:
    """Return the test results of each rule's winner; warn of a rule that lacks some, as it gets no rank."""
    sides = {}
    for entry in entries:
        try:
            sides[entry.cell] = mistakes_of(entry.runs)
        except MissingEvidence as error:
            rule, where = MODELS[entry.cell.rule], f"{entry.cell.dataset}, {entry.cell.depth} layers"
            LOG.warning("lrarun: %s, %s, has no rank, for lack of %s", rule, where, error)
    return sides
