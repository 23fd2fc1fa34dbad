"""What a caller may want to be told while many runs are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # so that the command line can show something without NumPy
    from lrarun.scheduling.plan import Job
    from lrarun.scheduling.schedule import Outcome


class Watcher:
    """Told how the runs go, in the thread that called ``train_all``. This one keeps silent."""

    def planned(self, jobs: Sequence[Job], workers: int | None) -> None:
        """Before anything begins; ``workers`` processes will train, None if that is not known."""

    def lost(self, job: Job, reason: str) -> None:
        """A run that had begun starts anew, for this reason; told before it begins."""

    def begun(self, job: Job, epoch: int) -> None:
        """Training has begun or goes on; so many epochs are done."""

    def epoch(self, job: Job, record: Mapping[str, Any]) -> None:
        """An epoch is done; its row of the log."""

    def paused(self, job: Job, epoch: int, part: float) -> None:
        """A checkpoint was stored, this part of the next epoch being done."""

    def waiting(self, jobs: Sequence[Job]) -> None:
        """Nothing is left to do but to wait for these, which other processes are training."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """A run came to an end, good or bad."""
