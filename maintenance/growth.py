"""How does the cost grow? python maintenance/growth.py [--seconds S] [--jobs J].

Prints the shortest time of a training step against depth, width and batch size, with
everything else as in the paper's tables. Then prints how long one ``lrarun train`` takes for
1 to 16 short runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from lrarun.bench import blas, step_row
from lrarun.bench.data import synthetic
from lrarun.specs.build import make_spec

RULES = ("backprop", "lra-e", "dtp-sigma", "equilibrium-propagation")
AXES = {
    "depth": (1, 2, 4, 8, 16),
    "width": (64, 128, 256, 512, 1024),
    "batch_size": (10, 25, 50, 100, 200, 400),
}
RUNS = (1, 2, 4, 8, 16)
IMAGES = 6000
SHORT = "dataset: data.npz\nalgorithm: lra-e\nepochs: 4\nvalidation: 200\n"


def steps(seconds: float) -> None:
    dataset = synthetic(IMAGES, IMAGES // 6)
    for rule in RULES:
        for axis, values in AXES.items():
            print(f"\n{rule}: {axis}, step in us, ratio to its bare products, step in us per hidden layer and sample")
            for value in values:
                spec = make_spec({"algorithm": rule, "depth": 3, "validation": IMAGES // 30, axis: value})
                row = step_row(spec, dataset, seconds)
                each = row["step_us"] / spec.depth / spec.batch_size
                print(f"{value:6d} {row['step_us']:12.1f} {row['ratio']:8.2f} {each:12.3f}", flush=True)


def runs(jobs: int) -> None:
    data = synthetic(IMAGES, IMAGES // 6)
    print(f"\nruns of LRA-E, 3 layers, 4 epochs of {IMAGES} images, --jobs {jobs}: seconds, seconds per run")
    with tempfile.TemporaryDirectory() as folder:
        parts = ("train_images", "train_labels", "test_images", "test_labels")
        np.savez(Path(folder) / "data.npz", **{part: getattr(data, part) for part in parts})
        for count in RUNS:
            (Path(folder) / "spec.yaml").write_text(SHORT + f"sweep: {{seed: {[*range(count)]}}}\n")
            command = [sys.executable, "-m", "lrarun", "train", "spec.yaml", "--quiet", "--results", f"r{count}"]
            start = time.perf_counter()
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            subprocess.run([*command, "--jobs", str(jobs)], cwd=folder, env=environment, check=True)
            elapsed = time.perf_counter() - start
            print(f"{count:6d} {elapsed:9.2f} {elapsed / count:9.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="how long to repeat each step in search of its shortest time"
    )
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(f"one thread, {blas()}")
    steps(options.seconds)
    runs(options.jobs)
