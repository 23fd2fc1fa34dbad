"""Run a learning rule's own lines on arrays that JAX traces, and refuse a rule that only NumPy can run.

A refusal names the line in the rule's file and what to write instead.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import BadRule
from lrarun.engine.contract import step_of
from lrarun.engine.stacked.device import numerics
from lrarun.engine.stacked.noise import Noise, key_of
from lrarun.errors import UsageError
from lrarun.nn.arrays import Array, Params
from lrarun.nn.initializers import Gaussian
from lrarun.settings import settings_of

INPUTS, UNITS, CLASSES, SAMPLES = 6, 5, 4, 3  # of the network that a rule is tried on; no two alike


class Untraceable(UsageError):
    """A rule that JAX can't trace."""


class _InPlace(Exception):
    """A rule writes into an entry of ``grads``."""


class _Layers(dict[int, Array]):
    """One family's gradients, to be stored by layer: there is no memory to write into."""

    def __missing__(self, l: int) -> Array:
        raise _InPlace


def traced_step(
    rule: Algorithm, params: Params, x: Array, y: Array, rng: Any, carried: dict[int, Array] | None
) -> tuple[Params, Array, dict[int, Array]]:
    """Make a rule's step on traced arrays.

    Args:
        rule: its settings may be traced too.
        params: by family and layer.
        x: inputs, shape ``(inputs, n)``.
        y: one-hot labels, shape ``(classes, n)``.
        rng: the noise.
        carried: what the rule remembers of the samples, by layer, shape ``(units, n)``; None if nothing.

    Returns:
        The gradients of the learned families, the loss, shape ``()``, and what the rule remembers now.

    Raises:
        BadRule: the rule changes ``params``, leaves out a gradient or the loss, or changes the dtype.
    """
    grads: Params = {family: _Layers() for family in rule.learned}
    own = {family: dict(layers) for family, layers in params.items()}
    kept = dict(carried or {})
    more: dict[str, Any] = {} if carried is None else {"carried": kept}
    record = rule.step(own, x, y, grads, rng, **more)
    _check(rule, params, own, grads)
    return {family: dict(layers) for family, layers in grads.items()}, _loss(rule, record, x.dtype), kept


def _check(rule: Algorithm, params: Params, own: Params, grads: Params) -> None:
    """Raise BadRule unless every gradient is there, of its parameter's shape and dtype, and params are as before."""
    for family, layers in params.items():
        for l, a in layers.items():
            if own.get(family, {}).get(l) is not a:
                raise BadRule(f"{step_of(rule)} changes params[{family!r}][{l}]: it must leave params alone")
            if family not in rule.learned:
                continue
            if l not in grads[family]:
                raise BadRule(f"{step_of(rule)} does not write grads[{family!r}][{l}]")
            g = grads[family][l]
            if (g.shape, g.dtype) != (a.shape, a.dtype):
                raise BadRule(
                    f"{step_of(rule)} writes {g.dtype} of shape {g.shape} as grads[{family!r}][{l}]"
                    f" in place of {a.dtype} of shape {a.shape}"
                )


def _loss(rule: Algorithm, record: Any, dtype: Any) -> Array:
    try:
        loss = record["nll"]
        assert loss.shape == () and loss.dtype == dtype
    except Exception:
        raise BadRule(f"{step_of(rule)} must return {{'nll': ...}}, the mini-batch's loss as one number") from None
    return loss


def float_settings(rule: Any) -> tuple[str, ...]:
    """Return the names of the settings of a rule or an optimizer whose values are floats."""
    return tuple(field.name for field in settings_of(type(rule)) if type(getattr(rule, field.name)) is float)


def traceable_settings(rule: Algorithm, depth: int) -> tuple[str, ...]:
    """Return a rule's numeric settings that need no compilation of their own, by trying.

    A setting that the rule branches on, or counts with, is not among them.

    Args:
        rule: the rule and its settings.
        depth: hidden layers.

    Raises:
        Untraceable: JAX can't trace the rule, whatever the settings.
        BadRule: the rule breaks its contract.
    """
    return _traceable(rule, depth)


@functools.lru_cache(maxsize=1024)
def _traceable(rule: Algorithm, depth: int) -> tuple[str, ...]:
    names = float_settings(rule)
    if _failure(rule, depth, names) is None:
        return names
    failure = _failure(rule, depth, ())
    if failure is not None:
        raise failure if isinstance(failure, BadRule) else Untraceable(why_untraceable(rule, failure)) from failure
    alone = tuple(name for name in names if _failure(rule, depth, (name,)) is None)
    return alone if _failure(rule, depth, alone) is None else ()


def _failure(rule: Algorithm, depth: int, names: Sequence[str]) -> Exception | None:
    """Trace a step and a prediction of a small network with some settings traced; return the error, if any."""
    sizes = [INPUTS, *[UNITS] * depth, CLASSES]
    rng = np.random.default_rng(0)
    params = rule.init(sizes, Gaussian(), rng)
    dtype = params["W"][1].dtype
    carry = rule.carry(sizes, SAMPLES, dtype)
    carried = None if carry is None else {l: states.T for l, states in carry.items()}
    x, y = np.zeros((INPUTS, SAMPLES), dtype), np.zeros((CLASSES, SAMPLES), dtype)
    values = {name: np.asarray(getattr(rule, name), dtype) for name in names}

    def both(values: dict[str, Any], params: Params, x: Array, y: Array, carried: Any) -> Any:
        own = replace(rule, **values)
        made = traced_step(own, params, x, y, Noise(key_of(0), 0, 0), carried)
        return made, own.predict(params, x)

    try:
        with numerics():
            jax.eval_shape(both, values, params, x, y, carried)
    except Exception as error:  # whatever a rule may raise
        return error
    return None


def why_untraceable(rule: Algorithm, error: Exception) -> str:
    """Return a message on an error in tracing: the rule's line, what is wrong with it, and what to write instead."""
    files = [file for kind in type(rule).__mro__[:-1] if (file := _file_of(kind))]
    frames = traceback.extract_tb(error.__traceback__)
    own = next((frame for file in files for frame in reversed(frames) if frame.filename == file), frames[-1])
    line = linecache.getline(own.filename, own.lineno or 0).strip()
    return (
        f"the engine jax can't run the rule {rule.name!r}: {Path(own.filename).name}, line {own.lineno}: {line}\n"
        f"  {_advice(error)} (docs/extending.md, 'On a GPU'); engine: numpy trains the rule as it is"
    )


def _file_of(kind: type) -> str | None:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):
        return None


def _advice(error: Exception) -> str:
    if isinstance(error, jax.errors.TracerArrayConversionError):
        return (
            "a function of NumPy's is called on an array that is JAX's here: take it from the array's own module,"
            " namespace(a).sign(a) in place of np.sign(a), and write what has out= with write, write_product or"
            " write_scaled (lrarun.rules has all of them)"
        )
    if isinstance(error, jax.errors.ConcretizationTypeError):
        return "a branch or a Python number depends on an array's values: write namespace(a).where(condition, a, b)"
    if isinstance(error, _InPlace) or "immutable" in str(error):
        return (
            "an array is written into: write(grads[family], l, a), write_product, write_scaled or write_gradients"
            " of lrarun.rules store it on both engines"
        )
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
