"""A data folder that does not exist: refused by whatever takes one, but made by ``lrarun data fetch``."""

from __future__ import annotations

import json

import pytest
from click import Group

import lrarun
from lrarun.cli import COMMANDS, cli
from lrarun.data.load import load, where
from lrarun.errors import DataError, LrarunError
from tests.support.fakes import PACKED
from tests.support.small_runs import SMALL, write_dataset
from tests.support.tiny_data import contents, write

# What stands before the option, for every command that has it.
WORDS = {
    "train": ["s.yaml"],
    "tune": ["s.yaml"],
    "status": [],
    "clean": [],
    "figure": ["3"],
    "describe": ["lra-e"],
    "data list": [],
    "doctor": [],
}


def commands_with_the_option():
    found = set()
    for name in COMMANDS:
        command = cli.get_command(None, name)
        below = command.commands.items() if isinstance(command, Group) else [("", command)]
        for second, each in below:
            if any(param.name == "data_dir" for param in each.params):
                found.add(f"{name} {second}".strip())
    return found


@pytest.fixture
def folder(machine, monkeypatch):
    """A working folder with a data set, a spec and no run."""
    monkeypatch.chdir(machine / "work")
    settings = {**SMALL, "dataset": write_dataset("own.npz", samples=100), "algorithm": "backprop", "epochs": 1}
    (machine / "work" / "s.yaml").write_text(json.dumps(settings))
    return machine / "work"


def test_every_command_with_the_option_is_tried():
    assert commands_with_the_option() == {*WORDS, "data fetch"}


@pytest.mark.parametrize("by", ["option", "environment"])
@pytest.mark.parametrize("command", WORDS)
def test_a_data_folder_that_does_not_exist_is_refused(folder, call, monkeypatch, command, by):
    words = [*command.split(), *WORDS[command]]
    if by == "option":
        done = call(*words, "--data-dir", "gone")
    else:
        monkeypatch.setenv("LRARUN_DATA_DIR", "gone")
        done = call(*words)
    assert (done.code, done.out) == (2, "")
    assert "there is no folder gone" in done.err and "lrarun data fetch --data-dir gone" in done.err
    assert "LRARUN_DATA_DIR" in done.err and "--data-dir" in done.err
    assert {path.name for path in folder.iterdir()} == {"own.npz", "s.yaml"}


def test_fetch_makes_the_folder_and_the_others_then_take_it(folder, call, serve, mnist):
    mnist(mirrors=(serve(PACKED).url,))
    assert call("data", "fetch", "mnist", "--data-dir", "new/data").code == 0
    assert "new/data" in call("data", "list", "--data-dir", "new/data").out
    assert call("train", "s.yaml", "--jobs", "1", "--data-dir", "new/data").code == 0


def test_a_cluster_s_workers_may_have_a_folder_that_is_not_here(folder, call, monkeypatch):
    asked = []

    def cluster(address, results, data_dir, progress):
        asked.append(str(data_dir))
        raise LrarunError("no scheduler here")

    monkeypatch.setattr("lrarun.scheduling.train_all._cluster", cluster)
    done = call("train", "s.yaml", "--scheduler", "tcp://127.0.0.1:9", "--data-dir", "gone")
    assert asked == ["gone"] and done.code == 1 and "no scheduler here" in done.err


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_the_functions_refuse_it_too(folder, monkeypatch, by):
    pytest.importorskip("matplotlib")
    given = {"data_dir": "gone"} if by == "argument" else {}
    if by == "environment":
        monkeypatch.setenv("LRARUN_DATA_DIR", "gone")
    for function in (
        lambda: lrarun.train("s.yaml", **given),
        lambda: lrarun.figure("3", **given),
        lambda: load("mnist", **given),
        lambda: where("mnist", **given),
    ):
        with pytest.raises(DataError, match="gone: named as the data folder, but there is no such folder"):
            function()
    assert not (folder / "results").exists()


def test_a_home_folder_is_known_by_its_tilde(folder, call, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    write(folder.parent / "data" / "mnist", contents())
    assert "data/mnist" in call("data", "list", "--data-dir", "~/data").out
    assert call("data", "list", "--data-dir", "~/gone").code == 2
