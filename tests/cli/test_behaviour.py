"""What holds for every command: colour, how much is said, pipes that close, help."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

from lrarun.cli import COMMANDS, cli
from lrarun.cli.support.global_options import ClosedPipeTolerant
from tests.support.synthetic import synthetic_dataset

ROOT = Path(__file__).parent.parent.parent
ESCAPE = "\x1b["


def walk(command, name):
    """(name, command) of a command and all below it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from walk(command.get_command(context, each), f"{name} {each}")


EVERY = dict(walk(cli, "lrarun"))


def help_of(name, width=100):
    return EVERY[name].get_help(click.Context(EVERY[name], info_name=name, color=False, terminal_width=width))


def environment(**changes):
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("LRARUN_") and key not in ("NO_COLOR", "FORCE_COLOR")
    }
    return clean | {"PYTHONPATH": str(ROOT), "TERM": "xterm"} | changes


def lrarun(*arguments, **how):
    return subprocess.Popen(
        [sys.executable, "-m", "lrarun", *arguments],
        text=True,
        **{"env": environment(), "stderr": subprocess.PIPE, **how},
    )


@pytest.mark.parametrize("name", EVERY)
def test_help_shows_examples_before_options(name):
    page = help_of(name)
    assert 0 < page.index("Examples:") < page.index("Options:")
    assert all(param.help for param in EVERY[name].params if isinstance(param, click.Option))


@pytest.mark.parametrize("name", EVERY)
def test_help_fits_an_ordinary_terminal(name):
    assert max(map(len, help_of(name, width=80).splitlines())) <= 80


@pytest.mark.parametrize("name", [name for name in EVERY if name != "lrarun"])
def test_no_summary_is_cut_short(name):
    """Neither on the page of the commands nor where a shell completes, which has 45 characters for it."""
    summary = EVERY[name].get_short_help_str()
    assert summary and "..." not in summary


def test_options_from_the_environment_say_so():
    options = [param for command in EVERY.values() for param in command.params if isinstance(param, click.Option)]
    named = [option for option in options if option.envvar]
    assert {option.envvar for option in named} >= {"LRARUN_RESULTS", "LRARUN_DATA_DIR", "LRARUN_COLOR"}
    assert all(option.show_envvar for option in named)


def test_the_help_page_names_every_exit_code_as_the_readme_does():
    readme = dict(re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "README.md").read_text(), re.M))
    assert dict(re.findall(r"^ +(\d+)  +(.*)$", help_of("lrarun"), re.M)) == readme


@pytest.mark.parametrize(
    "arguments, variables, coloured",
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"LRARUN_COLOR": "always"}, True),
        ([], {"LRARUN_COLOR": "always", "NO_COLOR": "1"}, True),
        (["--color", "never"], {"LRARUN_COLOR": "always"}, False),
    ],
)
def test_colour_off_a_terminal(call, monkeypatch, arguments, variables, coloured):
    call("--version")  # only now is the environment clean
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (ESCAPE in call(*arguments, "list").out) == coloured
    assert (ESCAPE in call("list", *arguments).out) == coloured


@pytest.mark.parametrize(
    "arguments, variables, coloured",
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),  # no-color.org: set and not empty
        ([], {"TERM": "dumb"}, False),
        (["--color", "never"], {}, False),
        (["--color", "auto"], {"NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_on_a_terminal(arguments, variables, coloured):
    ours, theirs = pty.openpty()
    process = lrarun("list", "probes", *arguments, stdout=theirs, env=environment(**variables))
    process.wait(60)
    os.close(theirs)
    shown = os.read(ours, 10000).decode()
    os.close(ours)
    assert "Probes" in shown
    assert (ESCAPE in shown) == coloured


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a small data set and a spec for it."""
    data = synthetic_dataset(samples=300, pixels=64)
    arrays = {name: getattr(data, name) for name in ("train_images", "train_labels", "test_images", "test_labels")}
    np.savez(tmp_path / "own.npz", **arrays)
    spec = {"dataset": "own.npz", "depth": 1, "width": 8, "epochs": 2, "validation": 50, "algorithm": "lra-e"}
    (tmp_path / "one.yaml").write_text(json.dumps(spec))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def closed_pipe():
    """A pipe's end to write to whose other end is closed already."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"], ["describe", "--help"]])
def test_output_that_nobody_reads_is_no_error(arguments):
    process = lrarun(*arguments, stdout=closed_pipe())
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)


def test_a_run_does_not_fail_because_nobody_listens(folder):
    process = lrarun("train", "one.yaml", stderr=closed_pipe())
    process.communicate(timeout=60)
    (run,) = (folder / "results").glob("*/run.json")
    assert (process.returncode, json.loads(run.read_text())["state"]) == (0, "finished")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_does_not_fit_is_an_error():
    with open("/dev/full", "w") as full:
        process = lrarun("list", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "No space left" in err and "Traceback" not in err


def test_a_forgiving_stream_is_otherwise_the_stream(tmp_path):
    with open(tmp_path / "text", "w") as file:
        stream = ClosedPipeTolerant(file)
        assert stream.write("hello") == 5
        stream.flush()
        assert stream.fileno() == file.fileno() and stream.encoding == file.encoding
    assert (tmp_path / "text").read_text() == "hello"


def test_quiet_before_or_after_the_command_says_only_what_went_wrong(call, folder):
    loud = call("validate", "one.yaml")
    assert loud.out
    assert call("validate", "one.yaml", "--quiet").out == call("-q", "validate", "one.yaml").out == ""
    assert call("-q", "train", "one.yaml") == (0, "", "")
    assert "valid" in call("-q", "validate", "none.yaml").err


def test_verbose_says_what_is_found_where(call, machine):
    from tests.support.tiny_data import contents, write

    folder = write(machine / "cache" / "mnist", contents())
    assert str(folder) in call("data", "list", "-v").err
    assert str(folder) in call("-v", "data", "list").err
    assert call("data", "list").err == ""


def test_a_bug_is_one_message_and_with_verbose_a_traceback(monkeypatch, call):
    def broken(*_):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("lrarun.specs.catalogue.entries", broken)
    code, out, err = call("list")
    assert (code, out) == (1, "") and "ZeroDivisionError: of all things" in err and "Traceback" not in err
    with pytest.raises(ZeroDivisionError):
        cli.main(["-v", "list"], standalone_mode=False)


@pytest.mark.parametrize("words, close", [(["tabel"], "table"), (["data", "fecth"], "fetch"), (["qqqq"], "")])
def test_a_mistyped_command_is_met_with_the_nearest(call, words, close):
    code, out, err = call(*words)
    assert (code, out) == (2, "") and f"No such command '{words[-1]}'" in err
    assert ("Did you mean" in err) == bool(close) and f"{close}" in err


def test_every_command_is_one_that_loads():
    assert {name.split()[1] for name in EVERY if name != "lrarun"} == set(COMMANDS)
