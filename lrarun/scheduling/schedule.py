"""The order of many runs: what is begun when, what is waited for, and how each ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrarun.errors import RunsFailed
from lrarun.results.read import DIVERGED, FAILED, FINISHED, Result, read_result
from lrarun.runs.checkpoint import CHECKPOINT
from lrarun.runs.lock import is_locked
from lrarun.runs.run import tidy
from lrarun.scheduling.backend import Backend, Begun, Busy, Ended, Epoch, Lost, Message, Paused
from lrarun.scheduling.plan import RESUME, SKIP, TRAIN, WAIT, Job, longest_first
from lrarun.scheduling.watcher import Watcher
from lrarun.specs.spec import Spec

KILLED = "killed"
TICK = 0.2  # seconds between two looks at whether to stop
LOOK_AGAIN = 0.5  # seconds between two looks at a run that another process is training


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        spec: the run's spec.
        state: ``finished``, ``diverged``, ``failed``, ``interrupted`` or ``killed`` (its
            process died; what it had stored stays, and the run can be gone on with).
        reason: why, if it is not finished.
        result: what its folder says, or None if that cannot be read.
        skipped: there was nothing to do.
    """

    spec: Spec
    state: str
    reason: str = ""
    result: Result | None = None
    skipped: bool = False

    @property
    def run_id(self) -> str:
        """The spec's."""
        return self.spec.run_id

    @property
    def traceback(self) -> Sequence[str]:
        """Its lines, of a run that failed by an error in code; else none."""
        kept = self.result is not None and self.state == FAILED and self.result.record.get("traceback")
        return kept or ()

    @property
    def stored(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.result is not None and (self.result.folder / CHECKPOINT).exists()


def raise_for_failures(outcomes: Sequence[Outcome]) -> None:
    """Raises ``RunsFailed``, naming each run that is not finished, if there is one."""
    bad = [outcome for outcome in outcomes if outcome.state != FINISHED]
    if not bad:
        return
    lines = [f"  {outcome.run_id}: {outcome.state}: {outcome.reason}" for outcome in bad]
    if any(outcome.traceback for outcome in bad):
        lines.append("Where in the code it was: lrarun show RUN -v")
    again = [outcome for outcome in bad if outcome.state != DIVERGED]
    if again:
        lines.append(f"The same command tries again what failed or was killed, {_from_where(again)}.")
    raise RunsFailed("\n".join([f"{len(bad)} of {len(outcomes)} runs did not finish:", *lines]))


def _from_where(outcomes: Sequence[Outcome]) -> str:
    stored = sum(outcome.stored for outcome in outcomes)
    if not stored:
        return "from the start: no checkpoint was stored"
    return "from the last checkpoint" if stored == len(outcomes) else "from the last checkpoint, if there is one"


class Schedule:
    """Jobs on their way through a backend.

    Args:
        jobs: what to do, in any order.
        results: the folder that holds the runs' folders.
        backend: where they are trained; closed at the end.
        watcher: told how they go.
    """

    def __init__(self, jobs: Sequence[Job], results: Path, backend: Backend, watcher: Watcher):
        self.jobs, self.results, self.backend, self.watcher = jobs, results, backend, watcher
        self.pending = deque(longest_first(job for job in jobs if job.action in (TRAIN, RESUME)))
        self.elsewhere = {job.run_id: job for job in jobs if job.action == WAIT}
        self.active: dict[str, Job] = {}
        self.outcomes = {job.run_id: self._skipped(job) for job in jobs if job.action == SKIP}
        self._look_again = 0.0
        self._said_waiting = False

    def run(self, stop: Callable[[], bool]) -> list[Outcome]:
        """Trains them all; returns how each ended, in the order of the jobs.

        Raises:
            KeyboardInterrupt: ``stop()`` was true.
        """
        try:
            while self.pending or self.active or self.elsewhere:
                self._begin()
                self._wait()
                if stop():
                    raise KeyboardInterrupt
                self._recall()
        except KeyboardInterrupt:
            self.backend.stop(self._hear)
            raise
        finally:
            self.backend.close()
        return [self.outcomes[job.run_id] for job in self.jobs]

    def _begin(self) -> None:
        while self.pending and self.backend.free:
            job = self.pending.popleft()
            self.active[job.run_id] = job
            self.backend.submit(job)

    def _wait(self) -> None:
        if self.active:
            self.backend.wait(TICK, self._hear)
            return
        if self.elsewhere and not self._said_waiting:
            self._said_waiting = True
            self.watcher.waiting(list(self.elsewhere.values()))
        time.sleep(TICK)

    def _recall(self) -> None:
        """Takes back runs that no other process is training any more."""
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + LOOK_AGAIN
        for run_id, job in list(self.elsewhere.items()):
            if is_locked(self.results / run_id):
                continue
            del self.elsewhere[run_id]
            result = read_result(self.results / run_id)
            if result is not None and result.state in (FINISHED, DIVERGED):
                self._end(job, Ended(result.state, result.record.get("reason", "")))
            else:  # stopped or killed there; what was to be forgotten has been
                self.pending.append(replace(job, action=RESUME, anew=False))

    def _hear(self, job: Job, message: Message) -> None:
        match message:
            case Lost(reason):
                self.watcher.lost(job, reason)
            case Begun(epoch):
                self.watcher.begun(job, epoch)
            case Epoch(record):
                self.watcher.epoch(job, record)
            case Paused(epoch, part):
                self.watcher.paused(job, epoch, part)
            case Busy():
                self.elsewhere[job.run_id] = self.active.pop(job.run_id)
                self._said_waiting = False
            case Ended():
                del self.active[job.run_id]
                self._end(job, message)

    def _end(self, job: Job, message: Ended) -> None:
        result = read_result(self.results / job.run_id)
        if message.state == KILLED and result is not None and result.finished:
            message = Ended(FINISHED)  # killed when all was done
        if message.state == FINISHED:
            tidy(self.results / job.run_id)
        outcome = Outcome(job.spec, message.state, message.reason, result)
        self.outcomes[job.run_id] = outcome
        self.watcher.ended(job, outcome)

    def _skipped(self, job: Job) -> Outcome:
        result = read_result(self.results / job.run_id)
        state = result.state if result is not None else FINISHED
        if state == FINISHED:
            tidy(self.results / job.run_id)
        return Outcome(job.spec, state, job.reason, result, skipped=True)
