"""The training loop: (spec, data) -> one record per epoch.

Opens no file. A :class:`Training` can stop at any mini-batch, and its state can be stored
and restored. Training that goes on from a restored state gives the same bits as training
that never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrarun.data.dataset import Dataset, columns, split
from lrarun.engine.contract import FirstStep, loss_of
from lrarun.engine.experiment import Experiment
from lrarun.engine.passes import packed_params, passes_of
from lrarun.errors import UsageError
from lrarun.nn.arrays import Array, Params
from lrarun.nn.losses import nll
from lrarun.nn.memory import aligned_empty
from lrarun.nn.network import layer_sizes
from lrarun.nn.optimizers import Optimizer
from lrarun.nn.randomness import stream

Record = dict[str, Any]

EVALUATION_BLOCK = 1000
PAUSE_EVERY = 16  # mini-batches between two calls of pause()


class Diverged(ArithmeticError):
    """A loss is not finite.

    Attributes:
        record: the epoch's record; None if it is a final score that is not finite.
    """

    def __init__(self, where: str, record: Record | None = None):
        super().__init__(f"the loss is not finite {where}")
        self.record = record


@dataclass(frozen=True)
class Evaluation:
    """A network's scores on some samples.

    Attributes:
        nll: mean negative log likelihood, nats.
        error: percent of samples whose highest score is not their class.
        predicted: the class with the highest score per sample, uint8, shape ``(samples,)``.
    """

    nll: float
    error: float
    predicted: Array


class Training:
    """One network being trained.

    Attributes:
        epoch: epochs finished.
        batch: mini-batches finished in the current epoch.
        params: the current parameters.
        best_params: those of ``best_epoch``, the first epoch with the lowest validation error.
        records: one record per finished epoch.

    Raises:
        UsageError: the spec asks for more validation samples than the data set has.
    """

    def __init__(self, spec: Experiment, dataset: Dataset):
        self.spec, self.dataset = spec, dataset
        self.algorithm, self.optimizer = spec.algorithm, spec.optimizer
        samples = len(dataset.train_labels)
        self.train_index, self.validation_index = split(samples, spec.validation, spec.seed, spec.split)
        self.dtype = np.dtype(spec.dtype)
        sizes = layer_sizes(dataset.train_images.shape[1], spec.depth, spec.width, dataset.classes)
        drawn = self.algorithm.init(sizes, self._initialize, stream(spec.seed, "weights"))
        self.params = packed_params(self.algorithm, drawn, spec.bias)
        self.passes = passes_of(self.algorithm, self.optimizer, self.params, spec.bias)
        self.noise = stream(spec.seed, "noise")
        self.carry = self.algorithm.carry(sizes, samples, self.dtype)
        self.observers = [probe.observe(self.algorithm, self.params) for probe in spec.probes]
        largest = min(spec.batch_size, len(self.train_index))
        self._pixels = aligned_empty((largest, dataset.train_images.shape[1]), self.dtype)
        self._one_hot = np.eye(dataset.classes, dtype=self.dtype)
        self._checked: set[int] = set()  # the passes whose first step was checked
        self.epoch = self.batch = 0
        self.nll_sum = self.seconds = 0.0
        self.best_epoch, self.best_error = 0, np.inf
        self.best_params = _copy(self.params)
        self.records: list[Record] = []

    def _initialize(self, rng, shape):
        return self.spec.init(rng, shape, self.dtype)

    @property
    def done(self) -> bool:
        """Whether all epochs are finished."""
        return self.epoch >= self.spec.epochs

    @property
    def batches(self) -> int:
        """Mini-batches per epoch, over all its passes; the last one of a pass may be smaller."""
        return self._batches_per_pass * len(self.passes)

    @property
    def _batches_per_pass(self) -> int:
        return -(-len(self.train_index) // self.spec.batch_size)

    @property
    def optimizer_state(self) -> dict[Any, Any]:
        """The optimizer's state: that of the only pass, or by pass."""
        states = [each.state for each in self.passes]
        return states[0] if len(states) == 1 else {which: state for which, state in enumerate(states) if state}

    def advance(self, pause: Callable[[], bool] = lambda: False) -> Record | None:
        """Train to the end of the epoch, or until ``pause()`` is true.

        Returns:
            The epoch's record (``epoch, train_nll, validation_nll, validation_error``
            in percent, ``seconds``, and the probes' columns), or None if paused.

        Raises:
            Diverged: a loss is not finite.
            BadRule: the rule's first step does not do what it must (:mod:`lrarun.engine.contract`).
        """
        started = time.perf_counter()
        order = stream(self.spec.seed, "order", self.epoch).permutation(self.train_index)
        optimizer = self.optimizer.in_epoch(self.epoch)
        # No warnings of overflow: it is an outcome, reported as `Diverged`.
        with np.errstate(all="ignore"):
            while self.batch < self.batches:
                if self.batch % PAUSE_EVERY == PAUSE_EVERY - 1 and pause():
                    self._step(order, optimizer)
                    self.seconds += time.perf_counter() - started
                    return None
                self._step(order, optimizer)
            record = self._finish_epoch(started)
        refuse_divergence(record)
        return record

    def _step(self, order: Array, optimizer: Optimizer) -> None:
        size = self.spec.batch_size
        which, batch = divmod(self.batch, self._batches_per_pass)
        grads, moved, state = self.passes[which]
        index = order[batch * size : (batch + 1) * size]
        x = columns(self.dataset.train_images, index, self.dtype, out=self._pixels)
        y = self._one_hot.take(self.dataset.train_labels[index], axis=1)
        first = None if which in self._checked else FirstStep(self.algorithm, self.params, grads)
        if self.carry is None:
            record = self.algorithm.step(self.params, x, y, grads, self.noise)
        else:
            record = self._carrying_step(index, x, y, grads)
        loss = loss_of(self.algorithm, record)
        if first is not None:
            first.check(self.params)
            self._checked.add(which)
        if "W" in grads:
            for observer in self.observers:
                observer.after_step(self.params, x, y, grads, batch)
        optimizer.update(self.params, moved, state)
        if which == len(self.passes) - 1:
            self.nll_sum += loss * len(index)
        self.batch += 1

    def _carrying_step(self, index: Array, x: Array, y: Array, grads: Params) -> dict[str, Array]:
        """Make a step of a rule that remembers each sample: gather the samples' rows, and store them afterwards."""
        carry = self.carry or {}
        carried = {l: states[index].T for l, states in carry.items()}
        step: Callable[..., dict[str, Array]] = self.algorithm.step
        record = step(self.params, x, y, grads, self.noise, carried=carried)
        for l, states in carried.items():
            carry[l][index] = states.T
        return record

    def _finish_epoch(self, started: float) -> Record:
        validation = self.evaluate("validation")
        if self.is_best(validation):
            _assign(self.best_params, self.params)
        columns: Record = {}
        for observer in self.observers:
            columns |= observer.end_of_epoch(self.params, self._blocks("validation"))
        return self.close_epoch(validation, self.seconds + time.perf_counter() - started, columns)

    def is_best(self, validation: Evaluation) -> bool:
        """Return whether no epoch so far was as good on the validation samples."""
        return validation.error < self.best_error and bool(np.isfinite(validation.nll))

    def close_epoch(self, validation: Evaluation, seconds: float, columns: Record) -> Record:
        """Count an epoch whose mini-batches are done, and return its record.

        Args:
            validation: the scores of the parameters at its end.
            seconds: that the epoch took.
            columns: the probes' columns of the record.
        """
        self.epoch += 1
        if self.is_best(validation):
            self.best_epoch, self.best_error = self.epoch, validation.error
        record = {
            "epoch": self.epoch,
            "train_nll": self.nll_sum / len(self.train_index),
            "validation_nll": validation.nll,
            "validation_error": validation.error,
            **columns,
            "seconds": round(seconds, 3),
        }
        self.batch, self.nll_sum, self.seconds = 0, 0.0, 0.0
        self.records.append(record)
        return record

    def _samples(self, subset: str) -> tuple[Array, Array, Array]:
        data = self.dataset
        if subset == "test":
            return data.test_images, data.test_labels, np.arange(len(data.test_labels))
        index = self.train_index if subset == "train" else self.validation_index
        return data.train_images, data.train_labels, index

    def _blocks(self, subset: str):
        """Yield (x, y) in blocks of columns; the next block reuses x's memory."""
        images, labels, index = self._samples(subset)
        pixels = np.empty((EVALUATION_BLOCK, images.shape[1]), self.dtype)
        for start in range(0, len(index), EVALUATION_BLOCK):
            block = index[start : start + EVALUATION_BLOCK]
            yield columns(images, block, self.dtype, out=pixels), self._one_hot.take(labels[block], axis=1)

    def evaluate(self, subset: str, params: Params | None = None) -> Evaluation:
        """Return the scores of the current or given parameters on a subset of the samples.

        Args:
            subset: ``"train"``, ``"validation"`` or ``"test"``.
            params: by family and layer; None for the current ones.

        Returns:
            Mean NLL in nats, error in percent, and the predicted classes, shape ``(samples,)``.
        """
        params = self.params if params is None else params
        _, labels, index = self._samples(subset)
        total, predicted = 0.0, []
        with np.errstate(all="ignore"):
            for x, y in self._blocks(subset):
                scores = self.algorithm.predict(params, x)
                total += float(nll(scores, y)) * y.shape[-1]
                predicted.append(scores.argmax(axis=0).astype(np.uint8))
        classes = np.concatenate(predicted)
        error = 100 * int(np.count_nonzero(classes != labels[index])) / len(index)
        return Evaluation(total / len(index), error, classes)

    def final_scores(self) -> tuple[Evaluation, Evaluation | None]:
        """Return the best parameters' scores on the training and on the test samples.

        The second is None where the spec's ``scores`` leave the test samples alone.

        Raises:
            Diverged: one of them is not finite. Its error would be that of a network that gives every image class 0.
        """
        test = self.evaluate("test", self.best_params) if self.spec.scores == "test" else None
        return self.finite(self.evaluate("train", self.best_params), test)

    def finite(self, train: Evaluation, test: Evaluation | None) -> tuple[Evaluation, Evaluation | None]:
        """Return the best parameters' scores as they are.

        Raises:
            Diverged: one of them is not finite. Its error would be that of a network that gives every image class 0.
        """
        for subset, score in (("training", train), ("test", test)):
            if score is not None and not np.isfinite(score.nll):
                raise Diverged(f"on the {subset} images, in the parameters of epoch {self.best_epoch}")
        return train, test

    def state(self) -> dict[str, Any]:
        """Return all that training needs to go on: a nested dict of arrays, numbers, strings and lists of records."""
        return {
            "params": self.params,
            "best_params": self.best_params,
            "optimizer": self.optimizer_state,
            "carry": self.carry or {},
            "observers": {i: observer.totals for i, observer in enumerate(self.observers) if observer.totals},
            "progress": {
                "epoch": self.epoch,
                "batch": self.batch,
                "nll_sum": self.nll_sum,
                "seconds": self.seconds,
                "best_epoch": self.best_epoch,
                "best_error": self.best_error,
                "records": self.records,
                "noise": _plain(self.noise.bit_generator.state),
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned for the same spec and data set.

        Raises:
            UsageError: arrays are missing, or have another shape or dtype.
        """
        current = self.state()
        for part in ("params", "best_params", "optimizer", "carry", "observers"):
            _assign(current[part], state.get(part, {}))
        progress = dict(state["progress"])
        self.noise.bit_generator.state = _with_arrays(progress.pop("noise"))
        for name, value in progress.items():
            setattr(self, name, value)


def refuse_divergence(record: Record) -> None:
    """Raise :class:`Diverged` if a number in an epoch's record is not finite."""
    if not all(np.isfinite(value) for value in record.values()):
        raise Diverged(f"in epoch {record['epoch']}", record)


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copy(branch) for key, branch in tree.items()}
    return tree.copy()


def _assign(target: Any, source: Any) -> None:
    """Copy arrays into those of a tree of the same form, in place: views of them stay valid."""
    if isinstance(target, dict) != isinstance(source, dict):
        raise UsageError("the stored state has a part where an array is expected, or an array where a part is")
    if not isinstance(target, dict):
        if target.shape != source.shape or target.dtype != source.dtype:
            raise UsageError(f"a stored array has shape {source.shape}, expected {target.shape}")
        target[...] = source
        return
    if set(target) != set(source):
        raise UsageError(f"stored parts {sorted(source)} differ from the expected {sorted(target)}")
    for key, branch in target.items():
        _assign(branch, source[key])


def _plain(state: Any) -> Any:
    """Return a bit generator's state with lists in place of arrays, as JSON needs."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return {"array": [int(v) for v in state]} if isinstance(state, np.ndarray) else state


def _with_arrays(state: Any) -> Any:
    """Undo :func:`_plain`."""
    if not isinstance(state, dict):
        return state
    if set(state) == {"array"}:
        return np.array(state["array"], np.uint64)
    return {key: _with_arrays(value) for key, value in state.items()}
