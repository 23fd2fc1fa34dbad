"""Many runs at once give the same bytes as one after another, whatever happens to the processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load
from lrarun.errors import DataError, RunsFailed
from lrarun.results.read import read_result, read_results
from lrarun.runs.events import Ended
from lrarun.runs.lock import locked
from lrarun.runs.run import run as train_run
from lrarun.scheduling.backend import Backend
from lrarun.scheduling.outcome import KILLED, raise_for_failures
from lrarun.scheduling.plan import SKIP, WAIT, Job, plan
from lrarun.scheduling.schedule import Schedule
from lrarun.scheduling.train_all import train_all
from lrarun.scheduling.watcher import Watcher
from lrarun.specs.build import load_specs
from tests.support.small_runs import content, contents, holding, lrarun, spec, until, write_dataset, write_spec

LONG = 100_000  # epochs: whoever trains this is to be stopped


class Recorder(Watcher):
    """Remembers events; ``react`` is called with each (event, run id)."""

    def __init__(self, react=lambda event, run_id: None):
        self.events, self.react = [], react

    def _add(self, event, job):
        self.events.append((event, job.run_id))
        self.react(event, job.run_id)

    def started(self, job, epoch):
        self._add(("started", epoch), job)

    def epoch_done(self, job, record):
        self._add(("epoch", record["epoch"]), job)

    def ended(self, job, outcome):
        self._add(("ended", outcome.state), job)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "small.npz")


def train(specs, results, workers, watcher=None, **options):
    return train_all(plan(specs, results, **options), results, workers=workers, watcher=watcher)


def test_processes_give_the_bytes_of_one_after_another_for_every_rule(dataset, tmp_path):
    specs = [spec(dataset, name, epochs=2) for name in algorithms()]
    assert len(specs) > 6
    recorder = Recorder()
    here = train(specs, tmp_path / "here", 1)
    there = train(specs, tmp_path / "there", 2, recorder)
    assert [outcome.run_id for outcome in there] == [spec.run_id for spec in specs], "in the order given"
    assert {outcome.state for outcome in here + there} == {"finished"}
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    for one in specs:
        mine = [event for event, run_id in recorder.events if run_id == one.run_id]
        assert mine == [("started", 0), ("epoch", 1), ("epoch", 2), ("ended", "finished")]


def test_finished_runs_are_not_trained_again_unless_forced(dataset, tmp_path):
    specs = [spec(dataset, seed=seed) for seed in range(2)]
    train(specs, tmp_path, 1)
    recorder = Recorder()
    again = train(specs * 2, tmp_path, 1, recorder)
    assert len(again) == 2, "equal runs are one"
    assert all(outcome.skipped and outcome.state == "finished" for outcome in again)
    assert recorder.events == []
    forced = train(specs[:1], tmp_path, 1, recorder, force=True)
    assert [event for event, _ in recorder.events][0] == ("started", 0)
    assert forced[0].state == "finished"


def test_a_killed_worker_costs_only_its_own_run_and_that_goes_on_later(dataset, tmp_path):
    specs = [spec(dataset, seed=seed, epochs=12) for seed in range(5)]
    victim = specs[1].run_id

    def kill(event, run_id):
        if (event, run_id) == (("epoch", 5), victim):
            told = json.loads((tmp_path / victim / ".lock").read_bytes())
            os.kill(told["process"], signal.SIGKILL)

    outcomes = train(specs, tmp_path, 2, Recorder(kill))
    assert [outcome.state for outcome in outcomes] == ["finished", "killed", "finished", "finished", "finished"]
    assert "SIGKILL" in outcomes[1].reason
    assert read_result(tmp_path / victim).state == "interrupted"
    with pytest.raises(RunsFailed, match=f"{victim}: killed") as failed:
        raise_for_failures(outcomes)
    assert failed.value.exit_code == 3
    train(specs[1:2], tmp_path / "whole", 1)
    train(specs, tmp_path, 2)
    assert content(tmp_path / victim) == content(tmp_path / "whole" / victim)


def test_what_a_process_killed_at_its_last_moment_leaves_is_removed(dataset, tmp_path):
    run = spec(dataset)
    train([run], tmp_path, 1)
    before, folder = content(tmp_path / run.run_id), tmp_path / run.run_id

    def leave():
        (folder / "checkpoint.npz").write_bytes(b"of an earlier epoch")
        (folder / ".tmp-1-run.json").write_bytes(b"{")

    leave()
    assert [outcome.skipped for outcome in train([run], tmp_path, 1)] == [True]
    assert content(folder) == before
    leave()
    train_run(run, load(dataset), tmp_path)
    assert content(folder) == before


def test_a_worker_killed_when_all_was_done_has_finished_its_run(dataset, tmp_path):
    run = spec(dataset)
    train([run], tmp_path / "done", 1)

    class KilledAtTheEnd(Backend):
        free = True

        def submit(self, job):
            shutil.copytree(tmp_path / "done" / run.run_id, tmp_path / "results" / job.run_id)

        def wait(self, seconds, hear):
            hear(job, Ended(KILLED, "its process was killed by SIGKILL"))

        def stop(self, hear):
            raise AssertionError

        def close(self):
            pass

    (job,) = plan([run], tmp_path / "results")
    (outcome,) = Schedule([job], tmp_path / "results", KilledAtTheEnd(), Watcher()).run(lambda: False)
    assert (outcome.state, outcome.reason) == ("finished", "")


@pytest.mark.parametrize("together", [True, False])
def test_runs_that_are_released_one_after_another_are_trained_at_once_where_that_pays(tmp_path, monkeypatch, together):
    runs = [spec("mnist", seed=seed) for seed in range(3)]
    looks, given = dict(zip([run.run_id for run in runs], (1, 2, 3))), []

    def is_locked(folder):
        """Each run is released one look later than the one before it."""
        looks[folder.name] -= 1
        return looks[folder.name] > 0

    class Taker(Backend):
        free = True

        def submit(self, job):
            given.append(job)

        def wait(self, seconds, hear):
            batches.append(len(given))
            for job in given:
                hear(job, Ended("finished"))
            given.clear()

        def stop(self, hear):
            raise AssertionError

        def close(self):
            pass

    batches, backend = [], Taker()
    backend.together = together
    monkeypatch.setattr("lrarun.scheduling.schedule.is_locked", is_locked)
    monkeypatch.setattr("lrarun.scheduling.schedule.LOCK_CHECK_SECONDS", 0.01)
    jobs = [Job(run, WAIT, "another process trains it") for run in runs]
    assert len(Schedule(jobs, tmp_path, backend, Watcher()).run(lambda: False)) == 3
    assert batches == ([3] if together else [1, 1, 1])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_and_a_diverging_run_stop_nobody(dataset, tmp_path, workers):
    diverging = {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "activation": "identity"}
    specs = [spec(dataset, validation=650), spec(dataset, **diverging), spec(dataset)]
    failed, diverged, finished = train(specs, tmp_path, workers)
    assert (failed.state, diverged.state, finished.state) == ("failed", "diverged", "finished")
    assert "650" in failed.reason and "Error" not in failed.reason, "a message to be read"
    assert "not finite" in diverged.reason
    assert read_result(tmp_path / failed.run_id).reason == failed.reason
    # A diverged run is not tried again, and still counts as bad.
    assert [outcome.state for outcome in train(specs[1:], tmp_path, 1)] == ["diverged", "finished"]


def test_a_missing_data_set_is_an_error_before_anything_is_trained(dataset, tmp_path):
    specs = [spec(dataset), spec(str(tmp_path / "gone.npz"))]
    with pytest.raises(DataError, match="gone.npz"):
        train(specs, tmp_path / "results", 2)
    assert not read_results(tmp_path / "results")


def test_a_run_that_another_process_trains_is_waited_for(dataset, tmp_path):
    specs, results = [spec(dataset, seed=seed) for seed in range(2)], tmp_path / "results"
    elsewhere = specs[0].run_id
    train(specs[:1], tmp_path / "other", 1)

    class Waiting(Recorder):
        def waiting(self, jobs):
            assert [job.run_id for job in jobs] == [elsewhere]
            shutil.copytree(tmp_path / "other" / elsewhere, results / elsewhere, dirs_exist_ok=True)
            lock.close()  # the other process is done

    recorder = Waiting()
    with ExitStack() as lock:
        lock.enter_context(locked(results / elsewhere))
        jobs = plan(specs, results)
        assert [job.action for job in jobs] == [WAIT, "train"]
        outcomes = train_all(jobs, results, workers=1, watcher=recorder)
    assert [outcome.state for outcome in outcomes] == ["finished", "finished"]
    assert [event for event, run_id in recorder.events if run_id == elsewhere] == [("ended", "finished")]


def test_a_run_whose_other_process_dies_is_taken_over(dataset, tmp_path):
    run = spec(dataset)
    other = os.fork()
    if not other:
        with locked(tmp_path / run.run_id):
            time.sleep(60)
        os._exit(0)
    until(lambda: holding(tmp_path) == {other})

    class Impatient(Recorder):
        def waiting(self, jobs):
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)

    recorder = Impatient()
    (outcome,) = train_all(plan([run], tmp_path), tmp_path, workers=1, watcher=recorder)
    assert outcome.state == "finished"
    assert recorder.events[0] == (("started", 0), run.run_id)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_stores_the_runs_and_exits_with_130(dataset, tmp_path, workers, number):
    file, results = write_spec(tmp_path / "spec.yaml", dataset, runs=3, epochs=LONG), tmp_path / "results"
    command = lrarun("train", file, "--results", results, "--jobs", workers, start_new_session=True)
    until(lambda: sum(result.epoch > 0 for result in read_results(results)) == workers)
    started = time.monotonic()
    # To the whole group, as a terminal does.
    command.send_signal(number) if number == signal.SIGTERM else os.killpg(command.pid, number)
    _, told = command.communicate(timeout=30)
    assert time.monotonic() - started < 2
    assert command.returncode == 130
    assert "goes on" in told and "Traceback" not in told
    stopped = read_results(results)
    assert [result.state for result in stopped] == ["interrupted"] * workers
    assert all((result.folder / "checkpoint.npz").exists() for result in stopped)
    assert not holding(results), "nobody is left training"


def test_workers_end_when_their_main_process_is_killed(dataset, tmp_path):
    file, results = write_spec(tmp_path / "spec.yaml", dataset, runs=2, epochs=LONG), tmp_path / "results"
    command = lrarun("train", file, "--results", results, "--jobs", 2)
    workers = until(lambda: len(holding(results)) == 2 and holding(results))
    assert command.pid not in workers
    until(lambda: sum(result.epoch > 0 for result in read_results(results)) == 2)
    command.kill()
    command.communicate()
    until(lambda: not holding(results))
    assert [result.state for result in read_results(results)] == ["interrupted"] * 2
    assert all(job.action == "resume" and job.epoch > 0 for job in plan([spec(dataset, epochs=LONG)], results))


def test_two_invocations_train_each_run_once(dataset, tmp_path):
    file, results = write_spec(tmp_path / "spec.yaml", dataset, runs=5, epochs=20), tmp_path / "results"
    commands = [lrarun("train", file, "--results", results, "--jobs", jobs) for jobs in (1, 2)]
    told = [command.communicate(timeout=60)[1] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], told
    begun = [line for text in told for line in text.splitlines() if line.endswith(": new")]
    assert len(begun) == len(set(begun)) == 5
    for result in read_results(results):
        assert len((result.folder / "log.csv").read_text().splitlines()) == 21


def test_the_command_says_which_runs_failed_and_exits_with_3(dataset, tmp_path):
    file = write_spec(tmp_path / "spec.yaml", dataset, runs=2)
    (tmp_path / "results").mkdir()
    for run in load_specs(file):  # where a run's folder should be, there is something else
        (tmp_path / "results" / run.run_id).touch()
    command = lrarun("train", file, "--results", tmp_path / "results", "--quiet", "--jobs", 2)
    output, told = command.communicate(timeout=60)
    assert command.returncode == 3
    assert output == ""
    assert told.startswith("lrarun: 2 of 2 runs did not finish:")
    assert told.count("failed: File exists") == 2


def test_a_dry_run_changes_nothing(dataset, tmp_path):
    file = write_spec(tmp_path / "spec.yaml", dataset, runs=2)
    command = lrarun("train", file, file, "--results", tmp_path / "results", "--dry-run")
    output, _ = command.communicate(timeout=60)
    assert command.returncode == 0
    assert output.count("train: new") == 2 and "2 of 2 to train" in output and "unknown" in output
    assert not (tmp_path / "results").exists()


def test_skipped_runs_need_no_data_set(dataset, tmp_path):
    path = tmp_path / "moved.npz"
    path.write_bytes(Path(dataset).read_bytes())
    run = spec(str(path))
    train([run], tmp_path / "results", 1)
    path.unlink()
    jobs = plan([run], tmp_path / "results")
    assert [job.action for job in jobs] == [SKIP]
    assert train_all(jobs, tmp_path / "results")[0].state == "finished"
