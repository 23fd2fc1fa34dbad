"""The searches of the fair table, as far as studies and their winners' runs have come.

docs/fair-table.md has the protocol. Nothing here trains or writes; what is not there yet is ``missing``.
:mod:`lrarun.tuning.fair_numbers` has the table.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from lrarun.errors import LrarunError
from lrarun.paper import MODELS
from lrarun.report.repetitions import by_settings, one_per_seed, settings
from lrarun.results.read import contents_of, read_result
from lrarun.results.result import DIVERGED, Result
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
MISSING = "missing"


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


def by_place(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the searches of each data set and depth, in the paper's order of rules."""
    groups: dict[tuple[str, int], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: _place(entry.cell)):
        groups.setdefault(entry.cell[:2], []).append(entry)
    return list(groups.values())


def _place(cell: Cell) -> tuple[int, int, int]:
    return DATASETS.index(cell.dataset), DEPTHS.index(cell.depth), list(MODELS).index(cell.rule)
