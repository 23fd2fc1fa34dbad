"""A study: rounds of trials, proposed, trained and judged, until the budget is spent.

What each round proposed is stored before the round is trained (:mod:`lrarun.tuning.study_file`). The trials' runs lie
in the results folder like any other. Whoever goes on with a study reads both, and so comes to the same next round. Two
commands that do so at once share the runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrarun.errors import RunsFailed, UsageError
from lrarun.report.wording import plural
from lrarun.results.read import load_result
from lrarun.results.result import DIVERGED, PRUNED
from lrarun.results.run_folder import RUN
from lrarun.runs.pruning import Limits
from lrarun.runs.staleness import Staleness
from lrarun.scheduling.outcome import Outcome, raise_for_failures
from lrarun.scheduling.plan import Job, plan
from lrarun.specs.search import Search
from lrarun.specs.space import Proposal
from lrarun.tuning.propose import propose
from lrarun.tuning.study_file import StudyFile
from lrarun.tuning.trials import ENDED, Trial, TrialRun, judge, limits_after, rank

STUDIES = "studies"

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

    @property
    def file(self) -> StudyFile:
        """Where its proposals are stored."""
        return StudyFile(self.folder)

    def trials(self) -> list[Trial]:
        """Return the trials proposed so far, as far as they have come; trains and writes nothing.

        Those beyond the budget, of a time when it was larger, count too once all within it have ended.
        """
        trials: list[Trial] = []
        stored = self.file.proposals()
        last = max(len(stored), self.search.budget.trials)
        while stored[len(trials) :]:
            trials += self._judged(trials, stored[len(trials) : self._end_of_round(trials, last)])
        within, beyond = trials[: self.search.budget.trials], trials[self.search.budget.trials :]
        return within + [trial for trial in beyond if trial.ended and all(each.ended for each in within)]

    def run(
        self,
        train: Train,
        told: Callable[[Sequence[Trial]], None] = lambda trials: None,
        failures_told: bool = False,
    ) -> list[Trial]:
        """Propose and train until the budget is spent, from where the study is; return all trials, each with its end.

        Args:
            train: trains a round's jobs.
            told: called with the trials so far, before each round that has something to train.
            failures_told: ``train`` says why a run fails, so that the error need not.

        Raises:
            RunsFailed: a run failed or was killed; no further round begins.
            UsageError: Optuna is not installed, the study can't be stored, or a trial is stale.
            KeyboardInterrupt: from ``train``; what is done is stored.
        """
        staleness = Staleness()
        self.refuse_stale(self.trials(), staleness)
        trials: list[Trial] = []
        while len(trials) < self.search.budget.trials:
            proposals = self._proposed(trials)
            judged = self._judged(trials, proposals)
            self.refuse_stale(judged, staleness)  # another study may have trained the same runs
            jobs = self._jobs(trials, judged)
            if jobs:
                told(trials)
                _refuse_failures(train(jobs), failures_told)
                judged = self._judged(trials, proposals)
            trials += judged
        return self.trials()

    def refuse_stale(self, trials: Sequence[Trial], staleness: Staleness | None = None) -> None:
        """Refuse to go on if a trial was trained with another rule or on other data than there are now.

        Its validation error says nothing of theirs, and would choose what is tried and who wins.

        Args:
            trials: those to look at.
            staleness: judges whether runs are stale.

        Raises:
            UsageError: with the reason and what to do.
        """
        staleness = staleness or Staleness()
        ended = [run for trial in trials for run in trial.runs if run.state in ENDED]
        results = [result for run in ended if (result := load_result(self.results / run.spec.run_id))]
        elsewhere = [other for result in results if (other := staleness.of_other_data(result))]
        changed = [why for result in results if (why := staleness.what_changed(result))]
        keep = "name another folder with --results"
        if elsewhere:
            raise UsageError(
                f"trials of the study {self.search.study_id} were trained on {elsewhere[0]}, which differ from those"
                f" here. Nothing was changed. To search on the data here, {keep}, or give the data set by its"
                " absolute path, which makes it another study"
            )
        if changed:
            clean = shlex.join(["lrarun", "clean", "--results", str(self.results)])
            raise UsageError(
                f"{plural(len(changed), 'run')} of the study {self.search.study_id} can't be compared with new ones:"
                f" {'; '.join(dict.fromkeys(changed))}. Nothing was changed. {clean} shows and removes what is stale,"
                f" then the same command searches anew; to keep them, {keep}"
            )

    def _end_of_round(self, before: Sequence[Trial], last: int | None = None) -> int:
        return min(len(before) + self.search.budget.round, last or self.search.budget.trials)

    def _proposed(self, before: Sequence[Trial]) -> list[Proposal]:
        """Return a round's proposals: those stored, and new ones where the study has fewer.

        Stored ones of which no run has begun are proposed again: the same, but for a study whose stale trials before
        them were removed and trained anew.
        """
        first, end = len(before), self._end_of_round(before)
        if len(stored := self._stored_from(first)) >= end - first:
            return stored[: end - first]
        fresh = propose(self.search.dimensions, self.search.budget, before, end - first)
        with self.file.alone():
            stored = self._stored_from(first)  # what another command may have stored meanwhile stays
            self.file.store([*(trial.proposal for trial in before), *stored, *fresh[len(stored) :]])
        return [*stored, *fresh[len(stored) :]][: end - first]

    def _stored_from(self, first: int) -> list[Proposal]:
        """Return the stored proposals from a number on; none if no run of them has begun."""
        stored = self.file.proposals()[first:]
        seeds = self.search.budget.seeds
        specs = (self.search.trial(proposal, seed) for proposal in stored for seed in seeds)
        return stored if any((self.results / spec.run_id / RUN).exists() for spec in specs) else []

    def _judged(self, before: Sequence[Trial], proposals: Iterable[Proposal]) -> list[Trial]:
        limits = list(zip(self.search.budget.seeds, self._limits(before)))
        trials = []
        for number, proposal in enumerate(proposals, len(before)):
            runs = [judge(self.search.trial(proposal, seed), self.results, limit) for seed, limit in limits]
            trials.append(Trial(number, proposal, tuple(runs)))
        return trials

    def _limits(self, before: Sequence[Trial]) -> list[Limits]:
        return [limits_after(before, self.search.budget, index) for index in range(len(self.search.budget.seeds))]

    def _jobs(self, before: Sequence[Trial], judged: Sequence[Trial]) -> list[Job]:
        """Return what is left to train of a round, each run with its limits."""
        due: dict[str, tuple[TrialRun, Limits]] = {}
        for trial in judged:
            for run, limit in zip(trial.runs, self._limits(before)):
                if run.state not in ENDED:
                    due[run.spec.run_id] = run, limit
        jobs = plan([run.spec for run, _ in due.values()], self.results)
        chosen = {run.spec.run_id: _in_words(trial) for trial in judged for run in trial.runs}
        return [replace(job, limits=due[job.run_id][1], differs=chosen[job.run_id]) for job in jobs]


def _in_words(trial: Trial) -> str:
    """Return ``trial 6: optimizer adam, learning_rate 0.0003``."""
    parts = [f"{label.rpartition('.')[2]} {value}" for label, value in trial.proposal.items()]
    return f"trial {trial.number}: {', '.join(parts)}"


def _refuse_failures(outcomes: Sequence[Outcome], told: bool) -> None:
    raise_for_failures([each for each in outcomes if each.state not in (PRUNED, DIVERGED)], told)


def best(trials: Sequence[Trial]) -> Trial:
    """Return the winner: the finished trial with the lowest validation error, of equal ones the first.

    Raises:
        RunsFailed: none is finished.
    """
    ranked = rank(trials)
    if not ranked:
        raise RunsFailed("no trial is finished, so there is no winner: all of them diverged; search smaller step sizes")
    return ranked[0]
