"""What Tab offers: through Click's protocol in the environment, and in the shells that are here."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.cli import COMMANDS, cli
from lrarun.cli.completion import ALL_COMMAS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.paper import Key
from lrarun.shipped import spec_names
from lrarun.specs.catalogue import entries
from tests.support.fabricate import spec_for, write_run

ROOT = Path(__file__).parent.parent.parent
# Words after the program's name -> what a real shell is to offer for the last.
REAL = [
    ([""], list(COMMANDS)),
    (["va"], ["validate"]),
    (["train", "experi"], ["experiments/table1.yaml"]),
    (["bench", "--algorithm", "dtp"], ["dtp", "dtp-sigma"]),
    (["show", "mnist-r"], ["mnist-rfa-2"]),
    (["train", "--set", "algorithm.be"], ["algorithm.beta="]),
]


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
    assert plain(offered(*words, "")) == ["mine.yaml", "experiments/table1.yaml", *spec_names()]
    assert plain(offered(*words, "exp")) == ["experiments/table1.yaml", "explanations"]
    assert plain(offered(*words, "tab")) == ["table1", "table2", "table3"]
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


def test_after_set_keys_and_then_values(offered):
    keys = plain(offered("train", "--set", ""))
    assert {"epochs=", "algorithm=", "algorithm.beta=", "optimizer.momentum=", "init.std="} <= set(keys)
    assert "sweep=" not in keys and all(key.endswith("=") for key in keys)
    assert plain(offered("table", "--set", "algorithm.be")) == ["algorithm.beta="]
    assert plain(offered("export", "--set", "algorithm=d")) == ["algorithm=dfa", "algorithm=dtp", "algorithm=dtp-sigma"]
    assert plain(offered("train", "--set", "dtype=")) == ["dtype=float32", "dtype=float64"]
    assert plain(offered("train", "--set", "optimizer=")) == [f"optimizer={name}" for name in OPTIMIZERS]
    assert plain(offered("train", "--set", "epochs=")) == plain(offered("train", "--set", "nonsense=")) == []


@pytest.mark.parametrize(
    "words, values",
    [
        (["algorithm", "=", ""], list(algorithms())),
        (["algorithm", "="], list(algorithms())),
        (["algorithm", "=", "dtp-"], ["dtp-sigma"]),
        (["epochs", "=", "5", "experi"], ["experiments/table1.yaml"]),
    ],
)
def test_bash_which_cuts_words_at_equals_signs_is_offered_what_stands_after(folder, words, values):
    """As bash hands the words over: one a line, an equals sign a word of its own."""
    given = ["lrarun", "train", "--set", *words]
    asked = {"COMP_WORDS": "\n".join(given), "COMP_CWORD": str(len(given) - 1), "_LRARUN_COMPLETE": "bash_complete"}
    told = run([sys.executable, "-m", "lrarun"], os.environ | {"PYTHONPATH": str(ROOT)} | asked, "")
    assert told.split() == [f"plain,{value}" for value in values]


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_puts_no_blank_after_a_key(environment):
    script = """
        eval "$(lrarun completion bash)"
        compopt() { echo "compopt" "$@"; }
        COMP_WORDS=(lrarun train --set algorithm.be); COMP_CWORD=3
        _lrarun_completion lrarun algorithm.be --set; echo "${COMPREPLY[@]}"
        COMPREPLY=(); COMP_WORDS=(lrarun va); COMP_CWORD=1
        _lrarun_completion lrarun va lrarun; echo "${COMPREPLY[@]}"
    """
    told = run(["bash", "--norc"], environment, script).splitlines()
    assert told == ["compopt -o nospace", "algorithm.beta=", "validate"]


def test_a_digest_is_completed_where_no_id_begins_so(offered, folder):
    made = write_run(folder / "results", spec_for(Key("mnist", "DFA", 3, "sgd")))
    made.rename(made.with_name("mnist-dfa-3x256-sgd-s0-c81132569a"))
    assert plain(offered("show", "c8")) == plain(offered("diff", "c8")) == ["c81132569a"]
    assert plain(offered("show", "mnist-d")) == ["mnist-dfa-3x256-sgd-s0-c81132569a"]
    assert plain(offered("show", "x")) == []


def test_settings_are_among_the_names_to_describe_once_a_letter_is_typed(offered):
    assert "beta" in plain(offered("describe", "be")) and "epochs" in plain(offered("describe", "ep"))


def test_set_offers_the_keys_of_a_search_and_of_a_sweep(offered):
    assert "search.trials=" in plain(offered("tune", "t.yaml", "--set", "search.t"))
    assert "sweep.algorithm.beta=" in plain(offered("train", "t.yaml", "--set", "sweep.algorithm.b"))


def test_what_goes_wrong_is_not_the_shells_business(offered, monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("lrarun.specs.catalogue.entries", broken)
    assert offered("describe", "") == []


@pytest.mark.parametrize("words", [["trian", ""], ["data", "fecth", ""], ["trian", "--", "exp"]])
def test_after_a_mistyped_command_tab_is_no_error(offered, capsys, words):
    offered(*words)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_by_the_protocol(call, shell):
    code, out, _ = call("completion", shell)
    assert code == 0 and f"_LRARUN_COMPLETE={shell}_complete" in out and "lrarun" in out
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=out, text=True, check=True)


def test_another_shell_is_refused(call):
    assert call("completion", "tcsh").code == 2


@pytest.fixture
def environment(folder):
    """What a shell starts with: the program on its PATH, and nobody's start-up files."""
    program = folder / "bin" / "lrarun"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lrarun "$@"\n')
    program.chmod(0o755)
    return os.environ | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
    }


