"""What happens to a run in training, as values that a script, a worker process and a cluster pass on alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

CHECKPOINT_SECONDS = 3.0


class CheckpointLost(NamedTuple):
    """The run starts again from its first epoch, because its checkpoint is missing or unusable."""

    reason: str


class Started(NamedTuple):
    """Training starts, or resumes after ``epoch`` epochs."""

    epoch: int


class EpochDone(NamedTuple):
    """An epoch is done; ``record`` is its row of the log."""

    record: Mapping[str, Any]


class CheckpointSaved(NamedTuple):
    """A checkpoint was stored after ``epoch`` epochs and a ``part`` (0 to 1) of the next one."""

    epoch: int
    part: float


class Ended(NamedTuple):
    """No more events follow; ``state`` is one of ``finished, diverged, failed, interrupted, pruned, killed``."""

    state: str
    reason: str = ""


class Busy(NamedTuple):
    """Another process is training this run, so this one leaves it alone. No more events follow."""


# A run in training emits the first four. Who trains it for a schedule adds how it ended.
Event = CheckpointLost | Started | EpochDone | CheckpointSaved | Ended | Busy


def _ignore(event: Event) -> None:
    """Ignore an event."""


def _never() -> bool:
    """Never ask a run to stop."""
    return False


@dataclass
class Hooks:
    """How a caller follows a run and stops it.

    Attributes:
        emit: called with each event: ``CheckpointLost`` or not, ``Started``, then ``EpochDone`` per epoch with
            ``CheckpointSaved`` now and then.
        stop: asked between mini-batches; True makes the run store a checkpoint and raise
            :class:`lrarun.runs.run.Stopped`.
        checkpoint_seconds: seconds between two checkpoints.
    """

    emit: Callable[[Event], None] = _ignore
    stop: Callable[[], bool] = _never
    checkpoint_seconds: float = CHECKPOINT_SECONDS
