"""What whoever writes a rule is told when it does not do what a rule has to."""

from __future__ import annotations

import functools
import json
import os
import re
from pathlib import Path

import pytest

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load
from lrarun.results.read import read_result
from lrarun.runs.events import Hooks, Started
from lrarun.runs.failures import reason_of
from lrarun.runs.run import Stopped, run
from tests.support.events import on
from tests.support.own_rule import RETURN, RULE, WRITE, line_of, with_mistake
from tests.support.small_runs import spec, write_dataset, write_spec

FILE = "sign_symmetry.py"


@pytest.fixture
def train(call, plugin, tmp_path):
    """Trains a small run, or several, of a rule with this content; returns the command's outcome."""
    write_dataset(tmp_path / "own.npz", samples=200)

    def run(content, *options, runs=1, jobs=1, **settings):
        plugin(content)
        write_spec(tmp_path / "mine.yaml", "own.npz", runs, **{"algorithm": "sign-symmetry", "epochs": 2, **settings})
        os.environ[plugins.VARIABLE] = str(tmp_path / FILE)
        return call("train", "mine.yaml", "--plugin", FILE, "--jobs", jobs, *options)

    return run


def record(run=0):
    """What run.json says of one of the runs."""
    return json.loads(sorted(Path("results").glob("*/run.json"))[run].read_text())


WRONG_SHAPE = with_mistake(WRITE, WRITE.replace("z[l - 1]", "z[l - 1].mT"))


def test_an_error_is_told_with_the_line_of_the_rules_own_file(train):
    done = train(WRONG_SHAPE)
    place = f"({FILE}, line {line_of(WRONG_SHAPE, '.mT, ')}, in arrays.py, line "
    assert done.code == 3 and place in done.err and "Traceback" not in done.err
    assert "from the start: no checkpoint was stored" in done.err and re.search(r"lrarun show \S+ -v", done.err)
    assert place in record()["reason"]


def test_an_error_in_the_rules_own_line_is_placed_once(train):
    wrong = with_mistake("delta = z[L] - y", "delta = z[L] - nothing")
    assert f"NameError: name 'nothing' is not defined ({FILE}, line {line_of(wrong, 'nothing')})\n" in train(wrong).err


def test_the_innermost_line_of_the_rules_own_file_is_named(train):
    wrong = with_mistake("def step(", "def _inner(self):\n        return {}['absent']\n\n    def step(")
    wrong = wrong.replace("h, z = forward", "self._inner()\n        h, z = forward")
    assert f"KeyError: 'absent' ({FILE}, line {line_of(wrong, 'absent')})\n" in train(wrong).err


def test_an_error_outside_of_the_rule_is_placed_where_it_was():
    try:
        json.loads("{")
    except ValueError as error:
        assert "test_rule_failures.py" not in reason_of(error) and "decoder.py, line " in reason_of(error)


@pytest.mark.parametrize("jobs", (1, 2))
def test_the_traceback_is_kept_and_shown_with_v(train, call, tmp_path, jobs):
    done = train(WRONG_SHAPE, "-v", runs=2, jobs=jobs)
    line = f'  File "{FILE}", line {line_of(WRONG_SHAPE, ".mT, ")}, in step'
    assert done.code == 3 and done.err.count("Traceback (most recent call last)") == done.err.count(line) == 2
    for number in (0, 1):
        kept = record(number)["traceback"]
        assert kept[0].startswith("Traceback") and line in kept and kept[-1].startswith("ValueError: ")
        assert str(tmp_path) not in str(kept), "results can be published: they name no folder"
    one = record()["run_id"]
    shown = call("show", one).out
    assert str(Path("results", one, "run.json")) in shown and "Traceback (most" not in shown
    assert line in call("show", one, "-v").out


def test_the_traceback_is_gone_once_the_rule_is_mended(train):
    train(WRONG_SHAPE)
    assert "traceback" in record()
    assert train(RULE).code == 0
    assert "traceback" not in record() and "reason" not in record()


def test_quiet_wins_over_verbose(train):
    assert "Traceback (most" not in train(WRONG_SHAPE, "-v", "--quiet").err


@pytest.mark.parametrize("jobs", (1, 2))
def test_a_rule_that_ends_the_process_has_failed(train, jobs):
    wrong = with_mistake(RETURN, "raise SystemExit(0)")
    done = train(wrong, runs=jobs, jobs=jobs)
    assert done.code == 3 and done.err.count(f"SystemExit: 0 ({FILE}, line {line_of(wrong, 'SystemExit')})") == jobs
    assert record()["state"] == "failed"


@pytest.mark.parametrize("jobs", (1, 2))
def test_what_a_rule_prints_is_not_among_the_commands_data(train, jobs):
    done = train(with_mistake(RETURN, f'print("seen")\n        {RETURN}'), "--json", runs=jobs, jobs=jobs)
    assert done.code == 0 and len(json.loads(done.out)) > 0
    assert jobs > 1 or "seen" in done.err  # that of other processes is theirs


def test_a_failure_after_a_checkpoint_goes_on_from_it(train, monkeypatch):
    """The rule fails in its second epoch: what was stored at the end of the first is gone on with."""
    monkeypatch.setattr("lrarun.scheduling.backend.Hooks", functools.partial(Hooks, checkpoint_seconds=0.0))
    wrong = with_mistake(RETURN, f"assert next(steps) < 20\n        {RETURN}")
    done = train("import itertools\n\nsteps = itertools.count()\n" + wrong)
    assert done.code == 3 and "AssertionError" in done.err and "from the last checkpoint." in done.err


DIVERGES = with_mistake(WRITE, WRITE.replace("delta", "delta * np.inf"))


def test_a_diverged_run_is_trained_again_once_its_rule_is_mended(train, call):
    done = train(DIVERGES)
    assert done.code == 3 and "diverged: the loss is not finite in epoch 1" in done.err
    done = train(DIVERGES)
    assert done.code == 3 and "diverged: the loss is not finite in epoch 1" in done.err and "stale" not in done.err
    done = train(RULE)
    assert done.code == 0 and record()["state"] == "finished"
    assert "diverged, and is stale: its rule's file has changed since" in done.err
    assert len((Path("results") / record()["run_id"] / "log.csv").read_text().splitlines()) == 3


def test_a_finished_run_of_an_edited_rule_is_left_alone(train):
    train(RULE)
    before = record()
    done = train(DIVERGES)
    assert done.code == 0 and "finished, but stale" in done.err and record() == before


@pytest.mark.parametrize("state", ("interrupted", "diverged"))
def test_a_run_of_an_edited_rule_does_not_go_on_from_what_the_other_left(plugin, tmp_path, state):
    """Also where nothing is planned, as from Python."""
    dataset = load(write_dataset(tmp_path / "own.npz", samples=200))
    plugin(DIVERGES if state == "diverged" else RULE)
    small = spec(str(tmp_path / "own.npz"), "sign-symmetry", epochs=2)
    if state == "diverged":
        run(small, dataset, tmp_path)
    else:
        with pytest.raises(Stopped):
            run(small, dataset, tmp_path, Hooks(stop=lambda: True))
    assert read_result(tmp_path / small.run_id).state == state
    plugin(RULE + "# edited\n")
    algorithms()
    small = spec(str(tmp_path / "own.npz"), "sign-symmetry", epochs=2)
    begun = []
    again = run(small, dataset, tmp_path, Hooks(on({Started: begun.append})))
    assert again.state == "finished" and begun == [0] and "resumed" not in again.record
