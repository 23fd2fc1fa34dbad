"""Whether compiled optimizers would pay: python benchmarks/compiled_optimizers.py.

Times one RMSprop and one SGD update of all parameters of LRA-E with 3 hidden layers in
NumPy, numexpr and Numba, in turn. The last two are no dependencies: pip install numexpr numba.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["NUMEXPR_NUM_THREADS"] = "1"  # before NumPy loads
sys.path.insert(0, str(Path(__file__).parent.parent))

import numba  # noqa: E402
import numexpr  # noqa: E402
import numpy as np  # noqa: E402

from lrarun.bench.timing import Task, alternate  # noqa: E402
from lrarun.memory import aligned_empty  # noqa: E402
from lrarun.optimizers import SGD, RMSprop  # noqa: E402

PARAMETERS = 468_746
RATE, DECAY, EPSILON = (np.float32(value) for value in (0.001, 0.9, 1e-8))
REST = np.float32(1) - DECAY


# Python's division, which raises for zero, is not vectorised.
@numba.njit(error_model="numpy")
def compiled_rmsprop(w, g, s, rate, decay, rest, epsilon):
    for i in range(w.size):
        square = decay * s[i] + rest * (g[i] * g[i])
        s[i] = square
        w[i] -= rate * g[i] / (np.sqrt(square) + epsilon)


@numba.njit
def compiled_sgd(w, g, rate):
    for i in range(w.size):
        w[i] -= rate * g[i]


def evaluated_rmsprop(w, g, s):
    names = {"w": w, "g": g, "s": s, "rate": RATE, "decay": DECAY, "rest": REST, "epsilon": EPSILON}
    numexpr.evaluate("decay * s + rest * (g * g)", names, out=s)
    numexpr.evaluate("w - rate * g / (sqrt(s) + epsilon)", names, out=w)


def main() -> None:
    rng = np.random.default_rng(0)
    w, g, s = (aligned_empty((PARAMETERS,)) for _ in range(3))
    for a in (w, g, s):
        a[...] = rng.random(PARAMETERS)
    params, grads, state = {"W": {1: w}}, {"W": {1: g}}, {"square": {"W": {1: s}}}

    def fresh() -> None:
        g[...] = 0.01

    tasks = {
        "rmsprop numpy": lambda: RMSprop().update(params, grads, state),
        "rmsprop numexpr": lambda: evaluated_rmsprop(w, g, s),
        "rmsprop numba": lambda: compiled_rmsprop(w, g, s, RATE, DECAY, REST, EPSILON),
        "sgd numpy": lambda: SGD().update(params, grads, {}),
        "sgd numexpr": lambda: numexpr.evaluate("w - rate * g", {"w": w, "g": g, "rate": RATE}, out=w),
        "sgd numba": lambda: compiled_sgd(w, g, RATE),
    }
    times = alternate({name: Task(task, fresh) for name, task in tasks.items()}, seconds=10)
    for name, shortest in times.items():
        print(f"{name:16s} {1e6 * shortest:8.1f} us")


if __name__ == "__main__":
    main()
