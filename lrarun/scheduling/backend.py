"""Where runs are trained, as the schedule sees it: a backend takes jobs and delivers their events.

:func:`train` is what every backend does with one job.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from lrarun.data.dataset import Dataset
from lrarun.results.result import FAILED, INTERRUPTED, PRUNED
from lrarun.runs.events import Busy, Ended, Event, Hooks
from lrarun.runs.failures import reason_of
from lrarun.runs.lock import Locked
from lrarun.runs.pruning import Limits
from lrarun.runs.run import Pruned, Stopped, run
from lrarun.scheduling.plan import Job
from lrarun.specs.spec import Spec

STOPPED = Ended(INTERRUPTED, "stopped")

Deliver = Callable[[Job, Event], None]


class Backend(ABC):
    """A place where jobs are trained.

    Class attributes:
        together: whether jobs that are submitted together are trained at once, so that it pays to wait for more.
    """

    together: ClassVar[bool] = False

    @property
    @abstractmethod
    def free(self) -> bool:
        """Whether the backend takes another job now."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Take a job. Its last event is one ``Ended`` or ``Busy``."""

    @abstractmethod
    def wait(self, seconds: float, deliver: Deliver) -> None:
        """Deliver pending events; block for at most ``seconds`` if there are none."""

    @abstractmethod
    def stop(self, deliver: Deliver) -> None:
        """Make every job store its state and end within two seconds."""

    @abstractmethod
    def close(self) -> None:
        """Release processes and connections. Jobs still in training end without an event."""


def train(
    spec: Spec,
    anew: bool,
    dataset: Dataset,
    results: Path,
    emit: Callable[[Event], None],
    stop: Callable[[], bool],
    limits: Limits = (),
) -> Ended | Busy:
    """Train one run in this thread, with one BLAS thread, and return how it ended.

    Args:
        spec: what to train.
        anew: train from the first epoch, whatever the run's folder holds.
        dataset: the spec's data set.
        results: the folder that holds the runs' folders.
        emit: called with each event but the last, which is returned.
        stop: asked between mini-batches; True makes the run store its state and end.
        limits: as for :func:`lrarun.runs.run.run`.
    """
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1, "blas"):
            result = run(spec, dataset, results, Hooks(emit=emit, stop=stop), anew, limits)
    except Locked:
        return Busy()
    except Stopped:
        return STOPPED
    except Pruned as reason:
        return Ended(PRUNED, str(reason))
    except (Exception, SystemExit) as error:  # one run must not stop the others, nor the process that trains them
        return Ended(FAILED, reason_of(error, spec.algorithm))
    return Ended(result.state, result.reason or "")
