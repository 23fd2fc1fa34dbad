"""Training on a Dask cluster of local processes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

import pytest

from lrarun.errors import LrarunError, UsageError
from lrarun.results.read import read_result
from lrarun.runs.lock import locked
from lrarun.scheduling import cluster
from lrarun.scheduling.plan import plan
from lrarun.scheduling.train_all import train_all
from lrarun.scheduling.watcher import Watcher
from tests.support.small_runs import ROOT, contents, holding, lrarun, spec, until, write_dataset, write_spec
from tests.support.small_search import history, study_of, trained, write_search


class Recorder(Watcher):
    """Remembers the epochs at which each run began."""

    def __init__(self, begun=lambda run_id: None):
        self.begins, self.react = {}, begun

    def started(self, job, epoch):
        self.begins.setdefault(job.run_id, []).append(epoch)
        self.react(job.run_id)


@pytest.fixture(scope="module")
def address():
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as local:
            yield local.scheduler_address
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "small.npz")


@pytest.mark.parametrize("shared", [True, False])
def test_a_cluster_gives_the_bytes_of_this_process(address, dataset, tmp_path, monkeypatch, shared):
    specs = [spec(dataset, rule, seed=seed) for rule in ("lra-e", "dtp-sigma") for seed in range(2)]
    train_all(plan(specs, tmp_path / "here"), tmp_path / "here", workers=1)
    if not shared:
        monkeypatch.setattr(cluster.Cluster, "_is_shared", lambda *_: False)
    recorder = Recorder()
    outcomes = train_all(plan(specs, tmp_path / "there"), tmp_path / "there", scheduler=address, watcher=recorder)
    assert [outcome.state for outcome in outcomes] == ["finished"] * 4
    assert recorder.begins == {one.run_id: [0] for one in specs}
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert not [path for path in (tmp_path / "there").iterdir() if path.is_file()], "no marker is left"


@pytest.mark.parametrize("shared", [True, False])
def test_a_search_on_a_cluster_tries_and_prunes_the_same(address, dataset, tmp_path, monkeypatch, shared):
    pytest.importorskip("optuna")
    file = write_search(tmp_path / "s.yaml", dataset, budget={"trials": 8, "epochs": 3})
    here, there = (study_of(file, tmp_path / name) for name in ("here", "there"))
    expected = trained(here)
    assert "pruned" in {trial.state for trial in expected}
    if not shared:
        monkeypatch.setattr(cluster.Cluster, "_is_shared", lambda *_: False)
    found = there.run(lambda jobs: train_all(jobs, there.results, scheduler=address))
    assert history(there, found) == history(here, expected)


@pytest.mark.slow  # it has to last until there is a checkpoint; what it then gives is compared in stress.py
def test_a_run_whose_worker_dies_goes_on_elsewhere(address, dataset, tmp_path):
    run = spec(dataset, epochs=3000)

    def kill_once(run_id):
        if recorder.begins == {run_id: [0]}:
            until(lambda: (tmp_path / run_id / "checkpoint.npz").exists())
            (process,) = holding(tmp_path)
            os.kill(process, signal.SIGKILL)

    recorder = Recorder(kill_once)
    (outcome,) = train_all(plan([run], tmp_path), tmp_path, scheduler=address, watcher=recorder)
    assert outcome.state == "finished"
    first, second = recorder.begins[run.run_id]
    assert first == 0 and second > 0, "from its checkpoint"


@pytest.mark.parametrize("shared", [True, False])
def test_failures_on_a_worker_have_their_reason_here(address, dataset, tmp_path, monkeypatch, shared):
    if not shared:
        monkeypatch.setattr(cluster.Cluster, "_is_shared", lambda *_: False)
    gone = tmp_path / "gone.npz"
    shutil.copy(dataset, gone)
    specs = [spec(dataset, validation=650), spec(str(gone)), spec(dataset)]
    jobs = plan(specs, tmp_path / "results")
    gone.unlink()
    bad, missing, good = train_all(jobs, tmp_path / "results", scheduler=address)
    assert (bad.state, missing.state, good.state) == ("failed", "failed", "finished")
    assert "650" in bad.reason and "gone.npz" in missing.reason
    assert read_result(tmp_path / "results" / bad.run_id).reason == bad.reason


def test_a_run_that_is_trained_here_meanwhile_is_waited_for(address, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.Cluster, "_is_shared", lambda *_: False)
    run, waited = spec(dataset), []
    jobs = plan([run], tmp_path)
    lock = locked(tmp_path / run.run_id)
    lock.__enter__()

    class Waiting(Watcher):
        def waiting(self, jobs):
            waited.extend(jobs)
            lock.__exit__(None, None, None)

    (outcome,) = train_all(jobs, tmp_path, scheduler=address, watcher=Waiting())
    assert outcome.state == "finished"
    assert [job.run_id for job in waited] == [run.run_id]


def test_ctrl_c_stops_the_workers_too(address, dataset, tmp_path):
    file, results = write_spec(tmp_path / "spec.yaml", dataset, runs=2, epochs=100_000), tmp_path / "results"
    command = lrarun("train", file, "--results", results, "--scheduler", address)
    until(lambda: len(holding(results)) == 2)
    started = time.monotonic()
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=30)
    assert command.returncode == 130, told
    assert time.monotonic() - started < 2
    assert "goes on" in told
    until(lambda: not holding(results))
    assert {read_result(folder).state for folder in results.iterdir() if folder.is_dir()} == {"interrupted"}


def test_workers_stop_when_the_command_is_killed(address, dataset, tmp_path):
    file, results = write_spec(tmp_path / "spec.yaml", dataset, runs=2, epochs=100_000), tmp_path / "results"
    command = lrarun("train", file, "--results", results, "--scheduler", address)
    until(lambda: len(holding(results)) == 2)
    command.kill()
    command.communicate()
    until(lambda: not holding(results), seconds=20)


def test_an_address_where_nothing_answers_is_said(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.3)
    with pytest.raises(LrarunError, match="127.0.0.1:9: no Dask scheduler"):
        train_all([], tmp_path, scheduler="tcp://127.0.0.1:9")
    assert not list(tmp_path.iterdir())


def test_without_dask_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install -e '.\[cluster\]'"):
        train_all([], tmp_path, scheduler="tcp://127.0.0.1:9")