def run(command, environment, script):
    return subprocess.run(
        command, input=script, text=True, capture_output=True, check=True, env=environment, timeout=60
    ).stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize("words, expected", REAL)
def test_bash_completes(environment, words, expected):
    *_, before, last = ["", *words]
    script = f"""
        eval "$(lrarun completion bash)"
        COMP_WORDS=({shlex.join(["lrarun", *words])}); COMP_CWORD={len(words)}
        _lrarun_completion lrarun {shlex.quote(last)} {shlex.quote(before)}; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert run(["bash", "--norc"], environment, script).split() == expected


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
@pytest.mark.parametrize("words, expected", REAL)
def test_fish_completes(environment, words, expected):
    script = f"lrarun completion fish | source; complete -C {shlex.quote(' '.join(['lrarun', *words]))}"
    offers = run(["fish", "--no-config"], environment, script).splitlines()
    assert sorted(offer.partition("\t")[0] for offer in offers) == sorted(expected)


def test_the_words_of_fish_s_script_that_cut_at_commas_are_still_there_to_be_replaced(call):
    assert ALL_COMMAS[1] in call("completion", "fish").out


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
def test_fish_shows_explanations_whole(environment):
    data = cli.get_command(None, "data").get_short_help_str()
    (rule,) = [entry.summary for entry in entries("algorithms") if entry.name == "lra-e"]
    assert "," in data and "," in rule, "which is where they were cut"
    script = "lrarun completion fish | source; complete -C 'lrarun data'; complete -C 'lrarun describe lra'"
    assert run(["fish", "--no-config"], environment, script).splitlines() == [f"data\t{data}", f"lra-e\t{rule}"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
@pytest.mark.parametrize("words, expected", REAL)
def test_zsh_completes(environment, words, expected):
    """Its own completion system, asked for what it would put after the words."""
    script = f"""
        autoload -Uz compinit; compinit -D -u
        eval "$(lrarun completion zsh)"
        (( $+_comps[lrarun] )) || exit 1
        compadd() {{ print -l -- "${{(@P)@[-1]}}" }}
        _describe() {{ print -l -- "${{(@P)@[-2]%%:*}}" }}
        words=({shlex.join(["lrarun", *words])}); CURRENT={1 + len(words)}
        $_comps[lrarun]
    """
    assert run(["zsh", "-f"], environment, script).split() == expected


def shown_until(terminal, text, seconds=30.0):
    """What a terminal shows, until it shows the text."""
    shown, end = "", time.monotonic() + seconds
    while text not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh_completes_at_its_prompt(environment):
    ours, theirs = pty.openpty()
    zsh = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        start = 'autoload -Uz compinit; compinit -D -u; eval "$(lrarun completion zsh)"; print RE""ADY'
        os.write(ours, f"{start}\n".encode())
        assert "READY" in shown_until(ours, "READY")
        os.write(ours, b"lrarun train experi\t")
        assert "experiments/table1.yaml" in shown_until(ours, "experiments/table1.yaml")
    finally:
        zsh.kill()
        zsh.wait()
        os.close(ours)
