"""Runs that take a moment, on a data set in a file, and what of them must not depend on how they were trained."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from lrarun.specs.build import make_spec
from tests.support.synthetic import synthetic_arrays

ROOT = Path(__file__).parent.parent.parent
SMALL = {"depth": 2, "width": 24, "batch_size": 10, "validation": 50, "epochs": 3}
TIMINGS = ("seconds", "started", "finished", "resumed")


def write_dataset(path, samples=650, pixels=64, seed=0):
    """A ``.npz`` data set; returns its path as a spec has it."""
    images, labels = synthetic_arrays(samples + samples // 5, pixels, seed=seed)
    parts = {
        "train_images": images[:samples],
        "train_labels": labels[:samples],
        "test_images": images[samples:],
        "test_labels": labels[samples:],
    }
    np.savez(path, **parts)
    return str(path)


def spec(dataset, algorithm="lra-e", **settings):
    """A small spec."""
    return make_spec({**SMALL, "dataset": dataset, "algorithm": algorithm} | settings)


def write_spec(path, dataset, runs=4, **settings):
    """A spec file of so many runs, by seed."""
    mapping = {**SMALL, "dataset": dataset, "algorithm": "lra-e"} | settings
    path.write_text(json.dumps(mapping | {"sweep": {"seed": list(range(runs))}}), encoding="utf-8")
    return path


def content(folder):
    """All that a finished run left, without its timings; equal for equal runs, byte for byte."""
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    timed = header.index("seconds")
    record = {key: value for key, value in json.loads((folder / "run.json").read_text()).items() if key not in TIMINGS}
    names = {path.name for path in folder.iterdir()} - {".lock", "log.csv", "run.json"}
    return {
        "files": sorted(names),
        "log": [[value for column, value in enumerate(row) if column != timed] for row in (header, *rows)],
        "run.json": record,
        **{name: (folder / name).read_bytes() for name in names if not name.endswith(".npz")},
        **{name: arrays(folder / name) for name in names if name.endswith(".npz")},
    }


def arrays(path):
    """An archive's arrays as bytes; the archive itself holds the time of day."""
    with np.load(path) as archive:
        return {name: (archive[name].dtype.str, archive[name].shape, archive[name].tobytes()) for name in archive.files}


def contents(results):
    """Run id -> content, of every run in a folder."""
    return {folder.name: content(folder) for folder in sorted(results.iterdir()) if folder.is_dir()}


def lrarun(*arguments, **options):
    """The command in a process of its own, from the source tree."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LRARUN_")}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "lrarun", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        **options,
    )


def until(condition, seconds=30.0):
    """Waits for a condition and returns its value; fails if it does not come true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("what was waited for did not happen")


def holding(results):
    """The processes that hold runs' locks in a results folder."""
    from lrarun.runs.lock import holder

    places = [holder(folder) for folder in results.iterdir()] if results.is_dir() else []
    return {int(place.rpartition(" ")[2]) for place in places if place and place != "unknown"}
