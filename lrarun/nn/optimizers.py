"""Optimizers: how an entry of ``grads`` moves its parameter, in place.

Every entry of ``grads`` is scaled and subtracted, never added. The state is a nested dict
of arrays, so that a checkpoint can store it without knowing the optimizer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from lrarun.nn import compiled
from lrarun.nn.arrays import Array, Params
from lrarun.nn.memory import Packed
from lrarun.nn.rates import Rate, rate_of, rated_pieces, scaled
from lrarun.settings import lookup, setting

State = dict[str, Any]

RATE_HELP = (
    "step size: a number; a list with one for each layer, the first hidden layer's first; or a mapping of"
    " families to numbers, such as {W: 0.01, V: 0.005}, where biases take their weights'"
)


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """An optimizer: ``init`` makes its state, ``update`` moves the parameters."""

    name: ClassVar[str]
    learning_rate: Rate

    weight_decay: float = setting(
        0.0,
        "each update first takes learning_rate * weight_decay of every W from it; other families don't decay"
        " (decoupled decay; with sgd, that of an L2 penalty of weight_decay / 2 |W|^2)",
        paper="none",
        ge=0,
        later=True,
    )
    learning_rate_decay: float = setting(
        1.0, "factor on the learning rate after each epoch: 0.95 takes 5 % off", paper="none", gt=0, le=1, later=True
    )

    def in_epoch(self, epoch: int) -> Optimizer:
        """Return the optimizer with the learning rate of an epoch, counted from 0."""
        if self.learning_rate_decay == 1:
            return self
        return replace(self, learning_rate=scaled(self.learning_rate, self.learning_rate_decay**epoch))

    @abstractmethod
    def init(self, params: Params, learned: Sequence[str]) -> State:
        """Return the state for the families in ``learned``: a nested dict of scalars and arrays shaped like them."""

    @abstractmethod
    def update(self, params: Params, grads: Params, state: State) -> None:
        """Move every parameter that has an entry in ``grads``, of the same shape. May overwrite ``grads``."""


def _decay_weights(optimizer: Optimizer, params: Params, grads: Params) -> None:
    """Shrink the W that are about to be updated (Loshchilov and Hutter 2019, without a schedule)."""
    if optimizer.weight_decay:
        for l in grads.get("W", ()):
            params["W"][l] *= 1 - rate_of(optimizer.learning_rate, "W", l) * optimizer.weight_decay


def _scalars(w: Array, *values: float) -> list[Any]:
    """Return numbers in the dtype of the weights, as NumPy rounds a Python float."""
    return [w.dtype.type(value) for value in values]


def _zeros(params: Params, learned: Sequence[str]) -> Params:
    return Packed({family: params[family] for family in learned})


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: w -= learning_rate g."""

    name: ClassVar[str] = "sgd"
    learning_rate: Rate = setting(0.01, RATE_HELP, gt=0, paper="0.01 for Backprop, RFA, DFA and LRA-E")

    def init(self, params, learned):
        return {}

    def update(self, params, grads, state):
        _decay_weights(self, params, grads)
        for rate, g, w in rated_pieces(self.learning_rate, grads, params):
            g *= rate
            w -= g


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012), with the centring and momentum of Graves (2013) as options.

    s = decay s + (1 - decay) g^2, w -= learning_rate g / (sqrt(s) + epsilon).
    Centring replaces s by s - mean^2, with a running mean of g. Momentum adds ``momentum``
    times the previous step to each step. With ``epsilon_inside``, the divisor is
    sqrt(s + epsilon), or sqrt(s - mean^2 + epsilon) as in Lee et al. (2015).
    """

    name: ClassVar[str] = "rmsprop"
    learning_rate: Rate = setting(0.001, RATE_HELP, gt=0, paper="0.001 for DTP, DTP-sigma and Table 3")
    decay: float = setting(
        0.9, "decay of the running mean of squares", ge=0, lt=1, paper="not stated; Lee et al. (2015) used 0.95"
    )
    epsilon: float = setting(
        1e-4,
        "added to the root",
        gt=0,
        paper="not stated; of four values, the one with the lowest validation errors of DTP and DTP-sigma"
        " (docs/reproduction.md). Lee et al. (2015) used 1e-3, inside the root",
    )
    centred: bool = setting(
        False,
        "divide by the standard deviation of g instead of its root mean square",
        paper="not stated; Lee et al. (2015) centred",
    )
    momentum: float = setting(
        0.0, "fraction of the previous step that is added", ge=0, lt=1, paper="not stated; Lee et al. (2015) used 0.9"
    )
    epsilon_inside: bool = setting(
        False,
        "add epsilon under the root, not to it: 1e-3 there acts much like 0.03 outside where gradients are small",
        paper="not stated; Lee et al. (2015) added it inside",
        later=True,
    )

    def init(self, params, learned):
        state = {"square": _zeros(params, learned)}
        if self.centred:
            state["mean"] = _zeros(params, learned)
        if self.momentum:
            state["step"] = _zeros(params, learned)
        return state

    def update(self, params, grads, state):
        _decay_weights(self, params, grads)
        plain = not (self.centred or self.momentum or self.epsilon_inside)
        for rate, g, w, *slots in rated_pieces(self.learning_rate, grads, params, *state.values()):
            if plain and (loop := compiled.loop(self.name, w, g, *slots)):
                loop(w, g, *slots, *_scalars(w, rate, self.decay, 1 - self.decay, self.epsilon))
            else:
                w -= self._step(rate, g, **dict(zip(state, slots)))

    def _step(
        self, rate: float, g: Array, square: Array, mean: Array | None = None, step: Array | None = None
    ) -> Array:
        root = g * g
        root *= 1 - self.decay
        square *= self.decay
        square += root
        variance = square
        if mean is not None:
            mean *= self.decay
            mean += (1 - self.decay) * g
            np.multiply(mean, mean, out=root)
            np.subtract(square, root, out=root)
            # Rounding can make a variance slightly negative.
            variance = np.maximum(root, 0, out=root)
        if self.epsilon_inside:
            np.sqrt(np.add(variance, self.epsilon, out=root), out=root)
        else:
            np.sqrt(variance, out=root)
            root += self.epsilon
        g *= rate
        g /= root
        if step is None:
            return g
        step *= self.momentum
        step += g
        return step


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, Algorithm 1), with the bias correction in the step size.

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
    w -= learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon sqrt(1 - beta2^t)).
    """

    name: ClassVar[str] = "adam"
    learning_rate: Rate = setting(0.001, RATE_HELP, gt=0, paper="0.001 in Table 3")
    beta1: float = setting(0.9, "decay of the running mean of g", ge=0, lt=1, paper="not stated; Adam's own default")
    beta2: float = setting(
        0.999, "decay of the running mean of squares", ge=0, lt=1, paper="not stated; Adam's own default"
    )
    epsilon: float = setting(1e-8, "added to the root", gt=0, paper="not stated; Adam's own default")

    def init(self, params, learned):
        return {"t": np.zeros((), np.int64), "mean": _zeros(params, learned), "square": _zeros(params, learned)}

    def update(self, params, grads, state):
        state["t"] += 1
        t = int(state["t"])
        correction = (1 - self.beta2**t) ** 0.5
        rest = self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, self.epsilon * correction
        _decay_weights(self, params, grads)
        slots = state["mean"], state["square"]
        for learning_rate, g, w, mean, square in rated_pieces(self.learning_rate, grads, params, *slots):
            scalars = learning_rate * correction / (1 - self.beta1**t), *rest
            if loop := compiled.loop(self.name, w, g, mean, square):
                loop(w, g, mean, square, *_scalars(w, *scalars))
            else:
                w -= self._step(g, mean, square, *scalars)

    @staticmethod
    def _step(
        g: Array,
        mean: Array,
        square: Array,
        rate: float,
        decay1: float,
        rest1: float,
        decay2: float,
        rest2: float,
        epsilon: float,
    ) -> Array:
        root = g * g
        root *= rest2
        square *= decay2
        square += root
        g *= rest1
        mean *= decay1
        mean += g
        np.sqrt(square, out=root)
        root += epsilon
        np.divide(mean, root, out=root)
        root *= rate
        return root


OPTIMIZERS: dict[str, type[Optimizer]] = {kind.name: kind for kind in (SGD, RMSprop, Adam)}


def get_optimizer(name: str) -> type[Optimizer]:
    """Return an optimizer class by name; raises ``UnknownName`` (a KeyError) if there is none."""
    return lookup("optimizer", OPTIMIZERS, name)
