"""One training step, made as in the training loop: the rule and the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lrarun.bench.timing import Task
from lrarun.data.dataset import Dataset, columns
from lrarun.engine.training import Training
from lrarun.nn import compiled
from lrarun.nn.memory import aligned_empty
from lrarun.nn.network import layer_sizes
from lrarun.specs.spec import Spec

Batch = tuple[np.ndarray, np.ndarray]


def step_task(spec: Spec, dataset: Dataset) -> Task:
    """Return a task of one training step; gathering the mini-batch is not timed."""
    compiled.at_once()
    training = Training(spec, dataset)
    learn: Callable[..., object] = training.algorithm.step
    move = training.optimizer.update
    params, noise = training.params, training.noise
    extra = _carried(training)
    batches = batches_of(spec, dataset)
    batch = next(batches)

    def prepare() -> None:
        nonlocal batch
        batch = next(batches)

    def run() -> None:
        for grads, moved, state in training.passes:
            learn(params, *batch, grads, noise, **extra)
            move(params, moved, state)

    return Task(run, prepare)


def sizes_of(spec: Spec, dataset: Dataset) -> list[int]:
    """Return the units per layer, from the inputs to the classes."""
    return layer_sizes(dataset.train_images.shape[1], spec.depth, spec.width, dataset.classes)


def batches_of(spec: Spec, dataset: Dataset) -> Iterator[Batch]:
    """Yield random mini-batches without end: inputs and one-hot labels, columns as samples. Inputs share one buffer."""
    rng = np.random.default_rng(0)
    one_hot = np.eye(dataset.classes, dtype=spec.dtype)
    pixels = aligned_empty((spec.batch_size, dataset.train_images.shape[1]), spec.dtype)
    while True:
        index = rng.integers(len(dataset.train_labels), size=spec.batch_size)
        x = columns(dataset.train_images, index, spec.dtype, out=pixels)
        yield x, one_hot.take(dataset.train_labels[index], axis=1)


def _carried(training: Training) -> dict[str, dict[int, np.ndarray]]:
    """Return the first mini-batch's states, for a rule that remembers its samples."""
    if training.carry is None:
        return {}
    size = training.spec.batch_size
    return {"carried": {l: states[:size].T for l, states in training.carry.items()}}
