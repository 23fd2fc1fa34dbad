"""What the keys of a spec choose from: the kinds of things that have names, and those of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrarun.algorithms.registry import algorithms
from lrarun.data.published import PUBLISHED
from lrarun.engine.probes import PROBES
from lrarun.nn.activations import ACTIVATIONS
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS

KINDS = ("algorithms", "optimizers", "init", "activations", "probes", "datasets", "experiments")
# What messages call one of each.
SINGULAR = {
    "algorithms": "algorithm",
    "optimizers": "optimizer",
    "init": "initial scheme",
    "activations": "activation",
    "probes": "probe",
    "datasets": "data set",
}
# The key of a spec that chooses one.
KEYS = {
    "algorithms": "algorithm",
    "optimizers": "optimizer",
    "init": "init",
    "activations": "activation",
    "probes": "probes",
    "datasets": "dataset",
}


def registry(kind: str) -> Mapping[str, Any]:
    """Return what there is of a kind, by name. ``experiments`` are files, and not among them.

    Raises:
        KeyError: for another kind.
    """
    known: dict[str, Mapping[str, Any]] = {
        "optimizers": OPTIMIZERS,
        "init": INITIALIZERS,
        "activations": ACTIVATIONS,
        "probes": PROBES,
        "datasets": PUBLISHED,
    }
    return algorithms() if kind == "algorithms" else known[kind]
