"""Nothing that a run has left is lost unasked: not to other data, not to --force, not to damage."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from lrarun.data.load import load
from lrarun.errors import UsageError
from lrarun.results.frames import load_results
from lrarun.results.log import read_log
from lrarun.results.read import read_result
from lrarun.runs import retraining
from lrarun.runs.events import EpochDone, Hooks, Started
from lrarun.runs.lock import locked
from lrarun.runs.run import Stopped, run
from lrarun.specs.build import make_spec
from tests.support.events import on
from tests.support.small_runs import SMALL, content, lrarun, write_dataset, write_spec
from tests.support.synthetic import synthetic_dataset
from tests.support.tiny_data import listing

SPEC = "dataset: d.npz\ndepth: 1\nwidth: 16\nalgorithm: backprop\nepochs: 2\nvalidation: 10\nbatch_size: 10\n"


@pytest.fixture
def two_folders(tmp_path, monkeypatch):
    """Working folders ``one`` and ``two`` with the same spec, each with a ``d.npz`` of its own; we stand in ``one``."""
    for seed, name in enumerate(("one", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.yaml").write_text(SPEC)
        write_dataset(tmp_path / name / "d.npz", samples=60, pixels=16, seed=seed)
    monkeypatch.chdir(tmp_path / "one")
    return tmp_path


def stopped_after(epochs, spec, dataset, results, force=False):
    """Train a run for some epochs, then stop it."""
    seen = []
    with pytest.raises(Stopped):
        run(spec, dataset, results, Hooks(on({EpochDone: seen.append}), stop=lambda: len(seen) == epochs), force)


def without_locks(folder):
    return {name: what for name, what in listing(folder).items() if not name.endswith(".lock")}


# --- other data at another place


def small(**settings):
    return make_spec({**SMALL, "dataset": "d.npz", "algorithm": "lra-e", "validation": 10} | settings)


@pytest.mark.parametrize("state", ["finished", "interrupted", "diverged"])
def test_a_file_elsewhere_makes_no_run_stale_removes_none_and_restarts_none(call, two_folders, monkeypatch, state):
    if state == "interrupted":
        stopped_after(1, small(), load("d.npz"), Path("results"))
    else:
        divergent = {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "activation": "identity"}
        run(small(**(divergent if state == "diverged" else {})), load("d.npz"), Path("results"))
    (folder,) = Path("results").iterdir()
    shutil.copy(folder / "spec.yaml", two_folders / "two" / "s.yaml")
    before = without_locks(Path("results"))
    monkeypatch.chdir(two_folders / "two")
    there = two_folders / "one" / "results"
    (row,) = json.loads(call("status", "--results", there, "--json").out)
    assert row["state"] == state and "cannot tell" not in row["reason"], "its own file is as it was"
    assert "nothing to remove" in call("clean", "--yes", "--results", there).err
    for command in (["train", "s.yaml"], ["train", "s.yaml", "--dry-run"], ["train", "s.yaml", "--jobs", "2"]):
        code, _, err = call(*command, "--results", there)
        assert code == 2 and err.count("\n") == 1, command
        for word in (str(two_folders / "one" / "d.npz"), str(two_folders / "two" / "d.npz"), "--results", "absolute"):
            assert word in err
    with pytest.raises(UsageError, match="was trained on the data of"):
        run(small() if state != "diverged" else make_spec(read_result(there / folder.name).spec), load("d.npz"), there)
    assert without_locks(there) == before


@pytest.mark.parametrize("what", ["gone", "of an older version", "without a digest"])
def test_where_the_data_cannot_be_compared_that_is_said_and_the_run_stays(call, two_folders, monkeypatch, what):
    assert call("train", "s.yaml", "--quiet").code == 0
    (record,) = Path("results").glob("*/run.json")
    if what == "gone":
        os.rename("d.npz", "e.npz")
    else:
        drop = "dataset_path" if what == "of an older version" else "dataset_sha256"
        record.write_text(
            json.dumps({key: value for key, value in json.loads(record.read_text()).items() if key != drop})
        )
        monkeypatch.chdir(two_folders / "two")
    there = two_folders / "one" / "results"
    (row,) = json.loads(call("status", "--results", there, "--json").out)
    assert row["state"] == "finished" and "cannot tell whether its data set has changed" in row["reason"]
    done = call("clean", "--yes", "--results", there)
    assert "1 run kept" in done.err and "nothing to remove" in done.err
    assert read_result(there / record.parent.name).finished


def test_a_run_of_an_older_version_is_not_in_doubt_where_its_data_are(call, two_folders):
    assert call("train", "s.yaml", "--quiet").code == 0
    (record,) = Path("results").glob("*/run.json")
    old = {key: value for key, value in json.loads(record.read_text()).items() if key != "dataset_path"}
    record.write_text(json.dumps(old))
    assert json.loads(call("status", "--json").out)[0]["reason"] == ""
    assert "done before" in call("train", "s.yaml").err


def test_a_file_that_changed_where_it_was_still_makes_its_run_stale(call, two_folders, monkeypatch):
    assert call("train", "s.yaml", "--quiet").code == 0
    write_dataset("d.npz", samples=60, pixels=16, seed=7)
    for place in ("one", "two"):
        monkeypatch.chdir(two_folders / place)
        (row,) = json.loads(call("status", "--results", two_folders / "one" / "results", "--json").out)
        assert (row["state"], row["reason"]) == ("stale", "its data set has changed since")


def test_the_same_data_may_be_moved_and_an_unfinished_run_goes_on(two_folders, monkeypatch):
    stopped_after(1, small(), load("d.npz"), Path("results"))
    shutil.copytree("results", two_folders / "three" / "results")
    shutil.copy("d.npz", two_folders / "three")
    monkeypatch.chdir(two_folders / "three")
    begun = []
    result = run(small(), load("d.npz"), Path("results"), Hooks(on({Started: begun.append})))
    assert begun == [1] and result.dataset_path == str(two_folders / "three" / "d.npz")


def test_force_trains_on_the_data_here(call, two_folders, monkeypatch):
    call("train", "s.yaml", "--quiet")
    monkeypatch.chdir(two_folders / "two")
    there = two_folders / "one" / "results"
    assert call("train", "s.yaml", "--results", there, "--force", "--quiet").code == 0
    (folder,) = there.iterdir()
    assert read_result(folder).dataset_path == str(two_folders / "two" / "d.npz")


def test_no_path_is_published(two_folders, call):
    from maintenance.publish_results import publish

    call("train", "s.yaml", "--quiet")
    (record,) = Path("results").glob("*/run.json")
    assert str(two_folders) in record.read_text()
    (published,) = publish(Path("results"), two_folders / "public")
    text = (two_folders / "public" / published.run_id / "run.json").read_text()
    assert str(two_folders) not in text
    assert json.loads(text) == {k: v for k, v in json.loads(record.read_text()).items() if k != "dataset_path"}


# --- --force


def forced_spec(**settings):
    return make_spec(
        {"dataset": "synthetic", "depth": 2, "width": 24, "epochs": 6, "batch_size": 10, "validation": 50}
        | {"algorithm": "lra-e"}
        | settings
    )


def scores(results):
    frame = load_results(results)
    return frame["state"].tolist(), frame["test_error"].tolist()


def test_a_forced_training_stopped_midway_leaves_the_old_result_in_force_and_goes_on_later(tmp_path):
    spec, dataset = forced_spec(), synthetic_dataset(samples=650)
    folder = run(spec, dataset, tmp_path).folder
    before, whole, rows = scores(tmp_path), content(folder), read_log(folder)
    stopped_after(2, spec, dataset, tmp_path, force=True)
    assert scores(tmp_path) == before and read_log(folder) == rows
    begun = []
    result = run(spec, dataset, tmp_path, Hooks(on({Started: begun.append})))
    assert begun == [2] and result.folder == folder
    assert content(folder) == whole, "nothing else is left in the folder"
    stopped_after(2, spec, dataset, tmp_path, force=True)
    run(spec, dataset, tmp_path, Hooks(on({Started: begun.append})), force=True)
    assert begun == [2, 0], "--force begins at the first epoch, always"


def test_a_forced_training_killed_at_any_moment_keeps_the_old_result_whole(tmp_path):
    spec, dataset = forced_spec(), synthetic_dataset(samples=650)
    started = time.monotonic()
    folder = run(spec, dataset, tmp_path).folder
    duration, whole, before = time.monotonic() - started, content(folder), scores(tmp_path)
    moments, cut_off = random.Random(11), 0
    for _ in range(12):
        child = os.fork()
        if not child:
            try:
                run(spec, dataset, tmp_path, Hooks(checkpoint_seconds=0.005), force=True)
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        cut_off += (folder / ".new").is_dir()
        assert scores(tmp_path) == before
        assert read_log(folder) and {"parameters.npz", "test_predictions.npz"} <= set(os.listdir(folder))
        run(spec, dataset, tmp_path)
        assert content(folder) == whole
    assert cut_off, "every kill came after the end: the test has shown nothing"


@pytest.mark.parametrize("moved", range(6))
def test_a_move_cut_off_after_any_file_is_completed(tmp_path, moved):
    spec, dataset = forced_spec(epochs=1), synthetic_dataset(samples=650)
    folder = run(spec, dataset, tmp_path).folder
    whole = content(folder)
    shutil.copytree(folder, tmp_path / "new", ignore=shutil.ignore_patterns(".lock"))
    for name in ("log.csv", "run.json"):
        (folder / name).write_text((folder / name).read_text().replace("3", "8"))
    os.rename(tmp_path / "new", folder / (".done" if moved else ".new"))
    names = sorted(os.listdir(folder / ".done"), key=lambda name: name == "run.json") if moved else []
    for name in names[: moved - 1]:
        os.replace(folder / ".done" / name, folder / name)
    run(spec, dataset, tmp_path)
    assert content(folder) == whole


def test_a_forced_training_that_diverges_or_fails_does_not_replace_the_result(tmp_path, monkeypatch):
    spec, dataset = forced_spec(), synthetic_dataset(samples=650)
    folder = run(spec, dataset, tmp_path).folder
    whole = content(folder)

    def diverge(self):
        from lrarun.engine.training import Diverged

        raise Diverged({"epoch": 1, "train_nll": float("nan"), "seconds": 0.1})

    from lrarun.runs.session import Session

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_train", diverge)
        result = run(spec, dataset, tmp_path, force=True)
    assert result.state == "diverged" and result.reason.endswith("the earlier result stays")
    assert content(folder) == whole

    def fail(self):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_train", fail)
        with pytest.raises(MemoryError):
            run(spec, dataset, tmp_path, force=True)
    assert scores(tmp_path)[0] == ["finished"]
    from lrarun.runs.status import removable, remove

    (only,) = removable(None, tmp_path)
    assert only.run_id == spec.run_id and "training it again (--force) failed" in only.reason
    remove([only])
    assert content(folder) == whole


def test_an_unfinished_run_is_forgotten_by_force(tmp_path):
    spec, dataset = forced_spec(), synthetic_dataset(samples=650)
    stopped_after(2, spec, dataset, tmp_path)
    begun = []
    run(spec, dataset, tmp_path, Hooks(on({Started: begun.append})), force=True)
    assert begun == [0]


def test_the_command_keeps_results_through_ctrl_c_and_says_what_goes_on(call, tmp_path):
    dataset = write_dataset(tmp_path / "small.npz")
    file, results = write_spec(tmp_path / "spec.yaml", dataset, runs=1, epochs=400), tmp_path / "results"
    assert call("train", file, "--results", results, "--quiet", "--jobs", "1").code == 0
    (folder,) = results.iterdir()
    before = scores(results)
    command = lrarun("train", file, "--results", results, "--jobs", 1, "--force", start_new_session=True)
    while retraining.place(folder) == folder or not (new := retraining.newest(folder)) or not new.epoch:
        time.sleep(0.01)
    (row,) = json.loads(call("status", "--results", results, "--json").out)
    assert row["state"] == "running" and row["test_error"] == before[1][0] and row["epoch"] < 400
    os.killpg(command.pid, signal.SIGINT)
    _, err = command.communicate(timeout=30)
    assert command.returncode == 130 and "the command without --force goes on from there" in err
    assert scores(results) == before
    assert (
        "lrarun train goes on with that" in json.loads(call("status", "--results", results, "--json").out)[0]["reason"]
    )
    planned = call("train", file, "--results", results, "--dry-run").out
    assert "resume: trained again, as --force asked for; goes on after epoch" in planned
    done = call("train", file, "--results", results, "--jobs", "1")
    assert done.code == 0 and "goes on after epoch" in done.err and not (folder / ".new").exists()


def test_equal_zeros_are_one_run():
    pair = [make_spec({"algorithm": {"name": "lra-e", "gamma": zero}}) for zero in (0.0, -0.0)]
    assert pair[0].run_id == pair[1].run_id and pair[0].to_yaml() == pair[1].to_yaml()


# --- damage

DAMAGE = {
    "junk": lambda path: path.write_text("junk\n"),
    "nothing in it": lambda path: path.write_text(""),
    "a list": lambda path: path.write_text("[]"),
    "no spec": lambda path: path.write_text('{"state": "finished"}'),
    "no such state": lambda path: path.write_text(path.read_text().replace('"finished"', '"fine"')),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
READING = [
    ["status"], ["table", "1"], ["claims"], ["export"], ["export", "--runs"], ["diff", "a", "b"], ["show", "a"],
    ["report", "--out", "r.html"], ["train", "other.yaml", "--jobs", "1"],
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_warned_of_once_by_every_command_and_clean_removes_it(call, two_folders, damage):
    call("train", "s.yaml", "--quiet")
    (record,) = Path("results").glob("*/run.json")
    DAMAGE[damage](record)
    Path("other.yaml").write_text(SPEC + "seed: 1\n")
    for command in READING:
        err = call(*command).err
        assert err.count("the run counts as missing") == 1, (command, err)
        assert "lrarun clean --results results" in err, command
    (line,) = call("train", "s.yaml", "--dry-run").out.splitlines()[:-1]
    assert "train: starts anew: its run.json is" in line
    assert json.loads(call("status", "s.yaml", "--json").out)[0]["reason"].startswith("its run.json is")
    (shown,) = call("clean").out.splitlines()
    assert record.parent.name in shown and "its run.json is" in shown
    assert call("clean", "--yes").code == 0 and not record.parent.exists()
    assert "nothing to remove" in call("clean", "--yes").err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_train_makes_a_damaged_run_anew_and_says_so_once(two_folders, jobs):
    lrarun("train", "s.yaml", "--quiet").communicate()
    (record,) = Path("results").glob("*/run.json")
    record.write_text("junk\n")
    Path("s.yaml").write_text(SPEC + "sweep: {seed: [0, 1]}\n")
    command = lrarun("train", "s.yaml", "--jobs", jobs)
    _, err = command.communicate()
    assert command.returncode == 0 and err.count("damaged") == 1, err
    assert read_result(record.parent).finished


@pytest.mark.parametrize("lost", ["run.json", "run.json, killed early"])
def test_clean_removes_a_run_without_its_record_and_no_folder_of_ones_own(call, two_folders, lost):
    call("train", "s.yaml", "--quiet")
    (record,) = Path("results").glob("*/run.json")
    record.unlink()
    if "early" in lost:
        for path in record.parent.iterdir():
            if path.name not in (".lock", "spec.yaml"):
                path.unlink()
        (record.parent / "log.csv").touch()
    for mine in ("notes/run.json", "own/log.csv"):
        Path("results", mine).parent.mkdir()
        Path("results", mine).write_text("mine")
    Path("results/notes/more.txt").write_text("mine")
    call("clean", "--yes")
    assert sorted(os.listdir("results")) == ["notes", "own"]


# --- rows of the log


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


LOST = {
    "its last row cut": (cut, "lacks epoch 2"),
    "a row in the middle": (lambda path: path.write_text(path.read_text().replace("\n1,", "\nx,")), "lacks epoch 1"),
    "its rows": (lambda path: path.write_text(path.read_text().splitlines()[0] + "\n"), "lacks 2 of 2 epochs"),
    "all of it": (lambda path: path.unlink(), "log.csv is missing"),
}
READING_LOGS = [["export"], ["show", "d.npz"], ["report", "--out", "r.html"]]


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("command", READING_LOGS, ids=" ".join)
def test_every_reader_of_logs_says_which_epochs_are_lost(call, two_folders, lost, command):
    call("train", "s.yaml", "--quiet")
    (log,) = Path("results").glob("*/log.csv")
    whole = call(*command)
    assert "log.csv" not in whole.err
    damage, said = LOST[lost]
    damage(log)
    code, out, err = call(*command)
    assert err.count(said) == 1 and "with --force" in err, err
    assert code == (4 if command == ["export"] else whole.code)
    with locked(log.parent):
        assert said not in call(*command).err, "whoever trains it is still writing"


def test_python_warns_of_lost_epochs_too(call, two_folders, capsys):
    from lrarun.results.frames import load_epochs

    call("train", "s.yaml")
    (log,) = Path("results").glob("*/log.csv")
    cut(log)
    assert len(load_epochs("results")) == 1
    assert "lacks epoch 2" in capsys.readouterr().err


def test_an_interrupted_run_lacks_nothing(call, two_folders):
    stopped_after(1, small(), load("d.npz"), Path("results"))
    done = call("export")
    assert (done.code, done.err) == (0, "") and len(done.out.splitlines()) == 2
