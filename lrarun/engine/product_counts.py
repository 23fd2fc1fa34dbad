"""Counts the matrix products of a training step by watching one.

The rule is given arrays of a subclass of ``ndarray`` that records every matrix product
(``@`` or ``numpy.matmul``); every result is of that subclass too. This works for any rule.
It does not see ``numpy.dot`` and ``einsum``, and it does not count a matrix times a single
column, which costs no more than any pass over the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.nn.arrays import Array, Params
from lrarun.nn.network import empty_like


class Operand(NamedTuple):
    """One matrix of a product.

    Attributes:
        shape: as the product sees it.
        address: its place in memory, which tells one weight matrix from another.
        order: ``"C"`` if it is stored by rows, ``"F"`` if by columns.
    """

    shape: tuple[int, ...]
    address: int
    order: str


class Product(NamedTuple):
    """One matrix product, ``out = left @ right``."""

    left: Operand
    right: Operand
    out: Operand


class Counts(NamedTuple):
    """Matrix products of one training step.

    Attributes:
        targets: those that compute activations, errors and targets, forward pass included.
        updates: those that form weight updates by summing over the mini-batch.
    """

    targets: int
    updates: int


def products_of(
    algorithm: Algorithm, sizes: Sequence[int], batch_size: int = 50, dtype: Any = np.float32, seed: int = 0
) -> list[Product]:
    """Return the matrix products of one step, in order.

    Args:
        algorithm: the rule and its settings.
        sizes: units per layer, from the inputs to the classes.
        batch_size: samples of the step, 2 or more.
        dtype: the parameters' dtype.
        seed: of the random weights and inputs.
    """
    rng = np.random.default_rng(seed)
    params = algorithm.init(sizes, lambda rng, shape: (0.05 * rng.standard_normal(shape)).astype(dtype), rng)
    x = rng.random((sizes[0], batch_size)).astype(dtype)
    y = np.eye(sizes[-1], dtype=dtype)[:, rng.integers(sizes[-1], size=batch_size)]
    products: list[Product] = []
    kind = _watched_kind(products)
    watched = {family: {l: a.view(kind) for l, a in layers.items()} for family, layers in params.items()}
    grads: Params = empty_like(watched, algorithm.learned)
    extra = {}
    remembered = algorithm.carry(sizes, batch_size, np.dtype(dtype))
    if remembered is not None:
        extra["carried"] = {l: states.T.view(kind) for l, states in remembered.items()}
    algorithm.step(watched, x.view(kind), y.view(kind), grads, rng, **extra)
    return products


def count_products(algorithm: Algorithm, sizes: Sequence[int]) -> Counts:
    """Count the matrix products of one step.

    The paper counts those of the targets (Section 2.3): 2(L-1) for LRA-E and 4(L-3)+L for DTP.

    Args:
        algorithm: the rule and its settings.
        sizes: units per layer, from the inputs to the classes.
    """
    # More samples than any layer has units: a sum over as many terms is an update.
    batch_size = max(sizes) + 1
    products = products_of(algorithm, sizes, batch_size)
    updates = sum(product.left.shape[-1] >= batch_size for product in products)
    return Counts(len(products) - updates, updates)


def _watched_kind(products: list[Product]) -> type[Array]:
    """Make a subclass of ndarray that appends its matrix products to a list."""

    class Watched(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
            inputs = tuple(_plain(a) for a in inputs)
            if out:
                options["out"] = tuple(_plain(a) for a in out)
            result = getattr(ufunc, method)(*inputs, **options)
            if ufunc is np.matmul and result.shape[-1] > 1:
                products.append(Product(*(_operand(a) for a in (*inputs, result))))
            if out:
                return out[0] if len(out) == 1 else out
            return result.view(Watched) if isinstance(result, np.ndarray) else result

    def _plain(a: Any) -> Any:
        return a.view(np.ndarray) if isinstance(a, Watched) else a

    return Watched


def _operand(a: Array) -> Operand:
    return Operand(a.shape, a.__array_interface__["data"][0], "F" if a.strides[-2] < a.strides[-1] else "C")
