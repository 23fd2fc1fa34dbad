"""Decide the order of many runs: which starts next, which to wait for, and how each ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lrarun.results.read import is_locked
from lrarun.results.result import DIVERGED, FINISHED
from lrarun.runs.events import Busy, Ended, Event
from lrarun.runs.retraining import newest
from lrarun.runs.run import remove_leftovers
from lrarun.scheduling.backend import Backend
from lrarun.scheduling.outcome import KILLED, Outcome
from lrarun.scheduling.plan import RESUME, SKIP, TRAIN, WAIT, Job
from lrarun.scheduling.watcher import Watcher

STOP_CHECK_SECONDS = 0.2  # between two checks whether to stop
LOCK_CHECK_SECONDS = 0.5  # between two checks of a run that another process is training


def longest_first(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs in the order to start them: longest first, so that no long one is left over at the end."""
    jobs = list(jobs)
    if any(job.seconds is None for job in jobs):
        return sorted(jobs, key=lambda job: -job.work)
    return sorted(jobs, key=lambda job: -(job.seconds or 0.0))


class Schedule:
    """Jobs on their way through a backend.

    Args:
        jobs: what to do, in any order.
        results: the folder that holds the runs' folders.
        backend: where to train; closed at the end.
        watcher: called as the runs go.
    """

    def __init__(self, jobs: Sequence[Job], results: Path, backend: Backend, watcher: Watcher):
        self.jobs, self.results, self.backend, self.watcher = jobs, results, backend, watcher
        self.pending = deque(longest_first(job for job in jobs if job.action in (TRAIN, RESUME)))
        self.elsewhere = {job.run_id: job for job in jobs if job.action == WAIT}
        self.active: dict[str, Job] = {}
        self.outcomes = {job.run_id: self._skipped(job) for job in jobs if job.action == SKIP}
        self._next_lock_check = 0.0
        self._reported_waiting = False

    def run(self, stop: Callable[[], bool]) -> list[Outcome]:
        """Train all jobs and return how each ended, in the order of the jobs.

        Raises:
            KeyboardInterrupt: ``stop()`` was true.
        """
        try:
            while self.pending or self.active or self.elsewhere:
                self._submit_pending()
                self._wait()
                if stop():
                    raise KeyboardInterrupt
                self._take_over_released()
        except KeyboardInterrupt:
            self.backend.stop(self._deliver)
            raise
        finally:
            self.backend.close()
        return [self.outcomes[job.run_id] for job in self.jobs]

    def _submit_pending(self) -> None:
        while self.pending and self.backend.free:
            job = self.pending.popleft()
            self.active[job.run_id] = job
            self.backend.submit(job)

    def _wait(self) -> None:
        if self.active:
            self.backend.wait(STOP_CHECK_SECONDS, self._deliver)
            return
        if self.elsewhere and not self._reported_waiting:
            self._reported_waiting = True
            self.watcher.waiting(list(self.elsewhere.values()))
        time.sleep(STOP_CHECK_SECONDS)

    def _take_over_released(self) -> None:
        """End the runs that another process finished, and queue those that it stopped training."""
        if time.monotonic() < self._next_lock_check:
            return
        # A process that is stopped releases its runs one after another, and a stack should take all of them.
        while self._release() and self.elsewhere and self.backend.together:
            time.sleep(LOCK_CHECK_SECONDS)
        self._next_lock_check = time.monotonic() + LOCK_CHECK_SECONDS

    def _release(self) -> bool:
        """Take over the runs that are not locked any more; return whether there are any."""
        released = [run_id for run_id in self.elsewhere if not is_locked(self.results / run_id)]
        for run_id in released:
            job = self.elsewhere.pop(run_id)
            result = newest(self.results / run_id)
            if result is not None and result.state in (FINISHED, DIVERGED):
                self._end(job, Ended(result.state, result.reason or ""))
            else:  # stopped or killed there; that process has forgotten what was to be forgotten
                self.pending.append(replace(job, action=RESUME, anew=False))
        return bool(released)

    def _deliver(self, job: Job, event: Event) -> None:
        match event:
            case Busy():
                self.elsewhere[job.run_id] = self.active.pop(job.run_id)
                self._reported_waiting = False
            case Ended():
                del self.active[job.run_id]
                self._end(job, event)
            case _:
                self.watcher.event(job, event)

    def _end(self, job: Job, event: Ended) -> None:
        folder = self.results / job.run_id
        result = newest(folder)
        if event.state == KILLED and result is not None and result.finished:
            event = Ended(FINISHED)  # killed after its last write
        if event.state == FINISHED:
            remove_leftovers(folder)
            result = newest(folder)
        outcome = Outcome(job.spec, event.state, event.reason, result)
        self.outcomes[job.run_id] = outcome
        self.watcher.ended(job, outcome)

    def _skipped(self, job: Job) -> Outcome:
        result = newest(self.results / job.run_id)
        state = result.state if result is not None else FINISHED
        if state == FINISHED:
            remove_leftovers(self.results / job.run_id)
        return Outcome(job.spec, state, job.reason, result, skipped=True)
