"""The epoch that a run is scored at beside its last one: what a score at the best epoch does not show."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from lrarun.results.log import last_validation_error
from lrarun.results.result import Result

# A score in the first tenth of the epochs is said, as most of the training then made the network worse.
EARLY = 10


def scored_early(runs: Sequence[Result]) -> str:
    """Return how finished runs of one setting go on if one is scored in the first tenth of its epochs, else nothing."""
    early = [run for run in runs if run.best_epoch and run.epochs and run.best_epoch * EARLY <= run.epochs]
    return best_and_last(runs) if early else ""


def best_and_last(runs: Sequence[Result]) -> str:
    """Return the mean validation errors of runs of one setting at their best epochs and at their last.

    ``best at epoch 1 of 100: validation error 8.00, at the last 11.15``; empty if one is not known.
    """
    best = [run.validation_error for run in runs if run.best_epoch and run.validation_error is not None]
    last = [error for run in runs if (error := last_validation_error(run)) is not None]
    if not runs or not len(best) == len(last) == len(runs):
        return ""
    epochs = ", ".join(str(run.best_epoch) for run in runs)
    at = f"best at epoch{'s' * (len(runs) > 1)} {epochs} of {runs[0].epoch}"
    return f"{at}: validation error {fmean(best):.2f}, at the last {fmean(last):.2f}"
