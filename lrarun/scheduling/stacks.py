"""Train runs of the engine jax in this process: those of one likeness at once, stack after stack."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

from lrarun.data.dataset import Dataset
from lrarun.runs.events import Ended, Event
from lrarun.runs.stack import StackRun, Wanted, likeness, most_in_a_stack
from lrarun.scheduling.backend import Backend, Deliver
from lrarun.scheduling.plan import Job


class Stacks(Backend):
    """This process and the device that JAX computes on.

    Args:
        results: the folder that holds the runs' folders.
        datasets: every data set that the jobs need, by name.
        stop: asked while a stack is trained; True makes its runs store their states and end.
        size: the most networks in a stack; None for as many as the device's memory holds.
    """

    together = True

    def __init__(
        self, results: Path, datasets: Mapping[str, Dataset], stop: Callable[[], bool], size: int | None = None
    ):
        self.results, self.datasets, self.size, self._stop = results, datasets, size, stop
        self._jobs: list[Job] = []

    @property
    def free(self) -> bool:
        return True  # a stack is made of the jobs that are there

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def wait(self, seconds: float, deliver: Deliver) -> None:
        if not self._jobs:
            return
        jobs = self._next_stack()
        self._jobs = [job for job in self._jobs if job not in jobs]

        def emit(number: int, event: Event) -> None:
            deliver(jobs[number], event)

        StackRun([self._wanted(job) for job in jobs], self.results, emit, self._stop).train()

    def _next_stack(self) -> list[Job]:
        """Return the first job and those that can be trained with it."""
        like = stacks_of(self._jobs, self.datasets)[0]
        size = self.size or (most_in_a_stack(self._wanted(like[0])) if len(like) > 1 else 1)
        # As many stacks as are needed, all of about the same size.
        return like[: -(-len(like) // -(-len(like) // size))]

    def _wanted(self, job: Job) -> Wanted:
        return Wanted(job.spec, self.datasets[job.spec.dataset], job.anew, job.limits)

    def stop(self, deliver: Deliver) -> None:
        """End the jobs that no stack has taken yet; ``wait`` has returned, so nothing is being trained."""
        for job in self._jobs:
            deliver(job, Ended("interrupted", "stopped before it began"))
        self._jobs = []

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def stacks_of(jobs: Sequence[Job], datasets: Mapping[str, Dataset]) -> list[list[Job]]:
    """Return jobs in groups that one compilation trains, in the order given."""
    groups: dict[Hashable, list[Job]] = {}
    for job in jobs:
        groups.setdefault(likeness(job.spec, datasets[job.spec.dataset]), []).append(job)
    return list(groups.values())
