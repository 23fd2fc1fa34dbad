"""What does a second process save, and how much memory does it need? python maintenance/scaling.py [--data-dir DIR].

Trains the same MNIST runs three times: one after another with one BLAS thread, in several
processes, and one after another with as many BLAS threads as there were processes. Prints
wall-clock times and peak private memory (USS: what would be freed if the process ended).
The figures mean something on an idle machine only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 0.1

# The command line always uses one BLAS thread; this program trains with more.
WITH_THREADS = """
import sys
from pathlib import Path
from lrarun.data.load import load
from lrarun.runs.run import run
from lrarun.specs.build import load_specs
for spec in load_specs(sys.argv[1]):
    run(spec, load(spec.dataset, sys.argv[3] or None), Path(sys.argv[2]))
"""


def private_memory(process: int) -> int:
    """Return a process's USS in bytes; 0 if it has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return 0


def children(process: int) -> list[int]:
    """Return a process's workers: its children except git and multiprocessing's own tracker."""
    found = []
    with suppress(OSError):
        for child in map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()):
            if b"multiprocessing.spawn" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def time_and_memory(command: list[str], environment: dict[str, str]) -> tuple[float, int, int]:
    """Return a command's seconds, its own peak USS in bytes, and the largest peak of a worker's."""
    started, own, theirs = time.perf_counter(), 0, 0
    running = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT), **environment})
    while running.poll() is None:
        own = max(own, private_memory(running.pid))
        theirs = max([theirs, *map(private_memory, children(running.pid))])
        time.sleep(SAMPLE_SECONDS)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, own, theirs


def write_spec(folder: Path, options: argparse.Namespace) -> Path:
    spec = {
        "algorithm": options.algorithm,
        "depth": options.depth,
        "epochs": options.epochs,
        "sweep": {"seed": list(range(options.runs))},
    }
    file = folder / "batch.yaml"
    file.write_text(json.dumps(spec), encoding="utf-8")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("?")[0] + "?")
    parser.add_argument("--data-dir", default="")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--algorithm", default="lra-e")
    parser.add_argument("--depth", type=int, default=3)
    options = parser.parse_args()
    threads = str(options.processes)
    with tempfile.TemporaryDirectory(prefix="lrarun-scaling-") as name:
        file = write_spec(Path(name), options)
        data = ["--data-dir", options.data_dir] if options.data_dir else []

        def train(label: str, jobs: int) -> list[str]:
            return [
                sys.executable,
                "-m",
                "lrarun",
                "train",
                str(file),
                "--results",
                f"{name}/{label}",
                "--jobs",
                str(jobs),
                "--quiet",
                *data,
            ]

        print(
            f"{options.runs} runs of {options.algorithm}, depth {options.depth}, {options.epochs} epochs;"
            f" {os.cpu_count()} cores, load average at the start {os.getloadavg()[0]:.1f}\n"
        )
        print("| | seconds | of the first | main process, MB | each worker at most, MB |\n|---|---|---|---|---|")
        base = show("1 process, 1 thread", time_and_memory(train("one", 1), {}))
        show(f"{threads} processes, 1 thread each", time_and_memory(train("many", options.processes), {}), base)
        more = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), threads)
        command = [sys.executable, "-c", WITH_THREADS, str(file), f"{name}/threads", options.data_dir]
        show(f"1 process, {threads} threads", time_and_memory(command, more), base)


def show(label: str, figures: tuple[float, int, int], base: float | None = None) -> float:
    """Print a line of the table; return its seconds."""
    seconds, own, theirs = figures
    workers = f"{theirs / 1e6:.0f}" if theirs else ""
    print(f"| {label} | {seconds:.1f} | {seconds / (base or seconds):.2f} | {own / 1e6:.0f} | {workers} |", flush=True)
    return seconds


if __name__ == "__main__":
    main()
