"""Runs of the engine jax: each a run of its own, stored, stopped, killed and resumed as with processes."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
import time

import numpy as np
import pytest

pytest.importorskip("jax")

from lrarun.data.load import load
from lrarun.engine.stacked.compilation import Compilation
from lrarun.results.log import read_log
from lrarun.runs import checkpoint
from lrarun.runs.events import Ended
from lrarun.runs.pruning import lowest_so_far
from lrarun.runs.run import Pruned, run
from lrarun.runs.stack import StackRun, Wanted
from lrarun.scheduling.plan import plan
from lrarun.scheduling.train_all import train_all
from lrarun.specs.build import load_specs, make_spec
from tests.scheduling.test_scheduling import Recorder
from tests.support.small_runs import arrays, lrarun, spec, until, write_dataset, write_spec
from tests.support.small_search import history, study_of, write_search

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


@pytest.fixture
def compiling(monkeypatch):
    """JAX takes until the event that this returns is set, and a list has each compilation that is done."""
    go_on, done, compile = threading.Event(), [], Compilation._compile

    def slow(self):
        if go_on.wait(60):
            compile(self)
            done.append(self)

    monkeypatch.setattr("lrarun.engine.stacked.compilation._kept", {})
    monkeypatch.setattr(Compilation, "_compile", slow)
    yield go_on, done
    go_on.set()


def test_a_request_to_stop_does_not_wait_for_the_compiler(compiling, dataset, undisturbed, tmp_path):
    """All runs store where they are; later they go on, with what was compiled meanwhile."""
    go_on, done = compiling
    specs, data, events, asked = four(dataset), load(dataset), [], []
    runs = [Wanted(one, data) for one in specs]

    def stop():
        asked.append(1)
        return len(asked) > 3

    StackRun(runs, tmp_path, lambda number, event: events.append(event), stop).train()
    assert not done, "it has ended before the compiler"
    assert [event.state for event in events if isinstance(event, Ended)] == ["interrupted"] * 4
    assert {record(tmp_path / one.run_id)["state"] for one in specs} == {"interrupted"}
    assert {job.action for job in plan(specs, tmp_path)} == {"resume"}
    go_on.set()
    train(specs, tmp_path)
    assert len(done) == 1 and all(close(tmp_path / one.run_id, undisturbed[0] / one.run_id) for one in specs)


def test_a_run_beyond_its_limits_is_stored_and_ends_alone(dataset, undisturbed, tmp_path):
    specs = four(dataset)
    first = [record_of_epoch(undisturbed[0] / one.run_id, 2) for one in specs]
    limits = [(100.0, 100.0), (100.0, first[1] - 0.1), (0.0,), (100.0, first[3])]
    jobs = [dataclasses.replace(job, limits=limit) for job, limit in zip(plan(specs, tmp_path), limits)]
    outcomes = train_all(jobs, tmp_path)
    assert [outcome.state for outcome in outcomes] == ["finished", "pruned", "pruned", "finished"]
    for one, epochs in ((specs[1], 2), (specs[2], 1)):
        made = record(tmp_path / one.run_id)
        assert (made["state"], made["pruned"], made["epoch"]) == ("interrupted", True, epochs)
        assert made["reason"].startswith(f"pruned after epoch {epochs}: ")
        assert checkpoint.epoch(tmp_path / one.run_id / "checkpoint.npz") == epochs
    # A process that died between the epoch and the note of it: the next one makes the note, and trains nothing.
    (again,) = train_all([dataclasses.replace(plan(specs[1:2], tmp_path)[0], limits=limits[1])], tmp_path)
    assert again.state == "pruned" and record(tmp_path / specs[1].run_id)["epoch"] == 2
    train(specs, tmp_path)  # without limits
    assert all(close(tmp_path / one.run_id, undisturbed[0] / one.run_id) for one in specs)


def test_one_run_by_itself_is_pruned_too(dataset, tmp_path):
    (one,) = four(dataset)[:1]
    with pytest.raises(Pruned, match="pruned after epoch 1"):
        run(one, load(dataset), tmp_path, limits=(0.0,))


def record_of_epoch(folder, epoch):
    """The lowest validation error by an epoch, percent."""
    return lowest_so_far(read_log(folder))[epoch - 1]


def test_a_study_is_the_same_in_stacks_of_any_size_and_reads_no_test_set(dataset, tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    space = {"optimizer.learning_rate": {"low": 1e-4, "high": 1.0, "scale": "log"}, "algorithm.beta": [0.05, 0.1]}
    file = write_search(tmp_path / "s.yaml", dataset, space, {"trials": 8, "epochs": 3}, engine="jax", dtype="float64")
    told = {}
    for size in (1, 3, None):
        study = study_of(file, tmp_path / f"results-{size}")
        trials = study.run(lambda jobs, study=study, size=size: train_all(jobs, study.results, stack=size))
        told[size] = history(study, trials)
        assert {trial.state for trial in trials} == {"finished", "pruned"}
        for trial in trials:
            made = record(study.results / trial.runs[0].spec.run_id)
            assert made["spec"]["engine"] == "jax" and ("train_error" in made) == (trial.state == "finished")
            assert "test_error" not in made and "test_nll" not in made
        assert not list(study.results.glob("*/test_predictions.npz"))
    assert told[1] == told[3] == told[None]


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
