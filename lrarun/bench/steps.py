"""One training step as the training loop makes it, alone: the rule and the optimizer."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from lrarun import datasets
from lrarun.datasets import Dataset
from lrarun.spec import Spec
from lrarun.training import Training

Batch = tuple[np.ndarray, np.ndarray]

BATCHES = 40


def step_of(spec: Spec, dataset: Dataset) -> Callable[[], None]:
    """A call that makes one training step, each time on the next of some mini-batches that are ready."""
    training = Training(spec, dataset)
    batches = itertools.cycle(batches_of(spec, dataset))
    learn, move = training.algorithm.step, training.optimizer.update
    params, grads, state, noise = training.params, training.grads, training.optimizer_state, training.noise
    extra = _carried(training)

    def step() -> None:
        x, y = next(batches)
        learn(params, x, y, grads, noise, **extra)
        move(params, grads, state)

    return step


def sizes_of(spec: Spec, dataset: Dataset) -> list[int]:
    """Units per layer, from the inputs to the classes."""
    return [dataset.train_images.shape[1], *[spec.width] * spec.depth, dataset.classes]


def batches_of(spec: Spec, dataset: Dataset) -> list[Batch]:
    """Inputs and one-hot labels of a few mini-batches, columns as samples, as the training loop makes them."""
    size = spec.batch_size
    chosen = [np.arange(start, start + size) for start in range(0, BATCHES * size, size)]
    return [
        (
            datasets.columns(dataset.train_images, index % len(dataset.train_labels), spec.dtype),
            datasets.one_hot(dataset.train_labels[index % len(dataset.train_labels)], dataset.classes, spec.dtype),
        )
        for index in chosen
    ]


def _carried(training: Training) -> dict[str, dict[int, np.ndarray]]:
    """What the loop would gather for a rule that remembers its samples: the first mini-batch's states."""
    if training.carry is None:
        return {}
    size = training.spec.batch_size
    return {"carried": {l: states[:size].T for l, states in training.carry.items()}}
