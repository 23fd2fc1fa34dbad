"""How much time does the extra `fast` save? python maintenance/compiled_optimizers.py.

Times one update of all parameters, and whole epochs of 60,000 images, with NumPy and with
Numba's loops, in turn in one process. Both give the same bits.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads
sys.path.insert(0, str(Path(__file__).parent.parent))

from lrarun.bench.data import synthetic
from lrarun.bench.timing import Task, alternate
from lrarun.engine.training import Training
from lrarun.nn import compiled
from lrarun.specs.build import make_spec

TRIALS = [
    ("lra-e", "rmsprop", 3),
    ("lra-e", "adam", 3),
    ("dtp", "rmsprop", 3),
    ("dtp-sigma", "rmsprop", 3),
    ("dtp", "rmsprop", 8),
    ("dtp-sigma", "rmsprop", 8),
]
PAIRS = 3  # of epochs, per trial

TROUBLE = compiled.at_once()
LOOPS = compiled._loops


def choose(loops: bool) -> None:
    """Make the optimizers use Numba's loops, or NumPy."""
    compiled._loops = LOOPS if loops else {}


def updates(training: Training) -> dict[str, float]:
    """Return the seconds of one update, the shortest of many."""

    def update(loops: bool) -> Task:
        def prepare() -> None:
            choose(loops)
            training.passes[0].moved.flat[...] = 1e-3

        return Task(lambda: training.optimizer.update(training.params, *training.passes[0][1:]), prepare)

    return alternate({"numpy": update(False), "numba": update(True)}, seconds=1)


def epochs(training: Training) -> dict[str, list[float]]:
    """Return the seconds of whole epochs, validation included, taken in turn."""
    seconds: dict[str, list[float]] = {"numpy": [], "numba": []}
    for _ in range(PAIRS):
        for name in seconds:
            choose(name == "numba")
            started = time.process_time()
            training.advance()
            seconds[name].append(time.process_time() - started)
    return seconds


def main() -> None:
    if TROUBLE:
        raise SystemExit(f"Numba can't be used: {TROUBLE}")
    dataset = synthetic(60_000, 10_000)
    print("rule       optimizer  layers   update, us: NumPy  Numba   epoch, s: NumPy  Numba   less by (median, range)")
    for rule, optimizer, depth in TRIALS:
        spec = make_spec({"algorithm": rule, "optimizer": optimizer, "depth": depth, "epochs": 1000})
        training = Training(spec, dataset)
        update, epoch = updates(training), epochs(training)
        less = [100 * (1 - after / before) for before, after in zip(epoch["numpy"], epoch["numba"])]
        print(
            f"{rule:10s} {optimizer:10s} {depth:5d} {1e6 * update['numpy']:21.0f} {1e6 * update['numba']:6.0f}"
            f" {statistics.median(epoch['numpy']):17.2f} {statistics.median(epoch['numba']):6.2f}"
            f"   {statistics.median(less):.0f} % ({min(less):.0f} to {max(less):.0f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
