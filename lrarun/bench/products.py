"""The baseline of ``lrarun bench``: a training step's matrix products alone.

The products are those that a rule makes in one step (:mod:`lrarun.engine.product_counts`), in order,
each a ``numpy.matmul`` into memory that is allocated beforehand. The caches must have as
much to hold as in the step: an array that the step reads twice is one array here, and
separate arrays are separate. The exception are results that the step reads again. They go
into one array per shape, because products of each other's results would soon overflow. All
arrays start at a cache line.

There are two candidates. In the first, each product has the memory layouts (rows or columns,
of both operands and the result) that are fastest for its shapes alone. In the second, all
have the step's own layouts. The faster candidate counts.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from lrarun.bench.timing import Task, alternate
from lrarun.engine.product_counts import Operand, Product
from lrarun.nn.arrays import Array
from lrarun.nn.memory import aligned_empty

Layouts = tuple[str, str, str]  # "C" or "F" of left, right and out

SECONDS_PER_SHAPE = 0.1
RESULTS = -1  # in place of an address


def bare(products: Sequence[Product], dtype: np.dtype) -> dict[str, Task]:
    """Return two candidates: each product in its fastest layouts, and all in the step's own."""
    shapes = [(product.left.shape, product.right.shape) for product in products]
    chosen = {
        "fastest layouts": [fastest_layouts(*pair, dtype.char) for pair in shapes],
        "own layouts": [(p.left.order, p.right.order, p.out.order) for p in products],
    }
    return {name: Task(_calls(products, layouts, dtype)) for name, layouts in chosen.items()}


@functools.cache
def fastest_layouts(left: tuple[int, int], right: tuple[int, int], dtype: str) -> Layouts:
    """Return the fastest layouts of two operands of these shapes and their product."""
    shapes = (left, right, (left[0], right[1]))
    tasks = {}
    for layouts in itertools.product("CF", repeat=3):
        a, b, out = (_ordered(_filled(_stored(*pair), dtype), pair[1]) for pair in zip(shapes, layouts))
        tasks["".join(layouts)] = Task(functools.partial(np.matmul, a, b, out=out))
    times = alternate(tasks, SECONDS_PER_SHAPE)
    best = min(times, key=times.__getitem__)
    return best[0], best[1], best[2]


def _calls(products: Sequence[Product], layouts: Sequence[Layouts], dtype: np.dtype) -> Callable[[], None]:
    """Return a function that makes all the products, one after another."""
    read = {operand.address for product in products for operand in (product.left, product.right)}
    memory: dict[tuple[int, tuple[int, ...]], Array] = {}

    def array(operand: Operand, order: str, place: int) -> Array:
        # Columns are the transpose's rows: W and W.mT share one array, as in the step.
        key = (place, _stored(operand.shape, order))
        if key not in memory:
            memory[key] = _filled(key[1], dtype)
        return _ordered(memory[key], order)

    calls = []
    for (left, right, out), (left_order, right_order, out_order) in zip(products, layouts):
        result = array(out, out_order, RESULTS if out.address in read else out.address)
        calls.append((array(left, left_order, left.address), array(right, right_order, right.address), result))

    def run() -> None:
        for left, right, result in calls:
            np.matmul(left, right, out=result)

    return run


def _stored(shape: tuple[int, ...], order: str) -> tuple[int, ...]:
    return shape if order == "C" else shape[::-1]


def _ordered(stored: Array, order: str) -> Array:
    return stored if order == "C" else stored.mT


def _filled(shape: tuple[int, ...], dtype: np.dtype | str) -> Array:
    array = aligned_empty(shape, dtype)
    array[...] = np.random.default_rng(0).standard_normal(shape)
    return array
