"""The types of an array and of a network's parameters, and what differs between NumPy's arrays and others.

The maths is written once, for NumPy's arrays and, traced, for those of JAX. Functions come from
:func:`namespace` of the array at hand. What NumPy should write into memory that it has goes
through the ``write`` functions; other arrays can't be written into, and are stored as new entries.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

Array = np.ndarray
# By family (``"W"``, ``"c"``, ...) and layer, numbered as in the paper.
Params = dict[str, dict[int, Array]]


def namespace(a: Array) -> Any:
    """Return the module whose functions take an array of any shape: ``numpy``, or ``jax.numpy`` for JAX's."""
    return np if isinstance(a, np.ndarray) else a.__array_namespace__()


def scaled(a: Array, factor: Any) -> Array:
    """Return an array times a number, of a's shape; ``a`` itself where the number is 1."""
    return a if isinstance(factor, (int, float)) and factor == 1 else a * factor


def write(layers: dict[int, Array], l: int, a: Array) -> None:
    """Write an array into ``layers[l]``, of the same shape."""
    if isinstance(a, np.ndarray):
        layers[l][...] = a
    else:
        layers[l] = a


def write_product(layers: dict[int, Array], l: int, left: Array, right: Array) -> None:
    """Write ``left @ right``, shapes ``(..., m, n)`` and ``(..., n, k)``, into ``layers[l]``."""
    if isinstance(left, np.ndarray):
        np.matmul(left, right, out=layers[l])
    else:
        layers[l] = left @ right


def write_scaled(layers: dict[int, Array], l: int, a: Array, factor: Any) -> None:
    """Write an array times a number into ``layers[l]``, of the array's shape."""
    if isinstance(a, np.ndarray):
        np.multiply(a, factor, out=layers[l])
    else:
        layers[l] = a * factor


def write_row_sums(layers: dict[int, Array], l: int, a: Array) -> None:
    """Write the sums over the last axis of ``a``, shape ``(..., m, n)``, into ``layers[l]``, shape ``(..., m, 1)``."""
    if isinstance(a, np.ndarray):
        # For rows this short, a product with ones takes a quarter of the time of np.sum.
        np.matmul(a, _ones(a.shape[-1], a.dtype.char), out=layers[l])
    else:
        layers[l] = a.sum(axis=-1, keepdims=True)


@functools.cache
def _ones(n: int, dtype: str) -> Array:
    return np.ones((n, 1), dtype)
