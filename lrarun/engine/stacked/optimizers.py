"""SGD, RMSprop and Adam as formulas without memory of their own, for arrays that JAX traces.

The definitions are those of :mod:`lrarun.nn.optimizers`, and so is the state: a checkpoint is the same on both engines.
optax has the same definitions for SGD, for RMSprop without centring (``eps_in_sqrt=False``), with or without momentum,
and for Adam, whose bias correction it writes elsewhere; tests compare with these. Its centred RMSprop takes the root of
a variance that rounding can make negative, where ours takes 0. It is not used here, because its state is not ours.

A function's keywords are the settings that this engine knows. Another one, not at its default, is refused.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from lrarun.errors import UsageError
from lrarun.nn.arrays import Array
from lrarun.nn.optimizers import SGD, Adam, Optimizer, RMSprop
from lrarun.settings import settings_of

Slots = Mapping[str, Array]


def _sgd(w, g, slots, t, *, learning_rate):
    return w - learning_rate * g, {}


def _rmsprop(w, g, slots, t, *, learning_rate, decay, rest, epsilon, momentum):
    square = decay * slots["square"] + rest * (g * g)
    new = {"square": square}
    if "mean" in slots:
        new["mean"] = decay * slots["mean"] + rest * g
        square = jnp.maximum(square - new["mean"] * new["mean"], 0)
    step = learning_rate * g / (jnp.sqrt(square) + epsilon)
    if "step" in slots:
        step = new["step"] = momentum * slots["step"] + step
    return w - step, new


def _adam(w, g, slots, t, *, learning_rate, beta1, rest1, log_beta1, beta2, rest2, log_beta2, epsilon):
    # 1 - beta^t = -expm1(t log beta), which keeps its digits in float32.
    t = t.astype(w.dtype)
    correction = jnp.sqrt(-jnp.expm1(t * log_beta2))
    rate = learning_rate * correction / -jnp.expm1(t * log_beta1)
    mean = beta1 * slots["mean"] + rest1 * g
    square = beta2 * slots["square"] + rest2 * (g * g)
    return w - mean / (jnp.sqrt(square) + epsilon * correction) * rate, {"mean": mean, "square": square}


class _Kind(NamedTuple):
    move: Any
    derived: Any  # the optimizer -> numbers that are computed before they are rounded to the run's dtype
    shapes: tuple[str, ...] = ()  # settings that only decide which state there is


def _log(beta: float) -> float:
    return math.log(beta) if beta else -math.inf


_KINDS: dict[type[Optimizer], _Kind] = {
    SGD: _Kind(_sgd, lambda o: {}),
    RMSprop: _Kind(_rmsprop, lambda o: {"rest": 1 - o.decay}, shapes=("centred",)),
    Adam: _Kind(
        _adam,
        lambda o: {
            "rest1": 1 - o.beta1,
            "log_beta1": _log(o.beta1),
            "rest2": 1 - o.beta2,
            "log_beta2": _log(o.beta2),
        },
    ),
}


def numbers_of(optimizer: Optimizer) -> dict[str, float]:
    """Return an optimizer's numbers, which are traced.

    Raises:
        UsageError: this engine does not know the optimizer, or one of its settings that is not at its default.
    """
    kind = _KINDS.get(type(optimizer))
    if kind is None:
        known = ", ".join(known.name for known in _KINDS)
        raise UsageError(f"the engine jax has no optimizer {optimizer.name!r}; it has {known}")
    derived = kind.derived(optimizer)
    wanted = [name for name, p in inspect.signature(kind.move).parameters.items() if p.kind is p.KEYWORD_ONLY]
    own = {name: getattr(optimizer, name) for name in wanted if name not in derived}
    for name, value in own.items():
        if not isinstance(value, int | float):
            raise UsageError(f"the engine jax takes one number for {name}, not {value!r}; engine: numpy takes it")
    for field in settings_of(type(optimizer)):
        unknown = field.name not in own and field.name not in kind.shapes
        if unknown and getattr(optimizer, field.name) != field.default:
            raise UsageError(
                f"the engine jax does not know the setting {field.name!r} of {optimizer.name!r}; engine: numpy does"
            )
    return {**own, **derived}


def move(
    kind: type[Optimizer], w: Array, g: Array, slots: Slots, t: Array | None, numbers: Mapping[str, Any]
) -> tuple[Array, dict[str, Array]]:
    """Return a parameter after an update, and its part of the optimizer's new state.

    Args:
        kind: the optimizer's class.
        w: the parameter, any shape.
        g: its gradient, of the same shape.
        slots: its part of the state, by name, of the same shape.
        t: the number of updates, this one counted, shape ``()``; None for an optimizer that does not count.
        numbers: as from :func:`numbers_of`, traced.
    """
    return _KINDS[kind].move(w, g, slots, t, **numbers)
