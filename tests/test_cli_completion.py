"""What Tab offers: through Click's protocol in the environment, and in the shells that are here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lrarun.algorithms import algorithms
from lrarun.cli import COMMANDS, cli
from lrarun.optimizers import OPTIMIZERS
from lrarun.paper import Key
from tests.fabricate import spec_for, write_run

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Specs in two folders, a stranger among them, and two runs."""
    for name in ("mine.yaml", "experiments/table1.yaml", "experiments/deep/far.yaml", ".hidden/no.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for run_id in ("mnist-lra-e-1", "mnist-rfa-2"):
        made = write_run(tmp_path / "results", spec_for(Key("mnist", "RFA", 3, "sgd")))
        made.rename(made.with_name(run_id))
    (tmp_path / "results" / "figures").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("LRARUN_RESULTS", "LRARUN_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def offered(folder, monkeypatch, capsys):
    """What is offered for the last of some words, by the protocol of bash: type and text."""

    def ask(*words, shell="bash"):
        monkeypatch.setenv("COMP_WORDS", " ".join(["lrarun", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        monkeypatch.setenv("_LRARUN_COMPLETE", f"{shell}_complete")
        with pytest.raises(SystemExit) as end:
            cli.main(prog_name="lrarun")
        assert end.value.code == 0
        return [tuple(line.split(",", 1)) for line in capsys.readouterr().out.splitlines() if line]

    return ask


def plain(pairs):
    return [text for kind, text in pairs if kind == "plain"]


def test_commands(offered):
    assert plain(offered("")) == list(COMMANDS)
    assert plain(offered("va")) == ["validate"]
    assert plain(offered("data", "")) == ["fetch", "list"]


def test_options_but_not_the_hidden_ones(offered):
    assert "--plot" in plain(offered("show", "--"))
    assert "--color" in plain(offered("--")) and "--color" not in plain(offered("show", "--"))
    assert plain(offered("--color", "al")) == ["always"]


@pytest.mark.parametrize("words", [["train"], ["validate", "a.yaml"], ["table", "--spec"], ["status"], ["clean"]])
def test_specs_here_and_one_folder_down(offered, words):
    assert plain(offered(*words, "")) == ["mine.yaml", "experiments/table1.yaml"]
    assert plain(offered(*words, "exp")) == ["experiments/table1.yaml"]
    assert plain(offered(*words, "experiments/")) == ["experiments/table1.yaml", "experiments/deep/far.yaml"]
    assert offered(*words, "no") == [("file", "no")], "no spec begins so: any file"


def test_an_absolute_path(offered, folder):
    assert plain(offered("train", f"{folder}/m")) == [f"{folder}/mine.yaml"]


@pytest.mark.parametrize("command", [["show"], ["diff"], ["diff", "mnist-lra-e-1"]])
def test_runs_and_no_other_folders(offered, command):
    assert plain(offered(*command, "")) == ["mnist-lra-e-1", "mnist-rfa-2"]
    assert plain(offered(*command, "mnist-r")) == ["mnist-rfa-2"]
    assert offered(*command, "results/") == [("dir", "results/")]


def test_runs_of_another_results_folder(offered, folder, monkeypatch):
    (folder / "results").rename(folder / "others")
    assert plain(offered("show", "")) == []
    assert plain(offered("show", "--results", "others", "mnist-r")) == ["mnist-rfa-2"]
    monkeypatch.setenv("LRARUN_RESULTS", "others")
    assert plain(offered("show", "mnist-r")) == ["mnist-rfa-2"]


def test_names(offered):
    assert plain(offered("bench", "--algorithm", "")) == list(algorithms())
    assert plain(offered("bench", "--optimizer", "")) == list(OPTIMIZERS)
    assert plain(offered("describe", "dtp")) == ["dtp", "dtp-sigma"]
    assert {"spec", "mnist", "adam", *algorithms()} <= set(plain(offered("describe", "")))
    assert plain(offered("table", "")) == ["1", "2", "3"]
    assert plain(offered("completion", "")) == ["bash", "zsh", "fish"]


def test_what_goes_wrong_is_not_the_shells_business(offered, monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("lrarun.catalogue.entries", broken)
    assert offered("describe", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_by_the_protocol(call, shell):
    code, out, _ = call("completion", shell)
    assert code == 0 and f"_LRARUN_COMPLETE={shell}_complete" in out and "lrarun" in out
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=out, text=True, check=True)


def test_another_shell_is_refused(call):
    assert call("completion", "tcsh").code == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes(call, folder):
    """The script in a real bash, with the program on its PATH."""
    program = folder / "bin" / "lrarun"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -m lrarun \"$@\"\n")
    program.chmod(0o755)
    script = call("completion", "bash").out + """
        COMP_WORDS=(lrarun train exp); COMP_CWORD=2
        _lrarun_completion lrarun exp train; printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "--norc"], input=script, text=True, capture_output=True, check=True,
                          env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)})
    assert done.stdout.split() == ["experiments/table1.yaml"]
