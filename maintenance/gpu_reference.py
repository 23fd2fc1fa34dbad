"""Train many seeds of the paper's runs with the stack engine, on a GPU that is at hand for minutes.

``python -m maintenance.gpu_reference --minutes 9 --archive runs.tar.xz`` measures the device once, then trains the
kinds of :func:`kinds` one after another, and stops in time. The same command goes on from there. The archive holds all
finished runs so far, without their weights; unpack it in results/reference-jax. Needs JAX for the device and the data
sets' files.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from maintenance.publish_results import publish

LRARUN = (sys.executable, "-m", "lrarun")
BOTH = ["mnist", "fashion-mnist"]
TO_STOP = 30.0  # seconds for the checkpoints of a stack, and for the archive
TO_MEASURE = 90.0  # seconds at most, for each of two commands
MEASURED = "device.txt"


def kinds(seeds: int) -> Iterator[Mapping[str, Any]]:
    """Yield specs in the order of their use; the runs of each spec make as few stacks as they can."""
    every = list(range(seeds))
    for algorithm in ("lra-e", "backprop", "rfa", "dfa"):
        for depth in (3, 5, 8):
            yield {"algorithm": algorithm, "depth": depth, "sweep": {"dataset": BOTH, "seed": every}}
    for algorithm in ("dtp-sigma", "dtp"):
        for depth in (8, 5, 3):
            epsilons = {"optimizer.epsilon": [1e-8, 1e-4, 3e-4, 1e-3], "dataset": BOTH, "seed": every[:5]}
            yield {"algorithm": algorithm, "depth": depth, "optimizer": "rmsprop", "sweep": epsilons}
    for optimizer in ("adam", "rmsprop"):
        yield {"algorithm": "lra-e", "depth": 3, "optimizer": optimizer, "sweep": {"dataset": BOTH, "seed": every}}
    for depth in (3, 5, 8):
        own = {"algorithm": "equilibrium-propagation", "depth": depth}
        yield own | {"sweep": {"dataset": BOTH, "seed": every[:5]}}


def measure(results: Path) -> None:
    """Write what the device is and how long a step of a stack takes there, unless that was written before."""
    target = results / MEASURED
    if target.exists():
        return
    parts = []
    stacks = ("--stack", "1", "--stack", "32")
    for command in (("doctor",), ("bench", "--engine", "jax", "--algorithm", "lra-e", *stacks)):
        try:
            done = subprocess.run([*LRARUN, *command], capture_output=True, text=True, check=False, timeout=TO_MEASURE)
            parts.append(done.stdout + done.stderr)
        except subprocess.TimeoutExpired:
            parts.append(f"lrarun {' '.join(command)} took more than {TO_MEASURE:g} s")
    target.write_text("\n".join(parts), encoding="utf-8")


def train(spec: Mapping[str, Any], results: Path, overrides: list[str], deadline: float) -> bool:
    """Train the runs of one spec until the deadline; return whether they came to their ends."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(spec), file)
        file.flush()
        sets = [word for override in overrides for word in ("--set", override)]
        command = [*LRARUN, "train", file.name, "--engine", "jax", "--results", str(results), *sets]
        process = subprocess.Popen(command)
        try:
            # 3: a run diverged, which is a result. Any other failure leaves the runs for the next time.
            return process.wait(timeout=max(0.0, deadline - time.monotonic())) in (0, 3)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()
            return False


def pack(results: Path, archive: Path) -> int:
    """Write the finished runs, without weights, as one file; return how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        published = publish(results, Path(folder))
        with tarfile.open(archive, "w:xz") as file:
            for path in sorted(Path(folder).iterdir()):
                file.add(path, path.name)
            if (results / MEASURED).exists():
                file.add(results / MEASURED, MEASURED)
    return len(published)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="that the command may take")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--results", type=Path, default=Path("results/gpu"), help="kept between calls")
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="override a key of every spec, such as epochs=1")
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes - TO_STOP
    options.results.mkdir(parents=True, exist_ok=True)
    measure(options.results)
    for spec in kinds(options.seeds):
        if time.monotonic() >= deadline or not train(spec, options.results, options.set, deadline):
            print(f"stopped at {dict(spec)}", file=sys.stderr)
            break
    print(f"{pack(options.results, options.archive)} runs in {options.archive}", file=sys.stderr)


if __name__ == "__main__":
    main()
