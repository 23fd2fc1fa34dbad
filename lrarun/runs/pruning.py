"""Stop a run early that has fallen behind others: the rule, as a function of a run's log alone.

Whoever trains many runs hands each the highest validation error that it may have after each epoch. A log that was
written under such limits can be judged again later, and gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Percent that the lowest validation error so far may be after epoch 1, 2, ...; infinity where there is no limit.
Limits = tuple[float, ...]


class Cut(NamedTuple):
    """Where a run is stopped.

    Attributes:
        epoch: the epoch after which it is.
        error: its lowest validation error by then, percent.
        limit: the one that it exceeds.
    """

    epoch: int
    error: float
    limit: float

    def __str__(self) -> str:
        return (
            f"pruned after epoch {self.epoch}: lowest validation error {self.error:.2f} %,"
            f" where half of the trials before it had {self.limit:.2f} % or less"
        )


def lowest_so_far(records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the lowest validation error after each epoch of a log, percent."""
    lowest, errors = float("inf"), []
    for record in records:
        lowest = min(lowest, record["validation_error"])
        errors.append(lowest)
    return errors


def cut(records: Sequence[Mapping[str, Any]], limits: Limits) -> Cut | None:
    """Return where a run with this log exceeds its limits first; None if it never does."""
    for epoch, (error, limit) in enumerate(zip(lowest_so_far(records), limits), 1):
        if error > limit:
            return Cut(epoch, error, limit)
    return None
