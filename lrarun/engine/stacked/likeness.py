"""Which runs can be trained as one stack, and which this engine can't train at all."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields
from typing import Any

import numpy as np

from lrarun.data.dataset import Dataset
from lrarun.engine.experiment import Experiment
from lrarun.engine.stacked import optimizers
from lrarun.engine.stacked.tracing import traceable_settings
from lrarun.errors import UsageError
from lrarun.settings import settings_of

# Fields of a spec that this engine trains by, with the types of value that it knows. Another field is refused unless it
# has its default: a stack never ignores a choice.
KNOWN: dict[str, type] = {
    "dataset": str,
    "depth": int,
    "width": int,
    "activation": str,
    "algorithm": object,
    "optimizer": object,
    "init": object,
    "batch_size": int,
    "epochs": int,
    "validation": int,
    "split": str,
    "seed": int,
    "dtype": str,
    "engine": str,
    "scores": str,
}


def refuse_unknown(spec: Experiment) -> None:
    """Refuse a run that this engine can't train.

    Raises:
        UsageError: the run has probes, or a setting that the engine does not know.
        Untraceable: its rule can only be run by NumPy.
        BadRule: its rule breaks the contract.
    """
    if spec.probes:
        names = ", ".join(probe.name for probe in spec.probes)
        raise UsageError(
            f"the engine jax has no probes ({names}): they look at each step from outside, and a stack's steps are"
            " compiled into one; engine: numpy has them"
        )
    for field in fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, field.name)
        if field.name not in KNOWN:
            if value != field.default:
                raise UsageError(f"the engine jax does not know {field.name}: {value}; engine: numpy does")
        elif not isinstance(value, KNOWN[field.name]):
            raise UsageError(f"the engine jax can't train {field.name}: {value}; engine: numpy can")
    if len(spec.algorithm.passes()) > 1:
        raise UsageError(
            f"the engine jax makes one pass over the samples in an epoch, and {spec.algorithm.name} makes"
            f" {len(spec.algorithm.passes())} with these settings; engine: numpy makes them"
        )
    optimizers.numbers_of(spec.optimizer)
    traceable_settings(spec.algorithm, spec.depth)


def likeness(spec: Experiment, dataset: Dataset) -> Hashable:
    """Return a value that is equal for runs which one compilation trains.

    They may differ in the seed, the number of epochs, the data set if its arrays have the same shapes, and in numbers
    that the rule and the optimizer only calculate with. Runs that leave the test samples alone have none: whether
    ``dataset`` has some makes no difference to them.
    """
    rule, optimizer = spec.algorithm, spec.optimizer
    test = dataset.test_images if spec.scores == "test" else None
    traced = traceable_settings(rule, spec.depth)
    static = tuple((f.name, getattr(rule, f.name)) for f in settings_of(type(rule)) if f.name not in traced)
    return (
        (type(rule), rule.activation.name, traced, static),
        (type(optimizer), tuple(_slots(optimizer))),
        (spec.depth, spec.width, spec.batch_size, spec.validation, spec.dtype, dataset.classes),
        tuple(None if a is None else (a.shape, a.dtype.str) for a in (dataset.train_images, test)),
    )


def _slots(optimizer: Any) -> list[str]:
    """Return the names in an optimizer's state."""
    return list(optimizer.init({"W": {1: np.zeros((1, 1))}}, ("W",)))
