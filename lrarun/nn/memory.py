"""Where arrays lie in memory."""

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
    """An uninitialised array of a shape that starts at a multiple of 64 bytes, rows one after another."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


class _Members(dict[int, Array]):
    """One family's arrays by layer; setting one writes into the memory that is there."""

    def __setitem__(self, l: int, a: Array) -> None:
        if a is not self[l]:
            self[l][...] = a


class Packed(dict[str, dict[int, Array]]):
    """Arrays by family and layer that are parts of one array, one after another.

    What is done to every entry of every layer alike can then be done to ``flat`` at once:
    one call instead of one for each weight matrix and each bias (docs/performance.md).

    Attributes:
        flat: all entries, in one dimension; zeros fill the gaps, as each array starts at a cache line.
        layout: (family, layer, shape) of each array, in their order.
    """

    def __init__(self, layers: Layers):
        """Room for arrays like those given, filled with zeros.

        Raises:
            ValueError: if they are of different dtypes.
        """
        arrays = [(family, l, a) for family, members in layers.items() for l, a in members.items()]
        dtypes = {a.dtype for *_, a in arrays}
        if len(dtypes) != 1:
            raise ValueError(f"arrays of one dtype can be packed, not of {sorted(map(str, dtypes))}")
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
    """A packed copy, with some families before the others."""
    order = [*first, *(family for family in layers if family not in first)]
    packed = Packed({family: layers[family] for family in order})
    for family, members in layers.items():
        for l, a in members.items():
            packed[family][l][...] = a
    return packed


def in_pieces(*trees: Layers) -> list[tuple[Array, ...]]:
    """The arrays of the first tree, each with those that stand in its place in the others, all of one shape.

    Where all are packed and begin with what the first one holds, that is one tuple, of
    flat arrays.
    """
    first = trees[0]
    if isinstance(first, Packed):
        count, size = len(first.layout), first.flat.size
        alike = [tree for tree in trees if isinstance(tree, Packed) and tree.layout[:count] == first.layout]
        if len(alike) == len(trees):
            return [tuple(tree.flat[:size] for tree in alike)]
    return [tuple(tree[family][l] for tree in trees) for family, members in first.items() for l in members]
