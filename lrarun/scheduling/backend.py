"""What trains runs, seen from the schedule: a place that takes jobs and sends messages.

:func:`train` is what every place does with one job.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lrarun.data.dataset import Dataset
from lrarun.results.read import FAILED, INTERRUPTED
from lrarun.runs.failures import reason_of
from lrarun.runs.lock import Locked
from lrarun.runs.run import Hooks, Stopped, run
from lrarun.scheduling.plan import Job
from lrarun.specs.spec import Spec


class Begun(NamedTuple):
    """Training has begun or goes on; ``epoch`` epochs are done."""

    epoch: int


class Lost(NamedTuple):
    """A run that had begun starts anew, for this reason."""

    reason: str


class Epoch(NamedTuple):
    """An epoch is done; its row of the log."""

    record: Mapping[str, Any]


class Paused(NamedTuple):
    """A checkpoint was stored, when ``epoch`` epochs and this part of the next one were done."""

    epoch: int
    part: float


class Ended(NamedTuple):
    """Nothing more will be heard of this job; ``state`` as in ``scheduling.Outcome``."""

    state: str
    reason: str = ""


STOPPED = Ended(INTERRUPTED, "stopped")


class Busy(NamedTuple):
    """Another process is training this run."""


Message = Lost | Begun | Epoch | Paused | Ended | Busy
Hear = Callable[[Job, Message], None]


class Backend(ABC):
    """A place where jobs are trained."""

    @property
    @abstractmethod
    def free(self) -> bool:
        """Whether it takes another job now."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Takes a job, which ends with one ``Ended`` or ``Busy``."""

    @abstractmethod
    def wait(self, seconds: float, hear: Hear) -> None:
        """Passes on what has been said, after at most so many seconds if nothing is."""

    @abstractmethod
    def stop(self, hear: Hear) -> None:
        """Makes every job end within two seconds, its state stored."""

    @abstractmethod
    def close(self) -> None:
        """Gives back what the place holds. Jobs still in training are ended without a word."""


def train(
    spec: Spec, anew: bool, dataset: Dataset, results: Path, tell: Callable[[Message], None], stop: Callable[[], bool]
) -> Ended | Busy:
    """Trains one run in this thread, with one BLAS thread, and says how it ended."""
    from threadpoolctl import threadpool_limits

    hooks = Hooks(
        lost=lambda reason: tell(Lost(reason)),
        started=lambda epoch: tell(Begun(epoch)),
        epoch=lambda record: tell(Epoch(record)),
        paused=lambda epoch, part: tell(Paused(epoch, part)),
        stop=stop,
    )
    try:
        with threadpool_limits(1, "blas"):
            result = run(spec, dataset, results, hooks, anew)
    except Locked:
        return Busy()
    except Stopped:
        return STOPPED
    except (Exception, SystemExit) as error:  # one run must not stop the others, nor what trains them
        return Ended(FAILED, reason_of(error, spec.algorithm))
    return Ended(result.state, result.record.get("reason", ""))
