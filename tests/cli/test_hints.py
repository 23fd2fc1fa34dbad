"""Commands that messages tell a user to type: they work as they stand, from where the user is."""

from __future__ import annotations

import re
import shlex

import pytest

from lrarun.results.layout import REFERENCE
from tests.support.small_runs import write_dataset, write_spec


def told(message):
    """The arguments of the one ``lrarun train`` that a message names."""
    (command,) = re.findall(r"lrarun (train .*?)(?: \(|;|\n|$)", message)
    return shlex.split(command)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder that has experiments, among them a small one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    for name in ("table1", "table2", "table3", "figure1", "figure3"):
        (tmp_path / "experiments" / f"{name}.yaml").write_text("algorithm: lra-e\n")
    (tmp_path / "my spec.yaml").write_text("{algorithm: lra-e, epochs: 1, probes: [angle]}")
    (tmp_path / "mine").mkdir()
    return tmp_path


ASKING = [("table", "1"), ("claims",), ("report", "--out", "-"), ("figure", "1a"), ("status",)]


@pytest.mark.parametrize("command", ASKING, ids=lambda command: command[0])
def test_what_is_missing_is_to_be_trained_into_the_folder_that_was_asked_about(call, folder, command):
    pytest.importorskip("matplotlib")
    assert "--results results" not in call(*command).err
    err = call(*command, "--results", "mine").err
    if command == ("claims",):
        err = call(*command, "--results", "mine").out.split("\n\n")[0].replace("\n", " ")
    arguments = told(err)
    assert arguments[arguments.index("--results") + 1] == "mine"


@pytest.mark.parametrize("command", [("table",), ("report", "--out", "-"), ("figure", "1a")], ids=lambda each: each[0])
def test_the_spec_and_what_was_set_in_it_are_named_so_that_a_shell_can_read_them(call, folder, command):
    pytest.importorskip("matplotlib")
    done = call(*command, "--spec", "my spec.yaml", "--set", "algorithm={name: lra-e, beta: 0.2}")
    assert done.code == 4
    assert told(done.err) == ["train", "my spec.yaml", "--set", "algorithm={name: lra-e, beta: 0.2}"]


@pytest.mark.parametrize("command", [*ASKING[:2], ASKING[3]], ids=lambda command: command[0])
def test_experiments_that_are_not_here_are_said_to_come_with_the_repository(call, tmp_path, monkeypatch, command):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    err = call(*command).err
    assert "not in this folder" in err and "repository" in err


def test_nothing_that_is_here_is_said_to_come_from_elsewhere(call, folder):
    assert "repository" not in call("table").err + call("claims").err + call("table", "--spec", "my spec.yaml").err


@pytest.fixture
def reference(folder):
    """A folder marked as reference results."""
    (folder / "ref").mkdir()
    (folder / "ref" / REFERENCE).write_text("not to be written to")
    return folder / "ref"


@pytest.mark.parametrize("place", ["ref", "ref/calibration", "ref/../ref"])
def test_no_run_is_trained_into_reference_results(call, folder, reference, place):
    spec = write_spec(folder / "small.yaml", write_dataset(folder / "small.npz"), runs=1)
    for more in ([], ["--dry-run"]):
        done = call("train", spec, "--results", place, "--jobs", "1", *more)
        assert done.code == 2 and REFERENCE in done.err and "--results" in done.err
    assert [path.name for path in reference.iterdir()] == [REFERENCE]


def test_what_has_finished_there_is_still_left_as_it_is(call, folder, reference):
    spec = write_spec(folder / "small.yaml", write_dataset(folder / "small.npz"), runs=1)
    (reference / REFERENCE).unlink()
    assert call("train", spec, "--results", reference, "--jobs", "1").code == 0
    (reference / REFERENCE).touch()
    assert call("train", spec, "--results", reference).code == 0
    assert call("train", spec, "--results", reference, "--force").code == 2
    (reference / next(reference.glob("small*")).name / "run.json").write_text("{")  # only begun, says clean of it


def test_python_trains_nothing_there_either(folder, reference):
    import lrarun
    from lrarun.errors import UsageError

    with pytest.raises(UsageError, match=REFERENCE):
        lrarun.train({"algorithm": "lra-e", "dataset": write_dataset(folder / "small.npz")}, reference)


def test_clean_removes_nothing_there(call, folder, reference):
    left = reference / "begun"
    left.mkdir()
    (left / ".lock").touch()
    done = call("clean", "--yes", "--results", reference)
    assert done.code == 2 and REFERENCE in done.err and left.is_dir()


def test_a_table_of_reference_results_names_a_command_that_is_not_refused(call, folder, reference):
    err = call("table", "1", "--results", "ref").err
    assert told(err) == ["train", "experiments/table1.yaml"] and "reference results" in err


def test_what_the_project_ships_is_marked():
    from pathlib import Path

    assert (Path(__file__).parent.parent.parent / "results" / "reference" / REFERENCE).is_file()
