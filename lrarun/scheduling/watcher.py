"""Watch many runs in training: the base of what the command line shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lrarun.runs.events import CheckpointLost, CheckpointSaved, EpochDone, Event, Started

if TYPE_CHECKING:  # so that the command line can show something without NumPy
    from lrarun.scheduling.outcome import Outcome
    from lrarun.scheduling.plan import Job


class Watcher:
    """Called as the runs go, in the thread that called ``train_all``. Override what you want to see."""

    def planned(self, jobs: Sequence[Job], workers: int | None) -> None:
        """Called before any run starts; ``workers`` processes will train, None if that is not known."""

    def event(self, job: Job, event: Event) -> None:
        """Pass a run's event on to the method for its kind."""
        match event:
            case CheckpointLost(reason):
                self.checkpoint_lost(job, reason)
            case Started(epoch):
                self.started(job, epoch)
            case EpochDone(record):
                self.epoch_done(job, record)
            case CheckpointSaved(epoch, part):
                self.checkpoint_saved(job, epoch, part)

    def checkpoint_lost(self, job: Job, reason: str) -> None:
        """Called before a run starts again from its first epoch, because its checkpoint is unusable."""

    def started(self, job: Job, epoch: int) -> None:
        """Called when training starts, or resumes after ``epoch`` epochs."""

    def epoch_done(self, job: Job, record: Mapping[str, Any]) -> None:
        """Called after each epoch with its row of the log."""

    def checkpoint_saved(self, job: Job, epoch: int, part: float) -> None:
        """Called after a checkpoint was stored, ``epoch`` epochs and a part of the next one being done."""

    def waiting(self, jobs: Sequence[Job]) -> None:
        """Called when only runs are left that other processes are training."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Called when a run has ended, whether it finished or not."""
