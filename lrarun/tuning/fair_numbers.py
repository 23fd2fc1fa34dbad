"""The fair table: every rule after the same search, with its gain, its rank and how sensitive it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from lrarun.paper import MODELS
from lrarun.report.paired import MissingEvidence, Mistakes, compare, mistakes_of
from lrarun.report.repetitions import mean
from lrarun.report.statistics import CONFIDENCE, holm
from lrarun.results.result import DIVERGED, PRUNED, Result
from lrarun.tuning.fair import Cell, Entry, by_place
from lrarun.tuning.fair_pairs import compared, with_predictions
from lrarun.tuning.trials import Trial, rank

LOG = logging.getLogger(__name__)

NEAR = 1.0  # points of validation error, for the sensitivity
COLUMNS = (
    "dataset", "depth", "model", "trials", "pruned", "diverged", "validation_error", "near_best", "runs", "test_error",
    "test_error_std", "faithful_runs", "faithful_test_error", "gain", "gain_half_width", "gain_p", "rank",
    "rank_low", "rank_high", "better_than", "state",
)  # fmt: skip


def table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return one row per search, in the paper's order of rules; the columns are :data:`COLUMNS`.

    ``near_best`` is the share of trials whose validation error is within :data:`NEAR` points of the best one's; one
    that was pruned or diverged is not. ``gain`` is the tuned test error less the faithful one, points, with half of
    its 95 % interval and a p value (Holm over the rules of a data set and depth). ``rank`` counts from the lowest test
    error of the rules whose winners are complete; ``rank_low`` and ``rank_high`` are the ranks that no comparison
    rules out, and ``better_than`` the rules with surely more errors (Holm over the pairs of a data set and depth).
    A rule that is not complete counts in both corrections, with a p of 1: so nothing is easier to decide before all
    are there than after.
    """
    rows = []
    for group in by_place(entries):
        ranks = _ranks([entry for entry in group if entry.complete], len(group))
        rows += _gains_corrected([_row(entry) | ranks.get(entry.cell, {}) for entry in group])
    whole = dict.fromkeys(("trials", "pruned", "diverged", "runs", "faithful_runs", "rank_low", "rank_high"), "Int64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(whole)


def _row(entry: Entry) -> dict[str, Any]:
    states = [trial.state for trial in entry.trials]
    ranked = rank(entry.trials)
    best = ranked[0].validation_error if ranked and entry.searched else None
    errors, usual = _errors(entry.runs), _errors(entry.faithful)
    row = {
        "dataset": entry.cell.dataset,
        "depth": entry.cell.depth,
        "model": MODELS[entry.cell.rule],
        "trials": sum(trial.ended for trial in entry.trials),
        "pruned": states.count(PRUNED),
        "diverged": states.count(DIVERGED),
        "validation_error": best,
        "near_best": _near_best(entry.trials) if best is not None else None,
        "runs": len(errors),
        "test_error": mean(errors) if errors else None,
        "test_error_std": stdev(errors) if len(errors) > 1 else None,
        "faithful_runs": len(usual),
        "faithful_test_error": mean(usual) if usual else None,
        "state": entry.state or (DIVERGED if entry.complete and not errors else ""),
    }
    return row | (_gain(entry) if entry.runs and entry.faithful and entry.complete else {})


def _errors(runs: Iterable[Result]) -> list[float]:
    return [run.test_error for run in runs if run.finished and run.test_error is not None]


def _with_diverged(runs: Sequence[Result]) -> list[float]:
    return [*_errors(runs), *(100.0 for run in runs if run.state == DIVERGED)]


def _near_best(trials: Sequence[Trial]) -> float:
    errors = [float(trial.validation_error or 0.0) for trial in rank(trials)]
    return sum(error <= errors[0] + NEAR for error in errors) / len(trials)


def _gain(entry: Entry) -> dict[str, float]:
    """Return tuned less faithful, its half-width and p value; without stored predictions the difference alone."""
    try:
        difference = compare(mistakes_of(entry.runs), mistakes_of(entry.faithful))
        width, p = difference.half_width(CONFIDENCE), difference.p()
        return {"gain": difference.effect, "gain_half_width": width, "gain_p": p}
    except MissingEvidence:
        return {"gain": fmean(_with_diverged(entry.runs)) - fmean(_with_diverged(entry.faithful))}


def _gains_corrected(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of one data set and depth with Holm's p values for the gains."""
    corrected = holm([row.get("gain_p", 1.0) for row in rows])
    return [row | ({"gain_p": p} if "gain_p" in row else {}) for row, p in zip(rows, corrected)]


def _ranks(entries: Sequence[Entry], rules: int) -> dict[Cell, dict[str, Any]]:
    """Return each rule's rank among those given, and what the comparisons decide; there are to be so many rules."""
    sides = with_predictions(entries)
    better: dict[Cell, set[Cell]] = {cell: set() for cell in sides}  # cell -> those that are better beyond doubt
    try:
        for pair in compared(sides, rules):
            if pair.sure:
                low, high = (pair.one, pair.other) if pair.difference.effect < 0 else (pair.other, pair.one)
                better[high].add(low)
    except MissingEvidence as error:
        LOG.warning("lrarun: no ranks: %s", error)
        return {}
    return {cell: _rank_of(cell, sides, better) for cell in sides}


def _rank_of(cell: Cell, sides: Mapping[Cell, Mistakes], better: Mapping[Cell, set[Cell]]) -> dict[str, Any]:
    own = sides[cell].error
    below = sum(side.error < own for side in sides.values())
    equal = sum(side.error == own for side in sides.values())
    worse = [MODELS[other.rule] for other in sides if cell in better[other]]
    low, high = 1 + len(better[cell]), len(sides) - len(worse)
    return {"rank": below + (1 + equal) / 2, "rank_low": low, "rank_high": high, "better_than": ", ".join(worse)}
