"""Runs of the engine jax: each a run of its own, stored, stopped, killed and resumed as with processes."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest

pytest.importorskip("jax")

from lrarun.runs.stack import StackRun, Wanted
from lrarun.scheduling.plan import plan
from lrarun.scheduling.train_all import train_all
from lrarun.specs.build import load_specs, make_spec
from tests.scheduling.test_scheduling import Recorder
from tests.support.small_runs import arrays, lrarun, spec, until, write_dataset, write_spec

ENDLESS = 10**6  # epochs


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "small.npz")


def train(specs, results, **options):
    return train_all(plan(specs, results, options.pop("force", False)), results, **options)


def four(dataset, **settings):
    return [spec(dataset, seed=seed, engine="jax", dtype="float64", **settings) for seed in range(4)]


def record(folder):
    return json.loads((folder / "run.json").read_text())


def close(one, other):
    """Whether two finished runs have the same log and parameters but for rounding and times."""
    logs = [np.genfromtxt(folder / "log.csv", delimiter=",", skip_header=1)[:, :4] for folder in (one, other)]
    weights = [np.load(folder / "parameters.npz") for folder in (one, other)]
    return np.allclose(*logs, rtol=1e-9) and all(
        np.allclose(weights[0][name], weights[1][name], rtol=1e-8, atol=1e-10) for name in weights[0].files
    )


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    """Four finished runs, in one stack, and what was told of them."""
    results, recorder = tmp_path_factory.mktemp("undisturbed"), Recorder()
    train(four(dataset), results, watcher=recorder)
    return results, recorder


def test_each_run_is_the_run_that_numpy_trains_but_for_rounding(dataset, undisturbed, tmp_path):
    results, recorder = undisturbed
    for mine in four(dataset):
        plain = spec(dataset, seed=mine.seed, dtype="float64")
        train([plain], tmp_path, workers=1)
        folder, wanted = results / mine.run_id, tmp_path / plain.run_id
        assert mine.run_id != plain.run_id and close(folder, wanted)
        assert arrays(folder / "test_predictions.npz") == arrays(wanted / "test_predictions.npz")
        made, there = record(folder), record(wanted)
        assert made["state"] == "finished" and made["spec"] == there["spec"] | {"engine": "jax"}
        for score in ("train_error", "test_error", "best_epoch", "validation_error"):
            assert made[score] == there[score]
        assert make_spec(made["spec"]) == mine
        told = [event for event, run_id in recorder.events if run_id == mine.run_id]
        assert told == [("started", 0), ("epoch", 1), ("epoch", 2), ("epoch", 3), ("ended", "finished")]


def test_the_provenance_names_the_device_and_the_stack(dataset, undisturbed):
    import jax

    for mine in four(dataset):
        made = record(undisturbed[0] / mine.run_id)["provenance"]["stack"]
        assert made == {"jax": jax.__version__, "device": jax.devices()[0].device_kind, "networks": 4}


def test_finished_runs_are_skipped(dataset, undisturbed):
    recorder = Recorder()
    again = train(four(dataset), undisturbed[0], watcher=recorder)
    assert all(outcome.skipped and outcome.state == "finished" for outcome in again) and not recorder.events


@pytest.mark.parametrize("size", [1, 3])
def test_a_stack_that_was_stopped_goes_on_in_stacks_of_another_size(size, dataset, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr("lrarun.engine.stacked.stack.CHUNK_SECONDS", 0.0)
    specs, asked, events = four(dataset), 0, []

    def stop():
        nonlocal asked
        asked += 1
        return asked > 160  # in the second epoch, which like each has 60 mini-batches

    from lrarun.data.load import load

    runs = [Wanted(one, load(dataset)) for one in specs]
    StackRun(runs, tmp_path, lambda number, event: events.append((number, event)), stop).train()
    assert [event.state for _, event in events if hasattr(event, "state")] == ["interrupted"] * 4
    assert {job.action for job in plan(specs, tmp_path)} == {"resume"}
    assert {record(tmp_path / one.run_id)["state"] for one in specs} == {"interrupted"}
    monkeypatch.setattr("lrarun.engine.stacked.stack.CHUNK_SECONDS", 0.2)
    train(specs, tmp_path, stack=size)
    assert all(close(tmp_path / one.run_id, undisturbed[0] / one.run_id) for one in specs)
    assert record(tmp_path / specs[0].run_id)["resumed"][0]["stack"]["networks"] == {1: 1, 3: 2}[size]


def test_a_diverging_run_ends_alone(dataset, undisturbed, tmp_path):
    wild = spec(dataset, seed=1, engine="jax", dtype="float64", optimizer={"learning_rate": 1e200}, activation="relu")
    rest = [spec(dataset, seed=seed, engine="jax", dtype="float64", activation="relu") for seed in (0, 2)]
    outcomes = train([rest[0], wild, rest[1]], tmp_path)
    assert [outcome.state for outcome in outcomes] == ["finished", "diverged", "finished"]
    made = record(tmp_path / wild.run_id)
    assert (
        made["reason"] == "the loss is not finite in epoch 1"
        and not (tmp_path / wild.run_id / "checkpoint.npz").exists()
    )
    assert len((tmp_path / wild.run_id / "log.csv").read_text().splitlines()) == 2
    for one in rest:
        train([one], tmp_path / "alone")
        assert close(tmp_path / one.run_id, tmp_path / "alone" / one.run_id)


def test_a_run_that_cannot_write_fails_alone(dataset, tmp_path, monkeypatch):
    specs = four(dataset, epochs=1)[:2]
    from lrarun.runs.session import Session

    def log(self, row, write=Session.log):
        if self.spec.seed == 0:
            raise OSError(28, "No space left on device")
        write(self, row)

    monkeypatch.setattr(Session, "log", log)
    first, second = train(specs, tmp_path)
    assert (first.state, second.state) == ("failed", "finished") and "No space left" in first.reason


def started(results, *arguments):
    process = lrarun("train", *arguments, "--engine", "jax", "--results", results)
    until(lambda: list(results.glob("*/checkpoint.npz")) or process.poll() is not None, 90)
    assert process.poll() is None, process.communicate()
    return process


def states(results):
    return [record(path.parent)["state"] for path in sorted(results.glob("*/run.json"))]


def test_interrupted_killed_and_shared_runs_go_on(dataset, tmp_path):
    """Ctrl-C stores all within two seconds; what is killed goes on from its checkpoint; two commands share the runs."""
    endless = write_spec(tmp_path / "endless.yaml", dataset, runs=3, epochs=ENDLESS)
    results = tmp_path / "results"
    process = started(results, endless)
    second = lrarun("train", endless, "--engine", "jax", "--results", results)
    time.sleep(4)
    assert second.poll() is None, "it waits for the runs of the first"
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 2 * 2, "a machine that is not busy takes half of it"
    assert process.returncode == 130 and "the same command goes on from there" in err
    # The second command takes the runs over; then it is killed.
    epochs = {path: record(path.parent)["epoch"] for path in results.glob("*/run.json")}
    until(lambda: all(record(path.parent)["epoch"] > epoch for path, epoch in epochs.items()), 90)
    second.kill()
    second.communicate()
    assert states(results) == ["running"] * 3
    jobs = plan(load_specs(endless, ["engine=jax"]), results)
    assert {job.action for job in jobs} == {"resume"} and all("was killed" in job.reason for job in jobs)
