"""Aligned memory, and arrays that share one block of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lrarun.nn.arrays import Array

Layers = Mapping[str, Mapping[int, Array]]

# A cache line, which is also the widest register. NumPy promises no more than 16 bytes.
ALIGNMENT = 64


def aligned_empty(shape: Sequence[int], dtype: Any = np.float32) -> Array:
    """Return an uninitialised array of a shape, in C order, that starts at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


class _Members(dict[int, Array]):
    """One family's arrays by layer; assigning to one copies into its memory."""

    def __setitem__(self, l: int, a: Array) -> None:
        if a is not self[l]:
            self[l][...] = a


class Packed(dict[str, dict[int, Array]]):
    """Arrays by family and layer that are consecutive parts of one flat array.

    An optimizer updates ``flat`` in one call, in place of one call for each weight matrix
    and each bias (docs/performance.md).

    Attributes:
        flat: all entries, shape ``(entries,)``. Each array starts at a cache line; zeros fill the gaps.
        layout: (family, layer, shape) of each array, in order.
    """

    def __init__(self, layers: Layers):
        """Allocate zeros in the shapes of the arrays given.

        Raises:
            ValueError: the arrays have different dtypes.
        """
        arrays = [(family, l, a) for family, members in layers.items() for l, a in members.items()]
        dtypes = {a.dtype for *_, a in arrays}
        if len(dtypes) != 1:
            raise ValueError(f"only arrays of one dtype can be packed, not of {sorted(map(str, dtypes))}")
        (dtype,) = dtypes
        line = ALIGNMENT // dtype.itemsize
        rooms = [-(-a.size // line) * line for *_, a in arrays]
        self.layout = tuple((family, l, a.shape) for family, l, a in arrays)
        self.flat = aligned_empty((sum(rooms),), dtype)
        self.flat[...] = 0
        ends = itertools.accumulate(rooms)
        parts = {
            (family, l): self.flat[end - room :][: a.size].reshape(a.shape)
            for (family, l, a), room, end in zip(arrays, rooms, ends)
        }
        super().__init__({family: _Members({l: parts[family, l] for l in layers[family]}) for family in layers})


def pack(layers: Layers, first: Sequence[str] = ()) -> Packed:
    """Return a packed copy, with the families in ``first`` before the others."""
    order = [*first, *(family for family in layers if family not in first)]
    packed = Packed({family: layers[family] for family in order})
    for family, members in layers.items():
        for l, a in members.items():
            packed[family][l][...] = a
    return packed


def in_pieces(*trees: Layers) -> list[tuple[Array, ...]]:
    """Pair each array of the first tree with those of the same family and layer in the others.

    If all trees are packed and begin with the first one's layout, the result is a single
    tuple of flat arrays, shape ``(entries,)``.
    """
    first = trees[0]
    if isinstance(first, Packed):
        count, size = len(first.layout), first.flat.size
        alike = [tree for tree in trees if isinstance(tree, Packed) and tree.layout[:count] == first.layout]
        if len(alike) == len(trees):
            return [tuple(tree.flat[:size] for tree in alike)]
    return [tuple(tree[family][l] for tree in trees) for family, members in first.items() for l in members]
