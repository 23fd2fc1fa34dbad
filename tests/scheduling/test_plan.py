"""What to do with each run, why, and how long it may take."""

from __future__ import annotations

import errno
import json
import os
from itertools import product

import numpy as np
import pytest

from lrarun.errors import LrarunError, UsageError
from lrarun.results import timing
from lrarun.results.read import read_result
from lrarun.results.result import Result
from lrarun.results.timing import Estimates, duration, makespan
from lrarun.runs import checkpoint as checkpoints
from lrarun.runs import staleness
from lrarun.runs.events import EpochDone, Hooks, Started
from lrarun.runs.lock import locked
from lrarun.runs.run import Stopped
from lrarun.runs.run import run as train_run
from lrarun.scheduling.plan import plan, refuse_unwritable, total_seconds
from lrarun.scheduling.schedule import longest_first
from lrarun.specs import run_id as run_id_module
from lrarun.specs.build import make_spec
from tests.support.events import on
from tests.support.small_runs import spec, write_dataset

CPU = "a processor"


def write(results, run, state, **more):
    """Write a run's folder in some state; return it."""
    folder = results / run.run_id
    folder.mkdir(parents=True)
    record = {"run_id": run.run_id, "state": state, "spec": run.to_dict(), "epoch": 0, "numbers_version": 1} | more
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def only(run, results, **options):
    (job,) = plan([run], results, **options)
    return job


@pytest.fixture
def run():
    return make_spec({"algorithm": "lra-e", "epochs": 10})


def test_a_run_that_nobody_began_is_new(run, tmp_path):
    job = only(run, tmp_path / "nowhere")
    assert (job.action, job.reason, job.epoch) == ("train", "new", 0)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("state", "more", "action", "said"),
    [
        ("finished", {"epoch": 10}, "skip", "finished"),
        ("diverged", {"epoch": 2, "reason": "the loss is not finite"}, "skip", "the loss is not finite"),
        ("interrupted", {"epoch": 4}, "resume", "goes on after epoch 4/10, was interrupted"),
        ("running", {"epoch": 4}, "resume", "goes on after epoch 4/10, was interrupted (its process was killed)"),
        ("failed", {"epoch": 4, "reason": "disk full"}, "resume", "goes on after epoch 4/10, failed (disk full)"),
    ],
)
def test_each_state_has_its_action_and_reason(run, tmp_path, state, more, action, said):
    checkpoints.save(write(tmp_path, run, state, **more) / "checkpoint.npz", {"progress": {"epoch": 4}})
    job = only(run, tmp_path)
    assert (job.action, job.reason, job.epoch) == (action, said, more["epoch"])
    forced = only(run, tmp_path, force=True)
    assert (forced.action, forced.anew, forced.epoch) == ("train", True, 0)


@pytest.mark.parametrize("epoch", [0, 4])
def test_without_a_checkpoint_a_run_starts_anew_and_that_is_said(run, tmp_path, epoch):
    write(tmp_path, run, "failed", epoch=epoch, reason="disk full")
    job = only(run, tmp_path)
    assert (job.action, job.epoch) == ("train", 0)
    said = (
        "starts anew: its checkpoint is missing; failed after epoch 4/10"
        if epoch
        else ("starts again, failed in its first epoch")
    )
    assert job.reason == f"{said} (disk full)"


def test_a_run_that_was_stopped_in_its_first_epoch_does_not_go_on_after_epoch_0(run, tmp_path):
    checkpoints.save(write(tmp_path, run, "interrupted", epoch=0) / "checkpoint.npz", {"progress": {"epoch": 0}})
    job = only(run, tmp_path)
    assert (job.action, job.reason) == ("resume", "goes on in its first epoch, was interrupted")


def test_a_checkpoint_says_where_a_run_goes_on_and_a_damaged_one_that_it_does_not(run, tmp_path):
    folder = write(tmp_path, run, "running", epoch=9)
    checkpoint = folder / "checkpoint.npz"
    checkpoints.save(checkpoint, {"progress": {"epoch": 7}, "params": {"W": {1: np.zeros(99)}}})
    job = only(run, tmp_path)
    assert (job.action, job.epoch) == ("resume", 7)
    assert job.reason == "goes on after epoch 7/10, was interrupted after epoch 9/10 (its process was killed)"
    whole = checkpoint.read_bytes()
    for damaged, why in ((whole[:-30], "cut short or overwritten"), (b"", "cut short"), (b"x" * 999, "overwritten")):
        checkpoint.write_bytes(damaged)
        job = only(run, tmp_path)
        assert (job.action, job.epoch, job.anew) == ("train", 0, False)
        assert job.reason.startswith("starts anew: its checkpoint cannot be read (") and why in job.reason
        assert job.reason.endswith("; was interrupted after epoch 9/10 (its process was killed)")


