"""RMSprop's and Adam's update in one pass over the weights, compiled by Numba if the extra ``fast`` is installed.

NumPy passes over the weights once per operation. A compiled loop does all operations on
one entry before it goes on to the next: the same operations in the same order, each
rounded to the weights' dtype. Results have the same bits with and without Numba, whenever
it was loaded (``tests/nn/test_compiled.py``). :mod:`lrarun.nn.optimizers` has the formulas.

Numba loads in a thread of its own while NumPy goes on. A run never waits for it, never
fails because of it, and can be interrupted meanwhile.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

import numpy as np

from lrarun.nn.arrays import Array

Loop = Callable[..., None]

# Loading Numba and compiling the loops takes about a second, as long as NumPy takes to update this many
# entries. Runs that are shorter than that never load it.
WORTH_IT = 1_000_000_000
AT_EXIT = 5.0  # seconds to wait for the thread at exit: LLVM must not be unloaded while it works

_updated = 0
_loops: dict[str, Loop] = {}
_loader: threading.Thread | None = None


def loop(name: str, *arrays: Array) -> Loop | None:
    """Return an optimizer's compiled loop, or None if there is none or it is not loaded yet.

    Args:
        name: the optimizer's.
        arrays: the weights, shape ``(entries,)``, and the loop's other arrays. There are loops only for arrays
            of the same shape and dtype, float32 or float64.
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
    """Load Numba now, if it is installed; return why there are no loops, or an empty string if there are."""
    return "" if _loops else _load()


def _begin_to_load() -> None:
    global _loader
    # A daemon, joined for a limited time: it could hang if memory is short.
    _loader = threading.Thread(target=_load, name="lrarun-compile", daemon=True)
    atexit.register(_loader.join, AT_EXIT)
    _loader.start()


def _load() -> str:
    """Compile the loops for both dtypes, then offer them; return why that failed, or an empty string."""
    try:
        import numba

        if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            return "switched off by NUMBA_DISABLE_JIT"
        # Without it, a division by zero raises as in Python, and the loop is not vectorised.
        compiled = {name: numba.njit(f, error_model="numpy", nogil=True) for name, f in _LOOPS.items()}
        for name, (slots, scalars) in _ARGUMENTS.items():
            for dtype in (np.float32, np.float64):
                compiled[name](*np.ones((slots, 2), dtype), *np.ones(scalars, dtype))
    except Exception as error:  # Numba is optional: nothing that is wrong with it may stop a run
        return f"{type(error).__name__}: {error}"
    _loops.update(compiled)
    return ""


# Scalars have the arrays' dtype: with a Python float, Numba would compute in double precision.


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
_ARGUMENTS = {"rmsprop": (3, 4), "adam": (4, 6)}  # numbers of arrays and of scalars
