"""Paths from every source are read in one way: ``~``, empty ones, empty entries, standard input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

import lrarun
from lrarun.cli.support.paths import UserPath
from lrarun.data.locate import named_folder
from lrarun.files import user_path
from tests.cli.test_behaviour import EVERY, environment
from tests.support.own_rule import RULE
from tests.support.small_runs import spec, write_dataset, write_spec

PATHS = [
    pytest.param(param, id=f"{name} {param.name}")
    for name, command in EVERY.items()
    for param in command.params
    if isinstance(param.type, click.Path)
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a data set, a spec and a finished run; the working folder is another."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path / "work")
    write_dataset(home / "d.npz")
    write_spec(home / "s.yaml", "~/d.npz", runs=1, epochs=1, algorithm="backprop")
    return home


@pytest.fixture
def trained(home):
    return lrarun.train("~/s.yaml", "~/results")


@pytest.mark.parametrize("param", PATHS)
def test_every_path_is_read_in_the_same_way(param, home):
    """Of each command, options and arguments, and so from each variable."""
    assert isinstance(param.type, UserPath)
    kind = UserPath()
    assert kind.convert("~/x", None, None) == home / "x"
    assert kind.convert("~", None, None) == home
    with pytest.raises(click.BadParameter, match="empty"):
        param.type.convert("", None, None)


def test_no_option_that_is_a_path_goes_unseen():
    named = {(param.values[0].name) for param in PATHS}
    assert named >= {"results", "data_dir", "plugin", "out", "plot", "figures", "files", "specs"}


def test_a_path_of_an_unknown_user_is_a_file_of_that_name():
    assert user_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")


def test_the_home_folder_is_known_to_options_and_variables(call, home, trained, monkeypatch):
    run = trained.run_id
    for arguments in (
        ["train", "~/s.yaml", "--results", "~/results"],
        ["status", "~/s.yaml", "--results", "~/results"],
        ["validate", "~/s.yaml"],
        ["show", run, "--results", "~/results"],
        ["show", f"~/results/{run}"],
        ["diff", f"~/results/{run}", run, "--results", "~/results"],
        ["describe", "~/d.npz"],
        ["clean", "--results", "~/results"],
    ):
        assert call(*arguments).code == 0, arguments
    (home / "pictures").mkdir()
    assert call("export", "--results", "~/results", "--out", "~/e.csv").code == 0
    call("report", "--results", "~/results", "--out", "~/r.html", "--figures", "~/pictures", "--spec", "~/s.yaml")
    assert (home / "e.csv").exists()
    monkeypatch.setenv("LRARUN_RESULTS", "~/results")
    assert run in call("status").out
    (home / "data").mkdir()
    monkeypatch.setenv("LRARUN_DATA_DIR", "~/data")
    assert named_folder(None) == named_folder("~/data") == home / "data"
    assert not list(Path.cwd().iterdir())


def test_the_home_folder_is_known_in_python(home, trained):
    assert trained.folder.parent == home / "results"
    assert list(lrarun.load_results("~/results")["run_id"]) == [trained.run_id]
    assert len(lrarun.load_epochs("~/results")) == 1
    assert [each.run_id for each in lrarun.load_specs("~/s.yaml")] == [trained.run_id]
    assert trained.run_id in lrarun.html_report("~/results")
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    "value", ["{}", ":{}", "{}:", "::{}", " :{}", ":", "", "~/sign_symmetry.py", ":~/sign_symmetry.py:"]
)
def test_empty_entries_among_plugins_are_none(home, value):
    file = home / "sign_symmetry.py"
    file.write_text(RULE)
    value = value.format(file)
    for arguments in (["list", "algorithms"], ["--plugin", "~/sign_symmetry.py", "list", "algorithms"]):
        command = [sys.executable, "-m", "lrarun", *arguments]
        done = subprocess.run(
            command, env=environment(LRARUN_PLUGINS=value), capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert ("sign-symmetry" in done.stdout) == ("sign" in value or "--plugin" in arguments)


@pytest.mark.parametrize("command", ["validate -", "train - --dry-run", "status -", "table 1 --spec -"])
def test_a_spec_can_come_from_standard_input(home, command):
    text = spec(str(home / "d.npz"), "backprop").to_yaml()
    for given, said in ((text, ""), (text.replace("seed: 0", "sead: 0"), "<stdin>:")):
        done = subprocess.run(
            [sys.executable, "-m", "lrarun", *command.split()],
            input=given, env=environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert said in done.stderr and "Traceback" not in done.stderr
        if said:
            assert done.returncode == 2
        elif not command.startswith("table"):
            assert done.returncode == 0
