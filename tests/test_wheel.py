"""The wheel as a user has it: built, installed beside nothing but its dependencies, used from an empty folder."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from lrarun.cli import COMMANDS
from lrarun.report.cells import COLUMNS
from tests.support.shown import follow
from tests.test_packaging import ROOT, copy_of_the_source

pytest.importorskip("setuptools", "70.1" if importlib.util.find_spec("wheel") is None else None)
pytestmark = pytest.mark.slow


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from an unpacked source archive, without a network."""
    place = tmp_path_factory.mktemp("wheel")
    copy_of_the_source(place / "checkout")
    python(["setup.py", "sdist", "--dist-dir", place], place / "checkout")
    (archive,) = place.glob("*.tar.gz")
    shutil.unpack_archive(archive, place / "unpacked")
    (source,) = (place / "unpacked").iterdir()
    python(["-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", place, "."], source)
    (built,) = place.glob("*.whl")
    return built


def python(arguments, cwd):
    """Runs Python without a path of its own: to pip, an unpacked source archive on it would be an installed lrarun."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [sys.executable, *map(str, arguments)]
    done = subprocess.run(words, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A virtual environment with the wheel, and this one's other packages by a path: no editable install counts there.

    Python reads the .pth files of its own site-packages alone, and those of an editable lrarun lie in this one's.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": folder, "platbase": folder}))
    pip = ["-m", "pip", f"--python={folder}/bin/python"]
    python([*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel], folder)
    (own / "dependencies.pth").write_text("\n".join([*site.getsitepackages(), sysconfig.get_path("purelib")]))
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An empty home for all commands, so that the reference results are unpacked once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def lrarun(environment, home, tmp_path, monkeypatch):
    """Runs the installed command in an empty folder, with nothing from this project's environment."""
    (tmp_path / "empty").mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LRARUN", "PYTHON", "XDG", "COV"))}
    own |= {"HOME": str(home), "PATH": f"{environment}/bin:{own['PATH']}", "COLUMNS": "100"}

    def run(*arguments):
        words = [environment / "bin" / "lrarun", *map(str, arguments)]
        done = subprocess.run(words, cwd=tmp_path / "empty", env=own, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    run.folder, run.environment = tmp_path / "empty", own
    return run


def test_the_wheel_holds_what_the_project_ships(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = [*(ROOT / "experiments").rglob("*.yaml"), *(ROOT / "docs").glob("*.md")]
    assert {f"lrarun/shipped/{path.relative_to(ROOT).as_posix()}" for path in shipped} <= names
    assert "lrarun/shipped/experiments/angle/transposed.py" in names
    assert [name for name in names if "reference" in name] == ["lrarun/shipped/reference.tar.xz"], "no folders"
    assert wheel.stat().st_size < 8e6


def test_the_package_that_runs_is_the_installed_one(lrarun, environment):
    code = "import lrarun; print(lrarun.__file__); print(lrarun.reference())"
    words = [environment / "bin" / "python", "-c", code]
    printed = subprocess.run(words, cwd=lrarun.folder, env=lrarun.environment, capture_output=True, text=True).stdout
    package, reference = printed.splitlines()
    assert package.startswith(str(environment)) and str(ROOT) not in reference


def test_the_reference_tables_are_those_of_the_checkout(lrarun, call):
    here = call("table", "--format", "csv", "--reference")
    there = lrarun("table", "--format", "csv", "--reference")
    assert there.out == here.out and there.code == here.code
    rows = list(csv.DictReader(io.StringIO(there.out)))
    assert list(rows[0]) == list(COLUMNS) and len(rows) == 48 and any(row["test_error"] for row in rows)


@pytest.mark.parametrize("words", [("claims", "--format", "json"), ("export",)])
def test_what_else_is_read_of_the_reference_results_is_the_same(lrarun, call, words):
    """Claims read predictions, export reads logs."""
    here, there = call(*words, "--reference"), lrarun(*words, "--reference")
    assert (there.code, there.out) == (here.code, here.out) and there.out


def test_one_run_and_how_all_stand(lrarun):
    run_id = lrarun("export", "--runs", "--reference").out.splitlines()[1].partition(",")[0]
    shown = json.loads(lrarun("show", run_id, "--reference", "--json").out)
    assert shown["run_id"] == run_id and len(shown["log"]) == shown["epoch"] > 0
    states = json.loads(lrarun("status", "--reference", "--json").out)
    assert {each["state"] for each in states} <= {"finished", "diverged"} and states


def test_the_report_and_the_figures(lrarun):
    done = lrarun("report", "--reference")
    assert done.code in (0, 4) and done.out == "report.html\n"
    page = (lrarun.folder / "report.html").read_text(encoding="utf-8")
    assert "LRA-E" in page and str(ROOT) not in page
    if importlib.util.find_spec("matplotlib") is not None:
        done = lrarun("figure", "1a", "--reference", "--format", "svg")
        assert done.out == "reference-figures/figure-1a.svg\n" and (lrarun.folder / done.out.strip()).is_file()
        lrarun("report", "--reference", "--out", "with.html")
        assert "<figure" in (lrarun.folder / "with.html").read_text(encoding="utf-8")
    else:
        assert re.search(r"pip install .*matplotlib>=", lrarun("figure", "1a", "--reference").err)


def test_shipped_specs_by_their_names(lrarun):
    listed = {entry["name"] for entry in json.loads(lrarun("list", "experiments", "--json").out)["experiments"]}
    files = (path.relative_to(ROOT / "experiments") for path in (ROOT / "experiments").rglob("*.yaml"))
    assert listed == {path.with_suffix("").as_posix() for path in files}
    assert lrarun("validate", "quick", "table1") == (0, "quick: valid, 7 runs\ntable1: valid, 21 runs\n", "")
    described = lrarun("describe", "table1")
    assert described.code == 0 and "lrarun train table1" in described.out
    planned = lrarun("train", "table1", "--dry-run")
    assert planned.code == 0 and "21 of 21 to train" in planned.out
    assert lrarun("train", "experiments/table1.yaml", "--dry-run").out == planned.out


def test_the_readme_can_be_followed(environment, tmp_path):
    """What stands under pip install, and the first experiment, on small data."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.findall(r"^ {4}(lrarun [^#\n]*?) *(?:#.*)?$", page.partition("## Example")[0], re.MULTILINE)
    assert first[0] == "lrarun table --reference" and "lrarun train quick" in first
    shown = "".join(f"$ {command}\n" for command in first)
    commands = follow(f"```console\n{shown}```\n\n{page}", tmp_path / "work", installed=environment / "bin" / "python")
    assert len(commands) > len(first) + 3
    for command in commands:
        assert command.code == command.expected, f"$ {command.text}\n{command.output}"


def test_a_shipped_rule_is_trained_by_its_name(lrarun):
    assert "needs --plugin angle/transposed.py\n" in lrarun("train", "angle/transposed", "--dry-run").err
    planned = lrarun("train", "angle/transposed", "--dry-run", "--plugin", "angle/transposed.py")
    assert planned.code == 0 and "8 of 8 to train" in planned.out


def test_pages_are_there(lrarun):
    assert lrarun("docs", "verdicts").out == (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("table",), ("claims",), ("report",)])
def test_who_has_no_runs_is_told_of_those_that_are_shipped(lrarun, words):
    done = lrarun(*words)
    assert done.code == 4 and f"lrarun {words[0]} --reference\n" in done.err


# What is of use in a checkout alone: its files, its Makefile, an editable install.
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
OF_A_CHECKOUT = re.compile(
    rf"experiments/\w|results/reference|docs/\w+\.md|\bmake ({'|'.join(TARGETS)})\b|pip install -e|repository"
)
HELP = ["--help", *(f"{name} --help" for name in COMMANDS)]


@pytest.mark.parametrize("line", ["list", "docs", "table", "claims", "status", "describe rfa", "doctor"])
def test_no_advice_is_for_a_checkout(lrarun, line):
    done = lrarun(*line.split())
    assert not OF_A_CHECKOUT.search(done.out + done.err)


@pytest.mark.parametrize("line", HELP)
def test_no_help_is_for_a_checkout(call, line):
    assert not OF_A_CHECKOUT.search(call(*line.split()).out)


def test_the_command_of_an_extra_is_one_that_pip_takes(lrarun):
    from packaging.requirements import Requirement

    code = "from lrarun.errors import requirements; print(*requirements('plots'), sep=chr(10))"
    words = [Path(lrarun.environment["PATH"].partition(":")[0]) / "python", "-c", code]
    printed = subprocess.run(words, cwd=lrarun.folder, env=lrarun.environment, capture_output=True, text=True).stdout
    assert {Requirement(line).name for line in printed.splitlines()} == {"matplotlib", "scikit-learn"}
