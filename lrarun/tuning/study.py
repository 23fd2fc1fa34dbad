"""A study: rounds of trials, proposed, trained and judged, until the budget is spent.

``RESULTS/studies/<study id>/study.json`` holds what each round proposed, and is written whole or not at all before the
round is trained. The trials' runs lie in the results folder like any other. Whoever goes on with a study reads both,
and so comes to the same next round. Two commands that do so at once share the runs.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrarun.errors import RunsFailed
from lrarun.files import to_json, write_atomic
from lrarun.results.read import DIVERGED, FINISHED, PRUNED
from lrarun.runs.pruning import Limits
from lrarun.scheduling.outcome import Outcome, raise_for_failures
from lrarun.scheduling.plan import Job, plan
from lrarun.specs.search import Proposal, Search
from lrarun.tuning.propose import propose
from lrarun.tuning.trials import Trial, TrialRun, judge, limits_after, rank

LOG = logging.getLogger(__name__)
STUDIES = "studies"
STUDY = "study.json"

# Jobs -> how each ended, in their order: lrarun.scheduling.train_all.train_all with its options.
Train = Callable[[Sequence[Job]], list[Outcome]]


@dataclass(frozen=True)
class Study:
    """A search in a results folder.

    Attributes:
        search: what to choose, and the budget.
        results: the folder that holds the runs' folders.
    """

    search: Search
    results: Path

    @property
    def folder(self) -> Path:
        """Where the study's own files are."""
        return self.results / STUDIES / self.search.study_id

    def trials(self) -> list[Trial]:
        """Return the trials proposed so far, as far as they have come; trains and writes nothing."""
        trials: list[Trial] = []
        stored = self._stored()
        while stored[len(trials) : self.search.budget.trials]:
            trials += self._judged(trials, stored[len(trials) : self._end_of_round(trials)])
        return trials

    def run(self, train: Train, told: Callable[[Sequence[Trial]], None] = lambda trials: None) -> list[Trial]:
        """Propose and train until the budget is spent, from where the study is; return all trials, each with its end.

        Args:
            train: trains a round's jobs.
            told: called with the trials so far, before each round that has something to train.

        Raises:
            RunsFailed: a run failed or was killed; no further round begins.
            UsageError: Optuna is not installed.
            KeyboardInterrupt: from ``train``; what is done is stored.
        """
        trials: list[Trial] = []
        while len(trials) < self.search.budget.trials:
            proposals = self._proposed(trials)
            judged = self._judged(trials, proposals)
            jobs = self._jobs(trials, judged)
            if jobs:
                told(trials)
                _refuse_failures(train(jobs))
                judged = self._judged(trials, proposals)
            trials += judged
        return trials

    def _end_of_round(self, before: Sequence[Trial]) -> int:
        return min(len(before) + self.search.budget.round, self.search.budget.trials)

    def _proposed(self, before: Sequence[Trial]) -> list[Proposal]:
        """Return a round's proposals: those stored, and new ones where the study has fewer."""
        stored, first, end = self._stored(), len(before), self._end_of_round(before)
        round = stored[first:end]
        if len(round) < end - first:
            fresh = propose(self.search.dimensions, self.search.budget, before, end - first)
            round = [*round, *fresh[len(round) :]]
            self._store([*stored[:first], *round])
        return round

    def _judged(self, before: Sequence[Trial], proposals: Iterable[Proposal]) -> list[Trial]:
        limits = list(zip(self.search.budget.seeds, self._limits(before)))
        trials = []
        for number, proposal in enumerate(proposals, len(before)):
            runs = [judge(self.search.trial(proposal, seed), self.results, limit) for seed, limit in limits]
            trials.append(Trial(number, proposal, tuple(runs)))
        return trials

    def _limits(self, before: Sequence[Trial]) -> list[Limits]:
        return [limits_after(before, self.search.budget, index) for index in range(len(self.search.budget.seeds))]

    def _jobs(self, before: Sequence[Trial], judged: Iterable[Trial]) -> list[Job]:
        """Return what is left to train of a round, each run with its limits."""
        due: dict[str, tuple[TrialRun, Limits]] = {}
        for trial in judged:
            for run, limit in zip(trial.runs, self._limits(before)):
                if run.state not in (FINISHED, PRUNED, DIVERGED):
                    due[run.spec.run_id] = run, limit
        jobs = plan([run.spec for run, _ in due.values()], self.results)
        return [replace(job, limits=due[job.run_id][1]) for job in jobs]

    # --- the study's file

    def _stored(self) -> list[Proposal]:
        try:
            return [dict(trial) for trial in json.loads((self.folder / STUDY).read_text(encoding="utf-8"))["trials"]]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            LOG.warning("lrarun: %s is damaged (%s); its trials are proposed anew", self.folder / STUDY, error)
            return []

    def _store(self, proposals: Sequence[Proposal]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / STUDY, to_json({"study": self.search.study_id, "trials": proposals}) + "\n")


def _refuse_failures(outcomes: Sequence[Outcome]) -> None:
    raise_for_failures([each for each in outcomes if each.state not in (PRUNED, DIVERGED)], told=True)


def best(trials: Sequence[Trial]) -> Trial:
    """Return the winner: the finished trial with the lowest validation error.

    Raises:
        RunsFailed: none is finished.
    """
    ranked = rank(trials)
    if not ranked:
        raise RunsFailed("no trial is finished, so there is no winner: all of them diverged; search smaller step sizes")
    return ranked[0]
