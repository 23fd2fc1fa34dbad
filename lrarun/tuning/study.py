"""A study: rounds of trials, proposed, trained and judged, until the budget is spent.

``RESULTS/studies/<study id>/study.json`` holds what each round proposed, and is written whole or not at all before the
round is trained. The trials' runs lie in the results folder like any other. Whoever goes on with a study reads both,
and so comes to the same next round. Two commands that do so at once share the runs.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrarun.errors import RunsFailed, UsageError
from lrarun.files import to_json, write_atomic
from lrarun.report.wording import plural
from lrarun.results.read import DIVERGED, FINISHED, PRUNED, load_result
from lrarun.runs.pruning import Limits
from lrarun.runs.staleness import Staleness
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
        """Return the trials proposed so far, as far as they have come; trains and writes nothing.

        Those beyond the budget, of a time when it was larger, count too if they have ended.
        """
        trials: list[Trial] = []
        stored = self._stored()
        last = max(len(stored), self.search.budget.trials)
        while stored[len(trials) :]:
            trials += self._judged(trials, stored[len(trials) : self._end_of_round(trials, last)])
        return [trial for trial in trials if trial.number < self.search.budget.trials or trial.ended]

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
        self.refuse_stale()
        trials: list[Trial] = []
        while len(trials) < self.search.budget.trials:
            proposals = self._proposed(trials)
            judged = self._judged(trials, proposals)
            jobs = self._jobs(trials, judged)
            if jobs:
                told(trials)
                _refuse_failures(train(jobs), failures_told)
                judged = self._judged(trials, proposals)
            trials += judged
        return self.trials()

    def refuse_stale(self) -> None:
        """Refuse to go on if a trial was trained with another rule or on other data than there are now.

        Its validation error says nothing of theirs, and would choose what is tried and who wins.

        Raises:
            UsageError: with the reason and what to do.
        """
        stale, reasons = self._stale()
        if stale:
            clean = shlex.join(["lrarun", "clean", "--results", str(self.results)])
            raise UsageError(
                f"{plural(len(stale), 'trial')} of the study {self.search.study_id} can't be compared with new ones:"
                f" {'; '.join(reasons)}. Nothing was changed. {clean} shows and removes what is stale, then the same"
                " command tries the same settings again; to keep them, name another folder with --results"
            )

    def _stale(self) -> tuple[list[Trial], list[str]]:
        """Return the trials with a stale run or one of other data, and why they are, each reason once."""
        staleness = Staleness()
        stale: list[Trial] = []
        reasons: list[str] = []
        for trial in self.trials():
            results = [load_result(self.results / run.spec.run_id) for run in trial.runs]
            why = [staleness.what_changed(run) or staleness.of_other_data(run) for run in results if run]
            if any(why):
                stale.append(trial)
                reasons += [reason for reason in why if reason]
        return stale, list(dict.fromkeys(reasons))

    def _end_of_round(self, before: Sequence[Trial], last: int | None = None) -> int:
        return min(len(before) + self.search.budget.round, last or self.search.budget.trials)

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

    def _jobs(self, before: Sequence[Trial], judged: Sequence[Trial]) -> list[Job]:
        """Return what is left to train of a round, each run with its limits."""
        due: dict[str, tuple[TrialRun, Limits]] = {}
        for trial in judged:
            for run, limit in zip(trial.runs, self._limits(before)):
                if run.state not in (FINISHED, PRUNED, DIVERGED):
                    due[run.spec.run_id] = run, limit
        jobs = plan([run.spec for run, _ in due.values()], self.results)
        chosen = {run.spec.run_id: _in_words(trial) for trial in judged for run in trial.runs}
        return [replace(job, limits=due[job.run_id][1], differs=chosen[job.run_id]) for job in jobs]

    # --- the study's file

    def _stored(self) -> list[Proposal]:
        try:
            return [dict(trial) for trial in json.loads((self.folder / STUDY).read_text(encoding="utf-8"))["trials"]]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (ValueError, KeyError, TypeError) as error:
            LOG.warning("lrarun: %s is damaged (%s); its trials are proposed anew", self.folder / STUDY, error)
            return []

    def _store(self, proposals: Sequence[Proposal]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / STUDY, to_json({"study": self.search.study_id, "trials": proposals}) + "\n")
        except OSError as error:
            raise UsageError(
                f"{self.folder}: the study cannot be stored there ({error.strerror or error})."
                " Mend that, or name another folder with --results or LRARUN_RESULTS"
            ) from error


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
