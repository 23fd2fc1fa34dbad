"""The noise of a rule that is traced by JAX: NumPy's Generator, as far as rules use it, over a JAX key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from lrarun.nn.randomness import stream

KNOWN = "integers, normal, random, standard_normal, uniform"
Array = Any  # NumPy's, or one that JAX traces
Size = int | Sequence[int] | None


def key_of(seed: int) -> Array:
    """Return a run's key, shape ``(2,)``, from the same named stream that its noise has in NumPy."""
    return stream(seed, "noise").integers(2**32, size=2, dtype=np.uint32)


class Noise:
    """A generator without a state of its own: its draws follow from a key and from their order.

    The key is folded from the run's, the epoch and the mini-batch. So a run that resumes draws what it would have
    drawn, in a stack of any size. Threefry, unlike other generators of JAX, draws the same under ``vmap``.

    Args:
        key: of the run, shape ``(2,)``.
        epoch, batch: where the run is.
    """

    def __init__(self, key: Array, epoch: Any, batch: Any):
        typed = jax.random.wrap_key_data(key, impl="threefry2x32")
        self._key = jax.random.fold_in(jax.random.fold_in(typed, epoch), batch)
        self._draws = 0

    def _next(self) -> Any:
        self._draws += 1
        return jax.random.fold_in(self._key, self._draws)

    def standard_normal(self, size: Size = None, dtype: Any = np.float64) -> Array:
        """Return normal deviates of mean 0 and standard deviation 1, shape ``size``."""
        return jax.random.normal(self._next(), _shape(size), _dtype(size, dtype))

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Size = None) -> Array:
        """Return normal deviates, float64, shape ``size``."""
        return loc + scale * jax.random.normal(self._next(), _shape(size), _dtype(size))

    def random(self, size: Size = None, dtype: Any = np.float64) -> Array:
        """Return uniform deviates in [0, 1), shape ``size``."""
        return jax.random.uniform(self._next(), _shape(size), _dtype(size, dtype))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Size = None) -> Array:
        """Return uniform deviates in [low, high), float64, shape ``size``."""
        return low + (high - low) * jax.random.uniform(self._next(), _shape(size), _dtype(size))

    def integers(self, low: Any, high: Any = None, size: Size = None, dtype: Any = np.int64) -> Array:
        """Return whole numbers from ``low`` to below ``high``, or from 0 to below ``low``, shape ``size``."""
        low, high = (0, low) if high is None else (low, high)
        return jax.random.randint(self._next(), _shape(size), low, high, dtype)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the engine jax draws no rng.{name}; it has {KNOWN}")


def _shape(size: Size) -> tuple[int, ...]:
    if size is None:
        return ()
    return (size,) if isinstance(size, int) else tuple(size)


def _dtype(size: Size, dtype: Any = np.float64) -> Any:
    # NumPy returns one number as a Python float, which promotes no array; a float32 does neither.
    return np.float32 if size is None else dtype
