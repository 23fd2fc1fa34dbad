"""A run that is killed at any moment and resumed gives the same bits as one that was not."""

from __future__ import annotations

import csv
import os
import random
import re
import signal
import time

import numpy as np
import pytest

from lrarun.engine.training import Training
from lrarun.results.read import read_result
from lrarun.results.result import FINISHED
from lrarun.runs import checkpoint
from lrarun.runs.events import CheckpointLost, EpochDone, Hooks, Started
from lrarun.runs.lock import Locked, locked
from lrarun.runs.run import Stopped, run
from lrarun.specs.build import make_spec
from tests.support.events import on
from tests.support.synthetic import synthetic_dataset

KILLS = 20
SPECS = {
    "lra-e": {"algorithm": "lra-e", "optimizer": "adam", "probes": ["angle", "discrepancy"]},
    "dtp-sigma": {"algorithm": "dtp-sigma"},
    "equilibrium-propagation": {
        "algorithm": {"name": "equilibrium-propagation", "nudge": "random-sign", "initial_state": "persistent"}
    },
}


def spec_for(name):
    return make_spec(
        {"dataset": "synthetic", "depth": 2, "width": 24, "epochs": 6, "batch_size": 10, "validation": 50} | SPECS[name]
    )


def log_without_timings(folder):
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return rows


def parameters(folder):
    with np.load(folder / "parameters.npz") as archive:
        return {name: archive[name].tobytes() for name in archive.files}


def train_in_child(spec, dataset, results):
    """Fork a child that trains and stores checkpoints as often as it can; return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        run(spec, dataset, results, Hooks(checkpoint_seconds=0.005))
    finally:
        os._exit(0)


@pytest.mark.parametrize("name", SPECS)
def test_killed_runs_resume_to_the_same_bits(name, tmp_path):
    spec, dataset = spec_for(name), synthetic_dataset(samples=650)
    started = time.monotonic()
    whole = run(spec, dataset, tmp_path / "whole").folder
    duration = time.monotonic() - started
    moments = random.Random(7)
    interrupted = 0
    for trial in range(KILLS if name == "lra-e" else KILLS // 4):
        results = tmp_path / str(trial)
        child = train_in_child(spec, dataset, results)
        time.sleep(moments.uniform(0, duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        before = read_result(results / spec.run_id)
        interrupted += before is None or before.state != FINISHED
        result = run(spec, dataset, results)
        assert result.state == FINISHED
        assert log_without_timings(result.folder) == log_without_timings(whole)
        assert parameters(result.folder) == parameters(whole)
        assert not list(result.folder.glob(".tmp-*")), "a killed writer's file was left behind"
    assert interrupted, "every kill came after the end: the test has shown nothing"


def test_one_run_killed_again_and_again(tmp_path):
    spec, dataset = spec_for("lra-e"), synthetic_dataset(samples=650)
    whole = run(spec, dataset, tmp_path / "whole").folder
    for _ in range(KILLS):
        child = train_in_child(spec, dataset, tmp_path)
        time.sleep(0.03)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    result = run(spec, dataset, tmp_path)
    assert log_without_timings(result.folder) == log_without_timings(whole)
    assert parameters(result.folder) == parameters(whole)


def test_a_stop_request_stores_where_the_run_was(tmp_path):
    spec, dataset = spec_for("lra-e"), synthetic_dataset(samples=650)
    whole = run(spec, dataset, tmp_path / "whole").folder
    epochs = []
    hooks = Hooks(on({EpochDone: epochs.append}), stop=lambda: len(epochs) == 3)
    with pytest.raises(Stopped):
        run(spec, dataset, tmp_path, hooks)
    stopped = read_result(tmp_path / spec.run_id)
    assert (stopped.state, stopped.epoch) == ("interrupted", 3)
    later = []
    result = run(spec, dataset, tmp_path, Hooks(on({Started: later.append})))
    assert later == [3]
    assert log_without_timings(result.folder) == log_without_timings(whole)


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def of_a_wider_network(path):
    spec = make_spec(spec_for("lra-e").to_dict() | {"width": 25})
    checkpoint.save(path, Training(spec, synthetic_dataset(samples=650)).state())


def of_unknown_packing(path):
    """Flip a bit of the first array's entry in the archive's directory, which has no checksum."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 10] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "a flipped bit in a header": (of_unknown_packing, r"cannot be read \(That compression method"),
    "a flipped bit": (flipped, r"cannot be read \(Bad CRC-32"),
    "a cut": (lambda path: path.write_bytes(path.read_bytes()[:-9]), r"cannot be read \(it is cut short"),
    "none": (lambda path: path.unlink(), "its checkpoint is missing"),
    "another run's": (of_a_wider_network, "not of this run"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_with_a_damaged_checkpoint_the_run_starts_over_and_emits_why(tmp_path, damage):
    spec, dataset = spec_for("lra-e"), synthetic_dataset(samples=650)
    whole = run(spec, dataset, tmp_path / "whole").folder
    epochs = []
    with pytest.raises(Stopped):
        run(spec, dataset, tmp_path, Hooks(on({EpochDone: epochs.append}), stop=lambda: len(epochs) == 3))
    change, why = DAMAGE[damage]
    change(tmp_path / spec.run_id / "checkpoint.npz")
    told = []
    hooks = Hooks(on({CheckpointLost: told.append, Started: told.append}))
    result = run(spec, dataset, tmp_path, hooks)
    assert told[1:] == [0] and re.search(why, told[0])
    assert log_without_timings(result.folder) == log_without_timings(whole)
    assert parameters(result.folder) == parameters(whole)


def test_no_checkpoint_is_reported_lost_when_a_run_starts_or_resumes(tmp_path):
    spec, dataset = spec_for("lra-e"), synthetic_dataset(samples=650)
    lost, epochs = [], []
    with pytest.raises(Stopped):
        emit = on({CheckpointLost: lost.append, EpochDone: epochs.append})
        run(spec, dataset, tmp_path, Hooks(emit, stop=lambda: bool(epochs)))
    run(spec, dataset, tmp_path, Hooks(on({CheckpointLost: lost.append})))
    run(spec, dataset, tmp_path, Hooks(on({CheckpointLost: lost.append})), force=True)
    assert lost == []


def test_a_second_process_may_not_train_the_same_run(tmp_path):
    spec, dataset = spec_for("lra-e"), synthetic_dataset(samples=650)
    folder = tmp_path / spec.run_id
    folder.mkdir()
    with locked(folder), pytest.raises(Locked, match=spec.run_id):
        run(spec, dataset, tmp_path)


def test_a_run_whose_loss_is_not_finite_is_diverged_and_keeps_its_log(tmp_path):
    spec = make_spec(
        spec_for("lra-e").to_dict()
        | {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "activation": "identity", "probes": []}
    )
    result = run(spec, synthetic_dataset(samples=650), tmp_path)
    assert result.state == "diverged"
    assert "not finite" in result.reason
    assert (result.folder / "log.csv").read_text().count("\n") >= 2
    assert not (result.folder / "checkpoint.npz").exists()


def test_provenance_names_nobody_and_no_place(tmp_path):
    import getpass
    import socket

    spec = spec_for("lra-e")
    folder = run(spec, synthetic_dataset(samples=650), tmp_path).folder
    text = (folder / "run.json").read_text() + (folder / "spec.yaml").read_text()
    record = read_result(folder).provenance
    assert set(record) >= {"lrarun", "python", "numpy", "blas", "cpu", "git_commit", "git_dirty"}
    for private in {socket.gethostname(), str(tmp_path), os.getcwd(), f'"{getpass.getuser()}"'}:
        assert private not in text
