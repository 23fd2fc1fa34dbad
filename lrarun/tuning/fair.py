"""The fair table: every rule after the same search, from what the studies and their winners' runs left on disk.

docs/fair-table.md has the protocol. Nothing here trains or writes; what is not there yet is ``missing``.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import pandas as pd

from lrarun.errors import LrarunError
from lrarun.paper import MODELS
from lrarun.report.paired import MissingEvidence, Mistakes, compare, mistakes_of
from lrarun.report.repetitions import by_settings, mean, one_per_seed, settings
from lrarun.report.statistics import CONFIDENCE, holm
from lrarun.results.read import contents_of, read_result
from lrarun.results.result import DIVERGED, PRUNED, Result
from lrarun.specs.build import make_spec
from lrarun.specs.search import Search, read_search
from lrarun.tuning.study import Study
from lrarun.tuning.trials import FINISHED, Trial, rank
from lrarun.tuning.winner import fresh_seeds

LOG = logging.getLogger(__name__)

# In the order in which they are trained, so that a part of the table is of use. Eight layers of equilibrium
# propagation cost as much as all other rules together, and come last.
RULES = ("backprop", "rfa", "dfa", "lra-e", "dtp-sigma", "dtp", "equilibrium-propagation")
DATASETS = ("mnist", "fashion-mnist")
DEPTHS = (3, 8)
NEAR = 1.0  # points of validation error, for the sensitivity
MISSING = "missing"
COLUMNS = (
    "dataset", "depth", "model", "trials", "pruned", "diverged", "validation_error", "near_best", "runs", "test_error",
    "test_error_std", "faithful_runs", "faithful_test_error", "gain", "gain_half_width", "gain_p", "rank",
    "rank_low", "rank_high", "better_than", "state",
)  # fmt: skip


class Cell(NamedTuple):
    """One search of the table."""

    dataset: str
    depth: int
    rule: str


def cells() -> list[Cell]:
    """Return the searches of the table, in the order in which they are trained."""
    every = [Cell(*cell) for cell in itertools.product(DATASETS, DEPTHS, RULES)]
    return sorted(every, key=lambda cell: (cell.depth, cell.rule) == (8, "equilibrium-propagation"))


@dataclass(frozen=True)
class Entry:
    """One search, as far as it has come.

    Attributes:
        cell: which.
        study: the search in the results folder.
        trials: those proposed so far.
        runs: the winner's finished and diverged runs, one per seed; none while the search goes on.
        faithful: the finished and diverged runs of the rule's own defaults.
        damage: why its trials can't be read; empty if they can.
    """

    cell: Cell
    study: Study
    trials: Sequence[Trial]
    runs: Sequence[Result] = field(default=())
    faithful: Sequence[Result] = field(default=())
    damage: str = ""

    @property
    def search(self) -> Search:
        """What the study searches."""
        return self.study.search

    @property
    def searched(self) -> bool:
        """Whether the search has come to its end, so that its winner is fixed."""
        return sum(trial.ended for trial in self.trials) >= self.search.budget.trials

    @property
    def complete(self) -> bool:
        """Whether all of the winner's runs have come to their end."""
        return len(self.runs) == self.search.budget.winner_seeds

    @property
    def state(self) -> str:
        """What is missing, in words; empty if nothing is."""
        if self.damage:
            return f"{MISSING}: a damaged trial"
        ended, budget = sum(trial.ended for trial in self.trials), self.search.budget
        if not self.searched:
            return f"{MISSING}: {ended} of {budget.trials} trials" if ended else MISSING
        if not rank(self.trials):
            return "no trial finished"
        return "" if self.complete else f"{MISSING}: {len(self.runs)} of {budget.winner_seeds} seeds"


def read(folder: Path, results: Path, faithful: Path | None = None) -> list[Entry]:
    """Return every search of the table.

    Args:
        folder: holds a spec file per rule, named as the rule.
        results: holds the studies and the runs.
        faithful: holds the runs of the rules' defaults; None for none.

    Raises:
        SpecError: a spec file is missing or not valid.
    """
    runs = by_settings(contents_of(faithful).results) if faithful else {}
    return [_entry(cell, folder, results, runs) for cell in cells()]


