"""``lrarun train`` as a user meets it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from lrarun.cli import main
from lrarun.scheduling.processes import cores
from tests.support.malformed_specs import MALFORMED
from tests.support.synthetic import synthetic_dataset

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a small data set of the user's own in it."""
    data = synthetic_dataset(samples=300, pixels=64)
    np.savez(
        tmp_path / "own.npz",
        train_images=data.train_images,
        train_labels=data.train_labels,
        test_images=data.test_images,
        test_labels=data.test_labels,
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lrarun(*arguments, input=None):
    return subprocess.run(
        [sys.executable, "-m", "lrarun", *arguments],
        input=input,
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )


SMALL = "dataset: own.npz\nwidth: 16\ndepth: 2\nepochs: 2\nvalidation: 50\nbatch_size: 25\n"


def test_a_spec_becomes_a_finished_run(folder):
    (folder / "one.yaml").write_text(SMALL + "algorithm: lra-e\n")
    done = lrarun("train", "one.yaml")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (run,) = (folder / "results").glob("*-lra-e-*")
    assert {path.name for path in run.iterdir()} >= {"spec.yaml", "log.csv", "run.json"}
    with open(run / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == ["epoch", "train_nll", "validation_nll", "validation_error", "seconds"]


def test_the_stored_spec_is_the_same_run(folder):
    (folder / "one.yaml").write_text(SMALL + "algorithm: lra-e\n")
    lrarun("train", "one.yaml")
    (stored,) = (folder / "results").glob("*/spec.yaml")
    before = (stored.parent / "log.csv").stat().st_mtime_ns
    again = lrarun("train", str(stored))
    assert again.returncode == 0
    assert "done before" in again.stderr
    assert (stored.parent / "log.csv").stat().st_mtime_ns == before
    assert len(list((folder / "results").iterdir())) == 1


def test_force_trains_again_to_the_same_numbers(folder):
    (folder / "one.yaml").write_text(SMALL + "algorithm: dtp-sigma\n")
    lrarun("train", "one.yaml")
    (log,) = (folder / "results").glob("*/log.csv")
    before = [line.rsplit(",", 1)[0] for line in log.read_text().splitlines()]
    log.write_text("spoilt")
    assert lrarun("train", "one.yaml", "--force").returncode == 0
    assert [line.rsplit(",", 1)[0] for line in log.read_text().splitlines()] == before


def test_a_dry_run_writes_nothing(folder):
    (folder / "many.yaml").write_text(SMALL + "algorithm: backprop\nsweep: {seed: [0, 1, 2]}\n")
    done = lrarun("train", "many.yaml", "--dry-run")
    assert done.returncode == 0
    ids = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("own")]
    assert [part for run_id in ids for part in run_id.split("-") if part in ("s0", "s1", "s2")] == ["s0", "s1", "s2"]
    assert not (folder / "results").exists()


def test_a_dry_run_counts_on_no_more_processes_than_there_are_cores(folder, call):
    (folder / "many.yaml").write_text(SMALL + "algorithm: backprop\nsweep: {seed: [0, 1, 2, 3, 4, 5, 6, 7]}\n")
    assert call("train", "many.yaml", "--set", "sweep.seed=[0]", "--quiet").code == 0
    (record,) = (folder / "results").glob("*/run.json")
    slow = json.loads(record.read_text()) | {"seconds": 3600.0}
    record.write_text(json.dumps(slow))
    own = cores()
    told = {
        jobs: call("train", "many.yaml", "--dry-run", "--jobs", jobs).out.splitlines()[-1]
        for jobs in (min(own, 7), 100_000)
    }
    few, many = (text.partition("estimated time: ")[2] for text in told.values())
    assert few and few == many
    assert ("take turns" in told[100_000]) == (own < 7)


@pytest.mark.parametrize("wrong", ["x", "1.5", ""])
def test_jobs_that_are_no_number_are_refused_in_plain_words(folder, call, wrong):
    code, _, err = call("train", "one.yaml", "--jobs", wrong)
    assert code == 2 and f"{wrong!r} is not a valid whole number" in err


@pytest.mark.parametrize("results", ["own.npz/results", "/proc/results"])
@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--jobs", "2"]])
def test_a_results_folder_that_cannot_be_is_one_message_before_anything_begins(folder, call, results, more):
    (folder / "many.yaml").write_text(SMALL + "algorithm: backprop\nsweep: {seed: [0, 1, 2]}\n")
    if not os.path.exists("/proc"):
        pytest.skip("no /proc")
    code, out, err = call("train", "many.yaml", "--results", results, *more)
    assert (code, out) == (2, "")
    assert err.startswith(f"lrarun: {folder / results}: runs cannot be stored there")
    assert err.count("\n") == 1 and "--results" in err


def test_a_spec_may_come_through_a_pipe(folder):
    """Which can be read once; with a data set of the user's own, that is checked too."""
    done = lrarun("train", "/dev/stdin", "--quiet", input=SMALL + "algorithm: backprop\n")
    assert (done.returncode, done.stderr) == (0, "")
    done = lrarun("train", "/dev/stdin", input=SMALL.replace("50", "300") + "algorithm: backprop\n")
    assert done.returncode == 2 and "/dev/stdin:5:13: validation must be less than 300" in done.stderr


def test_set_changes_every_spec(folder):
    (folder / "one.yaml").write_text(SMALL + "algorithm: lra-e\n")
    done = lrarun("train", "one.yaml", "--set", "epochs=1", "--set", "algorithm.beta=0.2")
    assert done.returncode == 0
    (spec,) = (folder / "results").glob("*/spec.yaml")
    assert "beta: 0.2" in spec.read_text() and "epochs: 1" in spec.read_text()


def test_a_diverged_run_is_named_and_the_others_go_on(folder):
    (folder / "two.yaml").write_text(
        SMALL + "algorithm: backprop\nactivation: identity\nsweep: {optimizer.learning_rate: [1e30, 0.01]}\n"
    )
    done = lrarun("train", "two.yaml")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "not finite" in done.stderr
    states = [path.read_text().count('"state": "finished"') for path in (folder / "results").glob("*/run.json")]
    assert sorted(states) == [0, 1]


def test_a_missing_data_set_is_said_before_anything_is_written(folder):
    (folder / "one.yaml").write_text("dataset: nowhere/at/all\nalgorithm: lra-e\n")
    done = lrarun("train", "one.yaml")
    assert done.returncode == 2
    assert "nowhere/at/all" in done.stderr and "Traceback" not in done.stderr
    assert not (folder / "results").exists()


def test_too_many_validation_samples_are_refused(folder):
    (folder / "one.yaml").write_text(SMALL.replace("validation: 50", "validation: 5000") + "algorithm: lra-e\n")
    done = lrarun("train", "one.yaml")
    assert done.returncode == 2
    assert "5000" in done.stderr and "Traceback" not in done.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_a_malformed_spec_is_refused_and_nothing_is_written(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_bytes(case.content)
    with pytest.raises(SystemExit) as exit:
        main(["train", "bad.yaml"])
    said = capsys.readouterr()
    assert exit.value.code == 2
    assert said.out == ""
    for line, column, phrase in case.mistakes:
        places = [text for text in said.err.splitlines() if f"bad.yaml:{line}:{column}: " in text]
        assert any(phrase in text for text in places), said.err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_there_are_thirty_malformed_specs():
    assert len({case.content for case in MALFORMED}) >= 30
