"""What differs between two runs: in their specs, in how they came out, in what they ran on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lrarun.results.read import Result, as_counted, settings_of_run

SCORES = ("state", "epoch", "best_epoch", "validation_error", "test_error", "train_error", "test_nll", "train_nll",
          "seconds")
PERCENT = ("validation_error", "test_error", "train_error")


@dataclass(frozen=True)
class Difference:
    """One thing that two runs do not share; None where a run does not have it.

    Attributes:
        key: its name.
        a, b: the first and the second run's value.
    """

    key: str
    a: Any
    b: Any


def between(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """The keys whose values differ, in the first mapping's order, then the second's."""
    return [Difference(key, a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)]


def of_specs(a: Result, b: Result) -> list[Difference]:
    """What differs in two runs' specs, by the keys that a sweep would use, nested ones beside their block."""
    found = between(settings_of_run(a.spec), settings_of_run(b.spec))
    blocks = list(dict.fromkeys([*a.spec, *b.spec]))
    return sorted(found, key=lambda each: blocks.index(each.key.partition(".")[0]))


def of_results(a: Result, b: Result) -> list[Difference]:
    """What differs in two runs' states and scores (errors in percent, losses in nats)."""
    scores = ({key: each.record[key] for key in SCORES if key in each.record} for each in (a, b))
    return between(*map(as_counted, scores))


def of_provenance(a: Result, b: Result) -> list[Difference]:
    """What differs in what two runs ran on, the content of the data set included."""
    found = []
    for each in (a, b):
        made = settings_of_run(each.record.get("provenance") or {})
        found.append(made | {"dataset_sha256": each.record.get("dataset_sha256")})
    return between(*found)