def _entry(cell: Cell, folder: Path, results: Path, faithful: Mapping[Any, Sequence[Result]]) -> Entry:
    search = read_search(folder / f"{cell.rule}.yaml", [f"dataset={cell.dataset}", f"depth={cell.depth}"])
    study = Study(search, results)
    default = make_spec({"dataset": cell.dataset, "depth": cell.depth, "algorithm": cell.rule}).to_dict()
    usual = one_per_seed(faithful.get(settings(default), ())).values()
    entry = Entry(cell, study, (), faithful=[run for run in usual if run.state in (FINISHED, DIVERGED)])
    try:
        entry = replace(entry, trials=study.trials())
    except LrarunError as error:
        LOG.warning("lrarun: %s", error)
        return replace(entry, damage=str(error))
    if not entry.searched or not rank(entry.trials):
        return entry
    return replace(entry, runs=list(_winners_runs(entry)))


def _winners_runs(entry: Entry) -> Iterable[Result]:
    own = entry.search.winner(rank(entry.trials)[0].proposal).to_dict()
    for seed in fresh_seeds(entry.search):
        result = read_result(entry.study.results / make_spec(own | {"seed": seed}).run_id)
        if result is not None and result.state in (FINISHED, DIVERGED):
            yield result


# --- the numbers


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
    groups: dict[tuple[str, int], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: _place(entry.cell)):
        groups.setdefault(entry.cell[:2], []).append(entry)
    rows = []
    for group in groups.values():
        ranks = _ranks([entry for entry in group if entry.complete], len(group))
        rows += _gains_corrected([_row(entry) | ranks.get(entry.cell, {}) for entry in group])
    whole = dict.fromkeys(("trials", "pruned", "diverged", "runs", "faithful_runs", "rank_low", "rank_high"), "Int64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(whole)


def _place(cell: Cell) -> tuple[int, int, int]:
    return DATASETS.index(cell.dataset), DEPTHS.index(cell.depth), list(MODELS).index(cell.rule)


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
    sides = _with_predictions(entries)
    pairs = list(itertools.combinations(sides, 2))
    try:
        differences = [compare(sides[one], sides[other]) for one, other in pairs]
    except MissingEvidence as error:
        LOG.warning("lrarun: no ranks: %s", error)
        return {}
    lacking = [1.0] * (math.comb(rules, 2) - len(pairs))
    sure = [p < 1 - CONFIDENCE for p in holm([*(difference.p() for difference in differences), *lacking])]
    better: dict[Cell, set[Cell]] = {cell: set() for cell in sides}  # cell -> those that are better beyond doubt
    for (one, other), difference, certain in zip(pairs, differences, sure):
        if certain:
            better[other if difference.effect < 0 else one].add(one if difference.effect < 0 else other)
    return {cell: _rank_of(cell, sides, better) for cell in sides}


def _with_predictions(entries: Sequence[Entry]) -> dict[Cell, Mistakes]:
    """Return the test results of each rule's winner; warn of a rule that lacks some, as it gets no rank."""
    sides = {}
    for entry in entries:
        try:
            sides[entry.cell] = mistakes_of(entry.runs)
        except MissingEvidence as error:
            rule, where = MODELS[entry.cell.rule], f"{entry.cell.dataset}, {entry.cell.depth} layers"
            LOG.warning("lrarun: %s, %s, has no rank, for lack of %s", rule, where, error)
    return sides


def _rank_of(cell: Cell, sides: Mapping[Cell, Mistakes], better: Mapping[Cell, set[Cell]]) -> dict[str, Any]:
    own = sides[cell].error
    below = sum(side.error < own for side in sides.values())
    equal = sum(side.error == own for side in sides.values())
    worse = [MODELS[other.rule] for other in sides if cell in better[other]]
    low, high = 1 + len(better[cell]), len(sides) - len(worse)
    return {"rank": below + (1 + equal) / 2, "rank_low": low, "rank_high": high, "better_than": ", ".join(worse)}
