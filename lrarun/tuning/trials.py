"""Trials: what became of each, judged from the logs of its runs alone.

Nothing else is stored of a trial's end. A run that was pruned, then resumed by hand and finished, counts as pruned all
the same, as its log still exceeds the limits where it did. So a study has one history, however often it is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from lrarun.errors import LrarunError
from lrarun.results.left_out import Damaged
from lrarun.results.log import read_log_and_gaps
from lrarun.results.read import load_result
from lrarun.results.result import DIVERGED, FAILED, FINISHED, INTERRUPTED, PRUNED, Result
from lrarun.results.run_folder import LOG
from lrarun.runs.pruning import Limits, cut, lowest_so_far
from lrarun.specs.search import Budget
from lrarun.specs.space import Proposal
from lrarun.specs.spec import Spec

NEW = "new"
ENDED = (FINISHED, PRUNED, DIVERGED)
FEWEST = 4  # trials before, without which there is no median to speak of


@dataclass(frozen=True)
class TrialRun:
    """One run of a trial.

    Attributes:
        spec: what was trained.
        state: ``finished``, ``pruned``, ``diverged``; else ``failed``, ``interrupted`` or ``new``, and the trial has no
            end yet.
        lowest: the lowest validation error so far after each epoch that counts, percent.
        reason: why it was pruned, diverged or failed.
    """

    spec: Spec
    state: str
    lowest: tuple[float, ...]
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """One proposal and its runs, one per seed of the search.

    Attributes:
        number: from 0.
        proposal: label -> value.
        runs: in the order of the seeds.
    """

    number: int
    proposal: Proposal
    runs: tuple[TrialRun, ...]

    @property
    def state(self) -> str:
        """``finished`` if all runs are; ``failed``, ``diverged`` or ``pruned`` if one is; else it has no end yet."""
        states = [run.state for run in self.runs]
        for state in (FAILED, NEW, INTERRUPTED, DIVERGED, PRUNED):
            if state in states:
                return state
        return FINISHED

    @property
    def ended(self) -> bool:
        """Whether nothing is left to train."""
        return self.state in ENDED

    @property
    def epoch(self) -> int:
        """Epochs that all runs have done."""
        return min(len(run.lowest) for run in self.runs)

    @property
    def validation_error(self) -> float | None:
        """Mean over the runs of the lowest validation error by :attr:`epoch`, percent; None if one diverged."""
        if self.state == DIVERGED or not self.epoch:
            return None
        return fmean(run.lowest[self.epoch - 1] for run in self.runs)

    @property
    def reason(self) -> str:
        """Why it was pruned, diverged or failed; empty if it was not."""
        return next((run.reason for run in self.runs if run.state == self.state), "")


def rank(trials: Sequence[Trial]) -> list[Trial]:
    """Return the finished trials, best first: by validation error, then in the order of their numbers."""
    finished = [trial for trial in trials if trial.state == FINISHED]
    return sorted(finished, key=lambda trial: (trial.validation_error, trial.number))


def limits_after(before: Sequence[Trial], budget: Budget, seed_index: int) -> Limits:
    """Return the highest validation error that the next round's runs with one seed may have after each epoch.

    It is the median over the trials before that came as far; a diverged one counts as infinitely bad from there on.
    There is no limit with fewer than :data:`FEWEST` of them, in the first ``prune_after - 1`` epochs, and after the
    last one.
    """
    if budget.prune == "never":
        return ()
    limits = []
    for epoch in range(1, budget.epochs):
        errors = [error for trial in before if (error := _after(trial.runs[seed_index], epoch)) is not None]
        some = epoch >= budget.prune_after and len(errors) >= FEWEST
        limits.append(median(errors) if some else math.inf)
    return tuple(limits)


def _after(run: TrialRun, epoch: int) -> float | None:
    if epoch <= len(run.lowest):
        return run.lowest[epoch - 1]
    return math.inf if run.state == DIVERGED else None


def judge(spec: Spec, results: Path, limits: Limits) -> TrialRun:
    """Return what became of a run that was trained under these limits.

    Raises:
        LrarunError: the log of a run that has ended lacks an epoch, so that nobody can tell.
    """
    try:
        result = load_result(results / spec.run_id)
    except Damaged:  # it is trained anew, and the plan of that says why
        result = None
    if result is None:
        return TrialRun(spec, NEW, ())
    log: Sequence[Mapping[str, Any]] = read_log_and_gaps(result.folder)[0]  # `_refuse_gaps` says what lacks
    settled = result.state in ENDED
    if settled:
        _refuse_gaps(result, log)
    if result.state == DIVERGED:
        log = [record for record in log if record["epoch"] < result.epoch]  # all but the epoch in which it did
    behind = cut(log, limits)
    if behind and settled:
        return TrialRun(spec, PRUNED, tuple(lowest_so_far(log)[: behind.epoch]), str(behind))
    if result.state == FAILED:
        return TrialRun(spec, FAILED, tuple(lowest_so_far(log)), result.reason or "")
    if not settled or result.state == PRUNED:  # or it was pruned under other limits
        return TrialRun(spec, INTERRUPTED, tuple(lowest_so_far(log)))
    return TrialRun(spec, result.state, tuple(lowest_so_far(log)), result.reason or "")


def _refuse_gaps(result: Result, log: Sequence[Mapping[str, Any]]) -> None:
    done = [record["epoch"] for record in log if "validation_error" in record]
    if done != list(range(1, result.epoch + 1)):
        raise LrarunError(
            f"{result.folder / LOG} is damaged: it lacks epochs of the trial's {result.epoch}, so the trial can't be"
            " ranked; remove that run's folder, and lrarun tune trains it again"
        )
