"""RMSprop's and Adam's update as one pass over the weights, compiled by Numba where the extra ``fast`` is installed.

NumPy passes over the weights once for each operation; a compiled loop does all operations
on one entry before it goes to the next. They are the same operations in the same order,
each rounded to the weights' dtype, and leave ``grads`` as NumPy does, so that not one bit of a
result depends on whether Numba is there, or on when it was loaded (``tests/test_compiled.py``).
What each loop computes is said once, in :mod:`lrarun.nn.optimizers`.

Numba is loaded in a thread of its own while NumPy goes on: a run neither waits for it nor
fails by it, and can be interrupted meanwhile.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

import numpy as np

from lrarun.nn.arrays import Array

Loop = Callable[..., None]

# To load Numba and compile the loops takes about a second, and so does it to update this many
# entries without: a run of a moment never pays for what it would not use.
WORTH_IT = 1_000_000_000
AT_EXIT = 5.0  # seconds to wait for the thread: LLVM must not be taken down while it works

_updated = 0
_loops: dict[str, Loop] = {}
_loader: threading.Thread | None = None


def loop(name: str, *arrays: Array) -> Loop | None:
    """The compiled loop of an optimizer, or None where, or as long as, NumPy is to do it.

    Args:
        name: the optimizer's.
        arrays: the weights to be updated and what the loop would be given beside them; only flat arrays
            of one length and one dtype, float32 or float64, have loops.
    """
    global _updated
    w = arrays[0]
    if w.dtype not in (np.float32, np.float64) or any(a.shape != (w.size,) or a.dtype != w.dtype for a in arrays):
        return None
    _updated += w.size
    if _updated > WORTH_IT and _loader is None:
        _begin_to_load()
    return _loops.get(name)


def at_once() -> str:
    """Loads Numba now, if it is there; returns why there are no loops, or nothing if there are."""
    return "" if _loops else _load()


def _begin_to_load() -> None:
    global _loader
    # Not waited for when a process ends, but for so long: it could hang where memory is short.
    _loader = threading.Thread(target=_load, name="lrarun-compile", daemon=True)
    atexit.register(_loader.join, AT_EXIT)
    _loader.start()


def _load() -> str:
    """Compiles the loops for both dtypes and only then offers them; returns why it could not."""
    try:
        import numba

        if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            return "switched off by NUMBA_DISABLE_JIT"
        # Without it, a division by zero raises as in Python, and the loop is not vectorised.
        compiled = {name: numba.njit(f, error_model="numpy", nogil=True) for name, f in _LOOPS.items()}
        for name, (slots, scalars) in _ARGUMENTS.items():
            for dtype in (np.float32, np.float64):
                compiled[name](*np.ones((slots, 2), dtype), *np.ones(scalars, dtype))
    except Exception as error:  # whatever is wrong with a library that is not needed is no reason to fail
        return f"{type(error).__name__}: {error}"
    _loops.update(compiled)
    return ""


# The scalars are of the arrays' dtype: with a Python float, Numba would compute in double precision.


def _rmsprop(w, g, square, learning_rate, decay, rest, epsilon):
    for i in range(w.size):
        square[i] = square[i] * decay + g[i] * g[i] * rest
        g[i] = g[i] * learning_rate / (np.sqrt(square[i]) + epsilon)
        w[i] -= g[i]


def _adam(w, g, mean, square, rate, decay1, rest1, decay2, rest2, epsilon):
    for i in range(w.size):
        square[i] = square[i] * decay2 + g[i] * g[i] * rest2
        g[i] *= rest1
        mean[i] = mean[i] * decay1 + g[i]
        w[i] -= mean[i] / (np.sqrt(square[i]) + epsilon) * rate


_LOOPS = {"rmsprop": _rmsprop, "adam": _adam}
_ARGUMENTS = {"rmsprop": (3, 4), "adam": (4, 6)}  # how many arrays and how many scalars
