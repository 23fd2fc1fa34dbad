"""A stack of networks in training, by the protocol of :mod:`lrarun.engine.training`.

Each network is a :class:`~lrarun.engine.training.Training`, which draws its initial weights, knows its place, and holds
what a checkpoint stores. The stack takes the arrays onto the device, trains all networks there, and brings them back
when asked. Networks that are not at the same mini-batch wait, masked, until those behind have caught up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from lrarun.data.dataset import Dataset
from lrarun.engine.stacked import optimizers, program
from lrarun.engine.stacked.compilation import compiled
from lrarun.engine.stacked.device import free_bytes, numerics
from lrarun.engine.stacked.likeness import likeness
from lrarun.engine.stacked.noise import key_of
from lrarun.engine.stacked.program import Program, stacked
from lrarun.engine.stacked.tracing import traceable_settings
from lrarun.engine.training import EVALUATION_BLOCK, Evaluation, Record, Training
from lrarun.nn.arrays import Array
from lrarun.nn.randomness import stream

CHUNK_SECONDS = 0.2  # between two calls of pause()


class Stack:
    """Networks in training, all of one :func:`~lrarun.engine.stacked.likeness.likeness`.

    Args:
        trainings: at any epoch and mini-batch; from here on, the stack moves them.
    """

    def __init__(self, trainings: Sequence[Training]):
        self.trainings = list(trainings)
        self._live = {i for i, training in enumerate(self.trainings) if not training.done}
        first = self.trainings[0]
        self._names = traceable_settings(first.algorithm, first.spec.depth)
        self._program = Program(
            (likeness(first.spec, first.dataset),),
            first.algorithm,
            type(first.optimizer),
            first.dataset.classes,
            first.spec.dtype,
            first.spec.batch_size,
        )
        self._chunk = 1  # mini-batches; grows until they take as long as CHUNK_SECONDS
        self._order: tuple[Any, Any] = (None, None)
        with numerics():
            self._upload()
            self._compiled = compiled(self._key(), self._wanted())

    @property
    def unfinished(self) -> list[int]:
        """The networks that are neither done nor dropped."""
        return sorted(self._live)

    def drop(self, i: int) -> None:
        """Leave a network as it is from here on."""
        self._live.discard(i)

    # --- to the device and back

    def _upload(self) -> None:
        nets, first = self.trainings, self.trainings[0]
        dtype, learned = first.dtype, first.algorithm.learned
        datasets = {_identity(net.dataset): net.dataset for net in nets}
        place = {key: number for number, key in enumerate(datasets)}
        self._data = {
            "images": jax.device_put(_both(datasets.values(), "images", dtype)),
            "labels": jax.device_put(_both(datasets.values(), "labels", np.uint8)),
        }
        self._given = jax.device_put(
            {
                "fixed": stacked([{f: a for f, a in net.params.items() if f not in learned} for net in nets]),
                "rule": _numbers([{name: getattr(net.algorithm, name) for name in self._names} for net in nets], dtype),
                "optimizer": _numbers([optimizers.numbers_of(net.optimizer) for net in nets], dtype),
                "dataset": np.array([place[_identity(net.dataset)] for net in nets], np.int32),
                "key": np.stack([key_of(net.spec.seed) for net in nets]),
            }
        )
        self._state = jax.device_put(
            {
                "params": stacked([{f: net.params[f] for f in learned} for net in nets]),
                "optimizer": stacked([net.optimizer_state for net in nets]),
                "carry": stacked([net.carry or {} for net in nets]),
                "nll_sum": np.array([net.nll_sum for net in nets], np.float64),
            }
        )
        self._best = jax.device_put(stacked([{f: net.best_params[f] for f in learned} for net in nets]))

    def download(self) -> None:
        """Bring the state of the unfinished networks back into their trainings."""
        state = jax.device_get(self._state)
        best = jax.device_get(self._best)
        for i in self._live:
            net = self.trainings[i]
            _assign(net.params, state["params"], i)
            _assign(net.best_params, best, i)
            _assign(net.optimizer_state, state["optimizer"], i)
            _assign(net.carry or {}, state["carry"], i)
            net.nll_sum = float(state["nll_sum"][i])

    def _key(self) -> Any:
        leaves, form = jax.tree.flatten((self._state, self._given, self._data))
        return self._program, form, tuple((a.shape, str(a.dtype)) for a in leaves)

    def _wanted(self) -> dict[str, Callable[[], Any]]:
        """Return what traces each function that the stack calls."""
        net = self.trainings[0]
        size, samples = net.spec.batch_size, len(net.train_index)
        given = self._all_given(0, [])
        wanted: dict[str, Callable[[], Any]] = {
            _training(n): partial(program.train.lower, self._program, self._state, given, *_whole(0, 0, 0), n=n)
            for n in dict.fromkeys((min(size, samples), samples % size))
            if n
        }
        everything = {**self._state["params"], **self._given["fixed"]}
        index = np.zeros((len(self.trainings), self._block()), np.int32)
        fed = self._given["rule"], self._data, self._given["dataset"], index
        wanted["evaluate"] = partial(program.evaluate.lower, self._program, everything, *fed)
        wanted["keep"] = partial(program.keep.lower, self._best, self._state["params"], self._mask([]))
        return wanted

    # --- training

    def advance(self, pause: Callable[[], bool] = lambda: False) -> dict[int, Record]:
        """Train the networks that are furthest behind, until they reach the next ones or the epoch ends, or a pause.

        Args:
            pause: asked every fifth of a second; True makes it return.

        Returns:
            By network the records of those that have ended an epoch. A record may hold numbers that are not finite.
        """
        if not self._compiled.wait(pause):
            return {}
        place = {i: (self.trainings[i].epoch, self.trainings[i].batch) for i in self._live}
        epoch, batch = min(place.values())
        active = [i for i in self.unfinished if place[i] == (epoch, batch)]
        batches = self.trainings[active[0]].batches
        # Never past the mini-batch where another network waits.
        end = min([b for e, b in place.values() if e == epoch and b > batch], default=batches)
        with numerics():
            given = self._all_given(epoch, active)
            while batch < end:
                started = time.perf_counter()
                batch = self._train(given, epoch, batch, end)
                self._moved(active, batch, time.perf_counter() - started)
                if batch < end and pause():
                    return {}
            return self._close_epoch(active) if end == batches else {}

    def _train(self, given: Any, epoch: int, batch: int, end: int) -> int:
        """Train some mini-batches of one size, at most to ``end``; return the next one."""
        net, started = self.trainings[0], time.perf_counter()
        size, samples = net.spec.batch_size, len(net.train_index)
        whole = samples // size
        n = size if batch < whole else samples - whole * size
        stop = min(end, batch + self._chunk, whole) if batch < whole else batch + 1
        self._state = self._compiled[_training(n)](self._state, given, *_whole(epoch, batch, stop))
        self._state["nll_sum"].block_until_ready()
        if stop - batch == self._chunk:
            seconds = max(time.perf_counter() - started, 1e-6)
            self._chunk = max(1, int(self._chunk * min(8.0, CHUNK_SECONDS / seconds)))
        return stop

    def repeat(self, start: int, stop: int) -> None:
        """Train all networks on mini-batches ``start`` to below ``stop`` of the first epoch, whole ones, for timing."""
        self._compiled.wait()
        with numerics():
            step = self._compiled[_training(self.trainings[0].spec.batch_size)]
            self._state = step(self._state, self._all_given(0, range(len(self.trainings))), *_whole(0, start, stop))
            jax.block_until_ready(self._state)

    def _moved(self, active: Sequence[int], batch: int, seconds: float) -> None:
        for i in active:
            self.trainings[i].batch = batch
            self.trainings[i].seconds += seconds / len(active)

    def _all_given(self, epoch: int, active: Sequence[int]) -> Any:
        more = {"order": self._orders(epoch, list(active)), "active": self._mask(active)}
        return self._given | self._data | more

    def _orders(self, epoch: int, active: list[int]) -> Any:
        """Return each active network's order of the samples, from the same streams as NumPy's engine."""
        if self._order[0] != (epoch, active):
            orders = np.zeros((len(self.trainings), len(self.trainings[0].train_index)), np.int32)
            drawn: dict[Any, Array] = {}
            for i in active:
                net = self.trainings[i]
                of = net.spec.seed, net.spec.split  # what an order depends on, among networks of one likeness
                if of not in drawn:
                    drawn[of] = stream(net.spec.seed, "order", epoch).permutation(net.train_index)
                orders[i] = drawn[of]
            self._order = (epoch, active), jax.device_put(orders)
        return self._order[1]

    def _mask(self, chosen: Sequence[int]) -> Array:
        mask = np.zeros(len(self.trainings), bool)
        mask[list(chosen)] = True
        return mask

    def _close_epoch(self, active: Sequence[int]) -> dict[int, Record]:
        started = time.perf_counter()
        sums = np.asarray(self._state["nll_sum"])
        scores = self._evaluate("validation", self._state["params"])
        improved = [i for i in active if self.trainings[i].is_best(scores[i])]
        if improved:
            self._best = self._compiled["keep"](self._best, self._state["params"], self._mask(improved))
        self._state["nll_sum"] = jax.device_put(np.where(self._mask(active), 0.0, sums))
        share = (time.perf_counter() - started) / len(active)
        records = {}
        for i in active:
            net = self.trainings[i]
            net.nll_sum = float(sums[i])
            records[i] = net.close_epoch(scores[i], net.seconds + share, {})
        return records

    # --- scores

    def final_scores(self, chosen: Sequence[int]) -> dict[int, tuple[Evaluation, Evaluation | None]]:
        """Return the scores of some networks' best parameters on the training and the test samples, finite or not.

        The second are None where the specs' ``scores`` leave the test samples alone. The best parameters are then in
        the trainings.
        """
        self._compiled.wait()
        with numerics():
            train = self._evaluate("train", self._best)
            tested = self.trainings[0].spec.scores == "test"
            test = self._evaluate("test", self._best) if tested else [None] * len(train)
            best = jax.device_get(self._best)
        for i in chosen:
            _assign(self.trainings[i].best_params, best, i)
        return {i: (train[i], test[i]) for i in chosen}

    def _evaluate(self, subset: str, params: Any) -> list[Evaluation]:
        """Return every network's scores on a subset of its samples."""
        index = np.stack([self._samples(net, subset) for net in self.trainings])
        count, block = index.shape[1], self._block()
        padded = np.concatenate([index, np.repeat(index[:, :1], -count % block, axis=1)], axis=1)
        everything = {**params, **self._given["fixed"]}
        losses, predicted = [], []
        for start in range(0, count, block):
            part = padded[:, start : start + block]
            given = self._given["rule"], self._data, self._given["dataset"]
            loss, classes = self._compiled["evaluate"](everything, *given, part)
            losses.append(np.asarray(loss, np.float64))
            predicted.append(np.asarray(classes))
        nll = np.concatenate(losses, axis=1)[:, :count].mean(axis=1)
        found = np.concatenate(predicted, axis=1)[:, :count]
        return [
            Evaluation(float(nll[i]), _error(found[i], net, subset), found[i]) for i, net in enumerate(self.trainings)
        ]

    def _block(self) -> int:
        net = self.trainings[0]
        return min(EVALUATION_BLOCK, max(len(net.train_index), len(net.dataset.test_labels)))

    @staticmethod
    def _samples(net: Training, subset: str) -> Array:
        """Return a subset's samples, as rows of the training images with the test images below them."""
        if subset == "test":
            return len(net.dataset.train_labels) + np.arange(len(net.dataset.test_labels), dtype=np.int32)
        return (net.train_index if subset == "train" else net.validation_index).astype(np.int32)


