"""What a caller may want to know of a run while it is trained, or say to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CHECKPOINT_SECONDS = 3.0


def _nothing(*_: Any) -> None:
    """What a caller that wants to know nothing does."""


def _never() -> bool:
    """What a caller that never stops a run answers."""
    return False


@dataclass
class Hooks:
    """What a caller may want to know of, or say to, a run.

    Attributes:
        lost: called with why a run that had begun starts anew, if it does without being told to.
        started: called with the epochs already done before the first mini-batch.
        epoch: called with each epoch's record.
        paused: called with (epochs done, part of the next epoch done) now and then.
        stop: asked between mini-batches; True makes the run stop cleanly.
    """

    lost: Callable[[str], None] = _nothing
    started: Callable[[int], None] = _nothing
    epoch: Callable[[dict[str, Any]], None] = _nothing
    paused: Callable[[int, float], None] = _nothing
    stop: Callable[[], bool] = _never
    checkpoint_seconds: float = field(default=CHECKPOINT_SECONDS)
