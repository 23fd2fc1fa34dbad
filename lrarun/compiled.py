"""An optimizer's update as one pass over the weights, compiled by Numba where the extra ``fast`` is installed.

NumPy passes over the weights once for each operation; a compiled loop does all operations
on one entry before it goes to the next. They are the same operations in the same order,
each rounded to the weights' dtype, so that not one bit of a result depends on whether
Numba is there (``tests/test_compiled.py``). What each loop computes is said once, in
:mod:`lrarun.optimizers`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

Array = np.ndarray
Loop = Callable[..., None]

# To load Numba and compile a loop takes about a second, and so does it to update this many
# entries without: a run of a moment never pays for what it would not use.
WORTH_IT = 1_000_000_000

_updated = 0


def loop(name: str, w: Array) -> Loop | None:
    """The compiled loop of an optimizer, or None where NumPy is to do it.

    Args:
        name: the optimizer's.
        w: the weights to be updated; only arrays of one dimension have loops.
    """
    global _updated
    if w.ndim != 1:
        return None
    _updated += w.size
    return _loops().get(name) if _updated > WORTH_IT else None


def at_once() -> None:
    """Has this process compile loops as soon as they are asked for, for whoever measures them."""
    global _updated
    _updated = WORTH_IT


@functools.cache
def _loops() -> dict[str, Loop]:
    try:
        import numba
    except ImportError:  # also raised by a Numba that is too old for this NumPy
        return {}
    if getattr(numba.config, "DISABLE_JIT"):  # NUMBA_DISABLE_JIT=1 would leave the loops in Python
        return {}
    # Python's division raises for zero, which keeps a loop from using wide registers.
    compile_loop = numba.njit(error_model="numpy")
    return {"sgd": compile_loop(_sgd), "rmsprop": compile_loop(_rmsprop), "adam": compile_loop(_adam)}


# The scalars are of the arrays' dtype: with a Python float, Numba would compute in double precision.


def _sgd(w, g, learning_rate):
    for i in range(w.size):
        w[i] -= g[i] * learning_rate


def _rmsprop(w, g, square, learning_rate, decay, rest, epsilon):
    for i in range(w.size):
        square[i] = square[i] * decay + g[i] * g[i] * rest
        w[i] -= g[i] * learning_rate / (np.sqrt(square[i]) + epsilon)


def _adam(w, g, mean, square, rate, decay1, rest1, decay2, rest2, epsilon):
    for i in range(w.size):
        mean[i] = mean[i] * decay1 + g[i] * rest1
        square[i] = square[i] * decay2 + g[i] * g[i] * rest2
        w[i] -= mean[i] / (np.sqrt(square[i]) + epsilon) * rate