def test_a_results_folder_that_cannot_be_written_is_refused_at_once(run, tmp_path, monkeypatch):
    jobs = plan([run], tmp_path / "results")
    refuse_unwritable(jobs, tmp_path / "results" / "deep")
    assert not (tmp_path / "results").exists()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "file/in/it", "dangling"):
        with pytest.raises(UsageError, match=f"{tmp_path / name}: runs cannot be stored there .*--results"):
            refuse_unwritable(jobs, tmp_path / name)


@pytest.mark.parametrize("number, kind", [(errno.EACCES, 2), (errno.EROFS, 2), (errno.ENOSPC, 1)])
def test_where_there_is_nothing_to_train_nothing_needs_to_be_written(run, tmp_path, monkeypatch, number, kind):
    def refuse(folder):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("lrarun.scheduling.plan.try_folder", refuse)
    with pytest.raises(LrarunError, match=os.strerror(number)) as refusal:
        refuse_unwritable(plan([run], tmp_path), tmp_path)
    assert refusal.value.exit_code == kind
    write(tmp_path, run, "finished", epoch=10)
    refuse_unwritable(plan([run], tmp_path), tmp_path)


def test_a_run_in_other_hands_is_waited_for_even_when_forced(run, tmp_path):
    with locked(tmp_path / run.run_id):
        assert only(run, tmp_path).action == only(run, tmp_path, force=True).action == "wait"


def test_equal_runs_under_two_names_are_one_job(tmp_path):
    named = make_spec({"algorithm": "lra-e", "optimizer": "sgd"})
    silent = make_spec({"algorithm": {"name": "lra-e"}})
    assert len(plan([named, silent, named], tmp_path)) == 1


def test_a_result_of_older_numbers_is_stale_and_named(run, tmp_path, monkeypatch):
    old = write(tmp_path, run, "finished")
    assert only(run, tmp_path).action == "skip"
    for module in (run_id_module, staleness):
        monkeypatch.setattr(module, "NUMBERS_VERSION", 2)
    job = only(run, tmp_path)
    assert job.action == "train"
    assert "stale: made by version 1 of the numbers, which is 2 now" in job.reason
    assert old.name in job.reason and old.name != job.run_id


def test_a_result_without_a_setting_that_has_come_since_is_stale(run, tmp_path):
    resolved = run.to_dict()
    del resolved["algorithm"]["gamma"]
    old = tmp_path / run_id_module.run_id_of(resolved)
    old.mkdir()
    (old / "run.json").write_text(json.dumps({"state": "finished", "spec": resolved, "numbers_version": 1}))
    job = only(run, tmp_path)
    assert job.action == "train"
    assert "stale: settings have come since: algorithm.gamma" in job.reason


def test_a_spec_that_is_not_valid_any_more_is_stale(run, tmp_path):
    resolved = run.to_dict()
    resolved["algorithm"]["greed"] = 1.0
    result = Result("x", tmp_path, "finished", resolved, {"numbers_version": 1})
    assert "not valid any more" in staleness.Staleness().why_stale(result)
    assert staleness.Staleness().current_id(result) is None


def test_current_ids_by_shape_are_those_of_resolving_each(tmp_path):
    judge = staleness.Staleness()
    for rule, depth, optimizer in product(["lra-e", "dtp", "backprop"], [3, 5], ["sgd", "adam"]):
        one = make_spec({"algorithm": rule, "depth": depth, "optimizer": optimizer})
        assert judge.current_id(Result(one.run_id, tmp_path, "finished", one.to_dict(), {})) == one.run_id


