"""What differs between two runs: in their specs, their results and their provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrarun.results.result import Result, without_rounding_noise
from lrarun.results.settings import by_sweep_key, differing

SCORES = (
    "state", "epoch", "best_epoch", "validation_error", "test_error", "train_error", "test_nll", "train_nll", "seconds"
)  # fmt: skip
PERCENT = ("validation_error", "test_error", "train_error")


@dataclass(frozen=True)
class Difference:
    """One key that has another value in each of two runs.

    Attributes:
        key: its name.
        a, b: the first and the second run's value; None where a run does not have it.
    """

    key: str
    a: Any
    b: Any


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Return the keys whose values differ, in the first mapping's order, then the second's."""
    return [Difference(key, a.get(key), b.get(key)) for key in differing([a, b])]


def of_specs(a: Result, b: Result) -> list[Difference]:
    """Return what differs in two runs' specs, by the keys that a sweep uses; nested keys stand by their block."""
    found = differences(by_sweep_key(a.spec), by_sweep_key(b.spec))
    blocks = list(dict.fromkeys([*a.spec, *b.spec]))
    return sorted(found, key=lambda each: blocks.index(each.key.partition(".")[0]))


def of_results(a: Result, b: Result) -> list[Difference]:
    """Return what differs in two runs' states and scores: errors in percent, losses in nats, times in seconds."""
    scores = ({name: getattr(run, name) for name in SCORES} for run in (a, b))
    return differences(*map(without_rounding_noise, scores))


def of_provenance(a: Result, b: Result) -> list[Difference]:
    """Return what differs in what two runs ran on, the content of the data set included."""
    made = (by_sweep_key(run.provenance) | {"dataset_sha256": run.dataset_sha256} for run in (a, b))
    return differences(*made)
