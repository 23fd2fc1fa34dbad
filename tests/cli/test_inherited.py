"""What a process inherits: closed or full streams, encodings, and variables that other programs set."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lrarun.__main__ import in_ascii
from lrarun.files import write_atomic
from tests.cli.test_behaviour import EVERY, environment
from tests.support.own_rule import RULE
from tests.support.small_runs import spec, write_dataset

# Every command, with arguments that let it do its work on the run of `here`; {} is the run.
COMMANDS = {
    "lrarun": "--help",
    "lrarun train": "train s.yaml --results other",
    "lrarun tune": "tune s.yaml",
    "lrarun fair": "fair",
    "lrarun status": "status",
    "lrarun summary": "summary s.yaml",
    "lrarun clean": "clean",
    "lrarun table": "table 1",
    "lrarun claims": "claims",
    "lrarun figure": "figure 3 --spec s.yaml --out f.png",
    "lrarun report": "report --spec s.yaml",
    "lrarun show": "show {} --plot p.png",
    "lrarun diff": "diff {} {}",
    "lrarun export": "export",
    "lrarun list": "list",
    "lrarun describe": "describe dtp-sigma",
    "lrarun docs": "docs verdicts",
    "lrarun validate": "validate s.yaml",
    "lrarun data": "data --help",
    "lrarun data list": "data list",
    "lrarun data fetch": "data fetch --help",
    "lrarun doctor": "doctor",
    "lrarun bench": "bench --algorithm dfa --depth 1 --images 600 --seconds 0.01 --no-epochs",
    "lrarun completion": "completion bash",
}
STREAMS = ("2>&-", "0<&- 1>&- 2>&-", "2>/dev/full")
NUMBERS = {"lrarun bench", "lrarun doctor"}  # print what they measure


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A working folder with a spec and its finished run."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("here")
    one = spec(write_dataset(folder / "d.npz"), "dtp", epochs=1)
    (folder / "s.yaml").write_text(one.to_yaml())
    assert finish("train s.yaml", folder).returncode == 0
    (folder / "run").write_text(one.run_id)
    return folder


def finish(words, folder, redirected="", **variables):
    """Run a command in a shell."""
    command = f'"{sys.executable}" -m lrarun {words} {redirected}'
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(**variables), capture_output=True, timeout=120
    )


def of(command, here):
    return COMMANDS[command].replace("{}", (here / "run").read_text())


def test_no_command_goes_unseen():
    assert set(COMMANDS) == set(EVERY)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_or_full_stream_changes_neither_the_work_nor_the_exit_code(here, command):
    usual = finish(of(command, here), here)
    assert usual.returncode in (0, 2, 4)
    for streams in STREAMS:
        for file in (*here.glob("*.png"), *here.glob("other/*/run.json")):
            file.unlink()
        done = finish(of(command, here), here, streams)
        assert done.returncode == usual.returncode, (streams, done.stderr)
        if "1>" not in streams and command not in NUMBERS:
            assert done.stdout == usual.stdout
        if command == "lrarun train":
            (record,) = here.glob("other/*/run.json")
            assert json.loads(record.read_text())["state"] == "finished"
        if command in ("lrarun figure", "lrarun show"):
            assert list(here.glob("*.png"))


def test_no_file_gets_the_number_of_a_closed_stream(here):
    """Otherwise what a library says on stderr ends up in it."""
    code = (
        "import os, sys, lrarun.__main__ as main\n"
        "main.open_closed_streams()\n"
        "number = os.open('s.yaml', os.O_RDONLY)\n"
        "assert all(os.get_inheritable(n) for n in (0, 1, 2)) and sys.stdin.read() == ''\n"
        "os._exit(number)"
    )
    for streams in ("0<&-", "2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"):
        done = subprocess.run(
            ["bash", "-c", f'"{sys.executable}" -c "$CODE" {streams}'], cwd=here, env=environment(CODE=code), timeout=60
        )
        assert done.returncode > 2


VARIABLES = [  # several at once, to save time
    {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "COLUMNS": "abc", "TERM": "", "HOME": ""},
    {"MPLBACKEND": "nonsense", "MPLCONFIGDIR": "/proc/none", "MATPLOTLIBRC": "/none", "LC_ALL": "nonsense"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "OPENBLAS_NUM_THREADS": "abc", "COLUMNS": "1"},
    {
        "PYTHONIOENCODING": "ascii",
        "PYTHONWARNINGS": "error",
        "LRARUN_PLUGINS": ":",
        "LRARUN_JOBS": "",
        "LRARUN_RESULTS": "",
    },
]


@pytest.mark.parametrize("variables", VARIABLES, ids=lambda variables: next(iter(variables)))
def test_variables_of_other_programs_stop_nothing(here, variables):
    run = (here / "run").read_text()
    for words in ("train s.yaml", f"show {run} --plot p.png", "figure 3 --spec s.yaml --out f.png"):
        done = finish(words, here, **variables)
        assert done.returncode == 0, (words, done.stderr)


def test_what_an_encoding_lacks_is_printed_in_its_signs(tmp_path):
    encodings = ("utf-8", "ascii")
    codecs.register_error("lrarun", in_ascii)
    assert "1±2 σ 漢".encode("ascii", "lrarun") == b"1+/-2 sigma \\u6f22"
    assert "1±2".encode("latin-1", "lrarun") == "1±2".encode("latin-1")
    page = {each: finish("report --out -", tmp_path, PYTHONIOENCODING=each).stdout for each in encodings[:2]}
    assert page["ascii"] == page["utf-8"] != b""
    for command in ("list --json", "describe dtp-sigma --json"):
        told = {
            encoding: json.loads(finish(command, tmp_path, PYTHONIOENCODING=encoding).stdout)
            for encoding in ("utf-8", "ascii")
        }
        assert told["ascii"] == told["utf-8"]


def test_a_file_name_that_is_no_text_can_be_printed(here):
    name = os.fsencode(here) + b"/\xff.yaml"
    Path(os.fsdecode(name)).write_bytes((here / "s.yaml").read_bytes())
    command = [sys.executable, "-m", "lrarun", "validate", name]
    for encoding in ["utf-8"]:
        done = subprocess.run(
            command, cwd=here, env=environment(PYTHONIOENCODING=encoding), capture_output=True, timeout=60
        )
        assert (done.returncode, done.stdout.startswith(name)) == (0, True)
        done = subprocess.run([*command, "--json"], cwd=here, env=environment(), capture_output=True, timeout=60)
        assert json.loads(done.stdout)[0]["valid"]


def test_a_plugin_that_prints_leaves_stdout_to_the_data(call, plugin):
    plugin("print('hello from the plugin')\n" + RULE)
    code, out, err = call("list", "algorithms", "--json")
    assert code == 0 and "sign-symmetry" in {each["name"] for each in json.loads(out)["algorithms"]}
    assert err == "hello from the plugin\n"


def test_the_temporary_name_of_a_long_name_fits(tmp_path):
    write_atomic(tmp_path / ("x" * 255), "content")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]