def test_a_changed_data_set_makes_results_stale(tmp_path):
    path = tmp_path / "own.npz"
    write_dataset(path)
    done, begun = spec(str(path)), spec(str(path), seed=1, epochs=50)
    from lrarun.data.load import load

    train_run(done, load(str(path)), tmp_path)
    seen = []
    with pytest.raises(Stopped):
        train_run(begun, load(str(path)), tmp_path, Hooks(on({EpochDone: seen.append}), stop=lambda: bool(seen)))
    assert [job.action for job in plan([done, begun], tmp_path)] == ["skip", "resume"]
    write_dataset(path, seed=9)
    finished, interrupted = plan([done, begun], tmp_path)
    # A finished run is never trained again unasked; a checkpoint of other data is of no use.
    assert finished.action == "skip" and "stale: its data set has changed" in finished.reason
    assert (interrupted.action, interrupted.anew, interrupted.epoch) == ("train", True, 0)
    first = []
    with pytest.raises(Stopped):
        train_run(begun, load(str(path)), tmp_path, Hooks(on({Started: first.append}), stop=lambda: bool(first)))
    assert first == [0], "also if nobody had planned it"
    new = read_result(tmp_path / begun.run_id).dataset_sha256
    assert new != read_result(tmp_path / done.run_id).dataset_sha256


def measured(run, seconds, epochs=2, cpu=CPU):
    record = {"epoch": epochs, "seconds": seconds, "provenance": {"cpu": cpu}}
    return Result(run.run_id, None, "finished", run.to_dict(), record)


def test_times_come_from_runs_of_equal_work_on_this_processor(run):
    other_seed = make_spec({"algorithm": {"name": "lra-e", "beta": 0.3}, "seed": 5})
    found = [measured(other_seed, seconds) for seconds in (4.0, 6.0, 80.0)] + [measured(run, 1000.0, cpu="another")]
    assert Estimates(found, CPU).seconds(run.to_dict(), 10) == pytest.approx(10 * 3.0), "the median, not the mean"


def test_times_of_other_runs_are_scaled_and_nothing_measured_is_unknown(run):
    deep = make_spec({"algorithm": "lra-e", "depth": 8})
    elsewhere = make_spec({"algorithm": "lra-e", "dataset": "fashion-mnist"})
    assert Estimates([], CPU).seconds(run.to_dict(), 10) is None
    assert Estimates([measured(elsewhere, 9.0)], CPU).seconds(run.to_dict(), 10) is None
    scaled = Estimates([measured(deep, 9.0)], CPU).seconds(run.to_dict(), 2)
    assert 0 < scaled < 9.0
    assert Estimates([measured(run, scaled)], CPU).seconds(deep.to_dict(), 2) == pytest.approx(9.0)


def test_sweeps_of_a_rule_count_and_rates_do_not():
    base = {"algorithm": {"name": "equilibrium-propagation"}}
    more_sweeps = make_spec({"algorithm": base["algorithm"] | {"free_sweeps": 50}})
    other_rate = make_spec({"algorithm": base["algorithm"] | {"beta": 0.1}})
    work = timing.Work.of
    assert work(make_spec(base).to_dict()) != work(more_sweeps.to_dict())
    assert work(make_spec(base).to_dict()) == work(other_rate.to_dict())


def test_longest_first_by_work_until_all_times_are_known(tmp_path):
    specs = [
        make_spec({"algorithm": rule, "depth": depth})
        for rule, depth in [
            ("backprop", 3),
            ("equilibrium-propagation", 8),
            ("backprop", 8),
            ("equilibrium-propagation", 3),
        ]
    ]
    jobs = plan(specs, tmp_path)
    order = [jobs.index(job) for job in longest_first(jobs)]
    assert order == [1, 3, 2, 0]
    assert total_seconds(jobs) is None


def optimal(durations, workers):
    """Return the shortest possible makespan, by trying every assignment."""
    loads = (
        [sum(d for d, w in zip(durations, choice) if w == worker) for worker in range(workers)]
        for choice in product(range(workers), repeat=len(durations))
    )
    return min(max(load) for load in loads)


@pytest.mark.parametrize("durations", [[3, 3, 2, 2, 2], [7, 1, 1, 1], [5, 4, 3, 3, 3], [1], [4, 4, 4]])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_total_is_that_of_a_list_schedule(durations, workers):
    total, best = makespan(durations, workers), optimal(durations, workers)
    assert best <= total <= (4 / 3 - 1 / (3 * workers)) * best + 1e-9  # Graham's bound of longest-first
    assert makespan([], workers) == 0


def test_durations_read_well():
    assert [duration(seconds) for seconds in (None, 0.2, 8.4, 59, 90, 3000, 3600, 12000)] == [
        "unknown",
        "under 1 s",
        "8 s",
        "59 s",
        "2 min",
        "50 min",
        "1 h 00 min",
        "3 h 20 min",
    ]
