"""Run folders as a training would leave them, for tests of what reads them."""

from __future__ import annotations

import fcntl
import itertools
import json
from pathlib import Path

import numpy as np

from lrarun.paper import MODELS, printed_cells

HELD = []  # the files of locks, kept open
NAMES = {title: name for name, title in MODELS.items()}


def spec_for(key, seed=0, **settings):
    """A resolved spec of one experiment; an invented one, as reports must not need the engine."""
    algorithm = {"name": NAMES.get(key.model, key.model)} | settings.pop("algorithm", {})
    optimizer = {"name": key.optimizer, "learning_rate": 0.01 if key.optimizer == "sgd" else 0.001}
    return {
        "dataset": key.dataset,
        "depth": key.depth,
        "width": 256,
        "activation": "tanh",
        "algorithm": algorithm,
        "optimizer": optimizer,
        "init": {"name": "glorot"},
        "batch_size": 50,
        "epochs": 100,
        "validation": 2000,
        "seed": seed,
        "dtype": "float32",
        **settings,
    }


def write_run(results, spec, state="finished", name=None, **record):
    """A run's folder with its ``run.json``; returns the folder. A running one is trained by this process."""
    count = itertools.count() if name is None else [name]
    folder = next(Path(results) / f"run-{number}" for number in count if not (results / f"run-{number}").exists())
    folder.mkdir(parents=True)
    done = {"run_id": folder.name, "state": state, "spec": spec, "epoch": spec["epochs"]} | record
    (folder / "run.json").write_text(json.dumps(done), encoding="utf-8")
    if state == "running":
        lock_for_good(folder)
    return folder


def lock_for_good(folder):
    """Hold a run's lock until this process ends, as one that trains it does."""
    file = open(folder / ".lock", "wb")  # noqa: SIM115
    fcntl.flock(file, fcntl.LOCK_EX)
    HELD.append(file)


def protocol(**settings):
    """Every experiment of the paper with its resolved spec."""
    return {cell.key: spec_for(cell.key, **settings) for cell in printed_cells()}


def write_all(results, seeds=(0,), spec_of=spec_for):
    """Finished runs for all 46 experiments; the errors are the paper's own, a little apart per seed."""
    for key, cell in {cell.key: cell for cell in printed_cells()}.items():
        for seed in seeds:
            write_run(
                results,
                spec_of(key, seed=seed),
                best_epoch=60,
                seconds=1000.0,
                train_error=float(cell.train_error),
                test_error=float(cell.test_error) + 0.1 * seed,
            )


def write_predictions(folder, wrong, seed=0, labels=None):
    """Test predictions that err on the images of a boolean array, and nowhere else."""
    labels = np.arange(len(wrong)) % 10 if labels is None else labels
    predicted = np.where(wrong, (labels + 1) % 10, labels)
    np.savez_compressed(
        Path(folder) / "test_predictions.npz", predicted=predicted.astype(np.uint8), label=labels.astype(np.uint8)
    )


def write_log(folder, **columns):
    """A log with an epoch column and those given, lists of one length."""
    lines = [",".join(["epoch", *columns])]
    lines += [",".join(map(str, (epoch, *row))) for epoch, row in enumerate(zip(*columns.values()), 1)]
    (Path(folder) / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