def _identity(dataset: Dataset) -> tuple[int, int]:
    """Return equal values for data sets of the same arrays in memory; runs without test samples share the rest."""
    return id(dataset.train_images), id(dataset.test_images) if len(dataset.test_labels) else 0


def _training(n: int) -> str:
    return f"mini-batches of {n}"


def _whole(*numbers: int) -> list[Any]:
    return [np.int32(number) for number in numbers]


def _error(predicted: Array, net: Training, subset: str) -> float:
    if subset == "test":
        labels = net.dataset.test_labels
    else:
        labels = net.dataset.train_labels[net.train_index if subset == "train" else net.validation_index]
    return 100 * int(np.count_nonzero(predicted != labels)) / len(labels)


def _both(datasets: Any, kind: str, dtype: Any) -> Array:
    """Return the training samples of each data set with the test samples below; pixels that are no bytes in a dtype."""
    parts = [np.concatenate([getattr(d, f"train_{kind}"), getattr(d, f"test_{kind}")]) for d in datasets]
    return np.stack([part if part.dtype == np.uint8 else part.astype(dtype) for part in parts])


def _numbers(settings: list[dict[str, float]], dtype: Any) -> dict[str, Array]:
    return {name: np.array([each[name] for each in settings], dtype) for name in settings[0]}


def _assign(target: Any, source: Any, i: int) -> None:
    """Copy network i's part of stacked arrays into a tree; families that are not in the source stay."""
    if not isinstance(target, dict):
        target[...] = source[i]
        return
    for key in source:
        _assign(target[key], source[key], i)


def networks_that_fit(training: Training) -> int:
    """Return how many networks like one the device's memory holds, one or more."""
    arrays = [*training.params.values(), *training.passes[0].grads.values()]
    weights = sum(a.nbytes for layers in arrays for a in layers.values())
    state = sum(a.nbytes for a in jax.tree.leaves(program.plain(training.optimizer_state)))
    carry = sum(a.nbytes for a in (training.carry or {}).values())
    widest = sum(c.shape[0] for c in training.params["c"].values()) + training.dataset.train_images.shape[1]
    # A step keeps h, z, errors and targets of each layer; an evaluation's block is larger than a mini-batch.
    samples = max(EVALUATION_BLOCK, 6 * training.spec.batch_size)
    # Old and new state are both there for a moment.
    each = 2 * (2 * weights + state + carry) + widest * samples * training.dtype.itemsize
    images = training.dataset.train_images.nbytes + training.dataset.test_images.nbytes
    return max(1, (free_bytes() - 2 * images) // each)
