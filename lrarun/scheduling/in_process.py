"""Train in this process, one run after another: nothing to start, and a debugger works."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from lrarun.data.dataset import Dataset
from lrarun.scheduling.backend import Backend, Deliver, train
from lrarun.scheduling.plan import Job


class InProcess(Backend):
    """This process.

    Args:
        results: the folder that holds the runs' folders.
        datasets: every data set that the jobs need, by name.
        stop: asked while a run is trained; True makes it store its state and end.
    """

    def __init__(self, results: Path, datasets: Mapping[str, Dataset], stop: Callable[[], bool]):
        self.results, self.datasets, self._stop = results, datasets, stop
        self._job: Job | None = None

    @property
    def free(self) -> bool:
        return self._job is None

    def submit(self, job: Job) -> None:
        self._job = job

    def wait(self, seconds: float, deliver: Deliver) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        dataset = self.datasets[job.spec.dataset]
        with redirect_stdout(sys.stderr):  # what a rule prints is no data of the command's
            ended = train(job.spec, job.anew, dataset, self.results, partial(deliver, job), self._stop, job.limits)
        deliver(job, ended)

    def stop(self, deliver: Deliver) -> None:
        """Do nothing: ``wait`` has returned, so nothing is being trained."""

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
