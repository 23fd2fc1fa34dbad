"""What training says: lines at milestones, a table on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from lrarun.cli.support import live
from lrarun.results.result import Result
from lrarun.scheduling.outcome import Outcome
from lrarun.scheduling.plan import Job
from lrarun.specs.build import make_spec


def jobs(count, epochs=100):
    specs = [make_spec({"algorithm": "lra-e", "seed": seed, "epochs": epochs}) for seed in range(count)]
    return [Job(spec, "train", "new", seconds=200.0, work=1.0) for spec in specs]


def finished(job):
    record = {"test_error": 2.2, "train_error": 0.1, "best_epoch": 50}
    return Outcome(job.spec, "finished", "", Result(job.run_id, None, "finished", {}, record))


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("seconds_per_epoch", "lines"), [(0.01, 0), (2.0, 9), (60.0, 99)])
def test_lines_come_at_milestones_and_not_more_often(clock, capsys, seconds_per_epoch, lines):
    view, (job,) = live.Lines(), jobs(1)
    view.planned([job], 1)
    view.started(job, 0)
    for epoch in range(1, 101):
        clock[0] += seconds_per_epoch
        view.epoch_done(job, {"epoch": epoch, "validation_error": 5.0})
    view.ended(job, finished(job))
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("1 run to train") and said[1] == f"{job.run_id}: new"
    assert said[-1].startswith(f"[1/1] {job.run_id}: finished, test error 2.20 %")
    assert len(said) == 3 + lines


def test_a_run_that_goes_on_and_one_that_fails_are_said(capsys):
    view, (job, other) = live.Lines(), jobs(2)
    view.planned([job, other], 2)
    view.started(job, 40)
    view.ended(other, Outcome(other.spec, "killed", "by SIGKILL"))
    said = capsys.readouterr().err
    assert f"{job.run_id}: goes on after epoch 40/100" in said
    assert f"[1/2] {other.run_id}: killed: by SIGKILL" in said


def test_a_run_that_starts_anew_is_said_so_and_not_to_resume(capsys):
    view, (job,) = live.Lines(), jobs(1)
    job = replace(job, action="resume", reason="goes on after epoch 40/100", epoch=40)
    view.planned([job], 1)
    view.checkpoint_lost(job, "its checkpoint cannot be read (Bad CRC-32)")
    view.started(job, 0)
    said = capsys.readouterr().err.splitlines()[1:]
    assert said == [f"{job.run_id}: starts anew: its checkpoint cannot be read (Bad CRC-32)"]


def test_more_processes_than_cores_are_said_to_take_turns(capsys, monkeypatch):
    monkeypatch.setattr("lrarun.scheduling.processes.cores", lambda: 2)
    for count, turns in ((2, False), (3, True)):
        live.Lines().planned(jobs(5), count)
        assert ("3 processes on 2 cores, on which they take turns" in capsys.readouterr().err) == turns


@pytest.mark.parametrize("record, words", [({"epoch": 40}, "after epoch 40/100"), ({"epoch": 0}, "in its first epoch")])
def test_a_run_that_was_stopped_says_how_far_it_came(capsys, record, words):
    view, (job,) = live.Lines(), jobs(1)
    view.planned([job], 1)
    view.ended(job, Outcome(job.spec, "interrupted", "stopped", Result(job.run_id, None, "interrupted", {}, record)))
    assert f"[1/1] {job.run_id}: interrupted {words}\n" in capsys.readouterr().err


def drawn(view):
    view.console.print(view._table())
    return view.console.file.getvalue()


def test_the_table_has_runs_in_training_to_come_and_the_time_left():
    console = Console(file=io.StringIO(), force_terminal=True, width=140, height=40, no_color=True)
    view, planned = live.Live(console), jobs(12)
    view.planned(planned, 2)
    view.started(planned[0], 0)
    view.started(planned[1], 0)
    view.epoch_done(planned[0], {"epoch": 25, "validation_error": 3.14})
    view.checkpoint_saved(planned[1], 2, 0.5)
    view.ended(planned[2], finished(planned[2]))
    shown = drawn(view)
    rows = {job.run_id: next((line for line in shown.splitlines() if job.run_id in line), "") for job in planned}
    assert "25/100" in rows[planned[0].run_id] and "3.14 %" in rows[planned[0].run_id]
    assert "2/100" in rows[planned[1].run_id]
    assert "finished" in rows[planned[2].run_id]
    assert sum("to come" in row for row in rows.values()) == live.WAITING_SHOWN
    assert "1 of 12 runs done" in shown and "1 more to come" in shown and "left in all" in shown


def test_time_left_is_the_runs_own_pace_once_it_has_one(clock):
    course = live.Course(jobs(1)[0], 40)
    assert course.seconds_left() == 200.0, "the plan's"
    clock[0] = 30.0
    course.epoch, course.part = 41, 0.5
    assert course.seconds_left() == pytest.approx(30.0 / 1.5 * 58.5)


def test_quiet_says_nothing(capsys):
    with live.view(quiet=True) as view:
        view.planned(jobs(1), 1)
        view.started(jobs(1)[0], 0)
    assert capsys.readouterr() == ("", "")
