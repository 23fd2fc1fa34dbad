"""The reference results are what runs left, and what the pages show of them is what they say."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from docs.readme_table import table_in
from lrarun.results import read_results
from lrarun.spec import make_spec

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "results" / "reference"
RUNS = read_results(REFERENCE) + read_results(REFERENCE / "calibration")


def rows(result):
    with open(result.folder / "log.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_are_reference_results():
    assert len(RUNS) > 50


@pytest.mark.parametrize("result", RUNS, ids=lambda result: result.run_id)
def test_a_reference_run_is_whole_and_its_own(result):
    spec = make_spec(result.spec)
    assert result.run_id == spec.run_id, "made by another version of the settings, or edited"
    assert (result.folder / "spec.yaml").read_text(encoding="utf-8") == spec.to_yaml()
    if result.state == "diverged":
        return
    assert result.finished
    log, record = rows(result), result.record
    assert [int(row["epoch"]) for row in log] == list(range(1, spec.epochs + 1))
    errors = [float(row["validation_error"]) for row in log]
    assert record["validation_error"] == min(errors)
    assert record["best_epoch"] == 1 + errors.index(min(errors)), "the first epoch with the lowest validation error"
    with np.load(result.folder / "test_predictions.npz") as archive:
        wrong = archive["predicted"] != archive["label"]
    assert len(wrong) == 10_000
    assert record["test_error"] == pytest.approx(100 * wrong.mean(), abs=1e-9)
    assert record["provenance"]["git_commit"] and record["provenance"]["git_dirty"] is False


def test_the_readmes_table_is_what_the_reference_results_say():
    command = [sys.executable, "-m", "lrarun", "table", "1", "--format", "markdown", "--results", str(REFERENCE)]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    assert table_in((ROOT / "README.md").read_text(encoding="utf-8")) == printed.strip("\n")


@pytest.mark.network
@pytest.mark.parametrize("algorithm", ["backprop", "rfa", "dfa", "lra-e"])
def test_the_first_epoch_of_a_reference_run_comes_out_again(algorithm):
    """Another BLAS rounds otherwise, which training amplifies: equal to the noise of one epoch, not to the bit."""
    from lrarun import datasets
    from lrarun.training import Training

    (result,) = [run for run in read_results(REFERENCE) if run.run_id.startswith(f"mnist-{algorithm}-3x256-sgd-s0")
                 and run.spec["epochs"] == 100]
    training = Training(make_spec(result.spec), datasets.load("mnist"))
    while training.epoch < 1:
        record = training.advance()
    then = rows(result)[0]
    assert record["train_nll"] == pytest.approx(float(then["train_nll"]), rel=0.005)
    assert record["validation_nll"] == pytest.approx(float(then["validation_nll"]), rel=0.05)
    assert record["validation_error"] == pytest.approx(float(then["validation_error"]), abs=1.0)
