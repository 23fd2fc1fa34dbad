"""The Makefile's set-up and its handling of failures, with stand-ins for Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Writes its arguments into a file beside it, and exits with the code that CODES names for the command.
STAND_IN = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$3 $4" in "fair --todo") cat "$(dirname "$0")/todo" 2>/dev/null ;; esac
case "$3" in train) exit {train} ;; table) exit {table} ;; claims) exit {claims} ;; *) exit 0 ;; esac
"""


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs make as from a terminal, whatever this test's own make has put into the environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    own = {"PYTHON", "VENV", "RESULTS", "QUICK", "JOBS", "SEEDS", "FIGURES", "ARGS"}
    clean = {name: value for name, value in inherited.items() if name not in own}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=clean | environment)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def installed(folder: Path, train: int = 0, table: int = 0, claims: int = 0) -> Path:
    """A virtual environment that counts as installed and whose Python is a stand-in."""
    script(folder / "bin" / "python", STAND_IN.format(train=train, table=table, claims=claims))
    for stamp in (".created", ".installed", ".installed-dev", ".installed-plots", ".installed-tune"):
        (folder / stamp).touch()
    return folder


def calls(venv: Path) -> list[str]:
    recorded = venv / "bin" / "calls"
    return recorded.read_text().splitlines() if recorded.exists() else []


def test_help_is_the_default_and_names_every_target():
    shown = make()
    assert shown.returncode == 0
    assert all(f"  {target} " in shown.stdout for target in ("help", "reproduce", "test", "lint", "clean"))


def test_without_an_environment_one_is_made_and_filled(tmp_path):
    planned = make("-n", "test", f"VENV={tmp_path / 'venv'}").stdout
    assert planned.index("-m venv") < planned.index("pip install") < planned.index("-m pytest")


@pytest.mark.parametrize("target", ["test", "reproduce"])
def test_a_second_call_sets_nothing_up(tmp_path, target):
    planned = make("-n", target, f"VENV={installed(tmp_path)}").stdout
    assert "pip" not in planned
    assert "venv " not in planned
    assert "lrarun" in planned or "pytest" in planned


def test_the_install_is_repeated_when_its_inputs_change(tmp_path):
    venv = installed(tmp_path)
    old = (ROOT / "setup.cfg").stat().st_mtime - 10
    os.utime(venv / ".installed-dev", (old, old))
    planned = make("-n", "test", f"VENV={venv}").stdout
    assert "pip install" in planned
    assert "-m venv" not in planned


def test_python_that_is_too_old_is_refused_with_its_version(tmp_path):
    old = script(tmp_path / "old-python", "#!/bin/sh\necho 3.9\nexit 1\n")
    refused = make("test", f"VENV={tmp_path / 'venv'}", f"PYTHON={old}")
    assert refused.returncode != 0
    assert f"needs Python 3.11 or newer; {old} is 3.9" in refused.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_not_there_is_named(tmp_path):
    refused = make("test", f"VENV={tmp_path / 'venv'}", f"PYTHON={tmp_path / 'nowhere'}")
    assert refused.returncode != 0
    assert "no Python that runs" in refused.stderr


def test_no_python_at_all(tmp_path):
    script(tmp_path / "bin" / "sh", '#!/bin/sh\nexec /bin/sh "$@"\n')
    make_path = subprocess.run(["sh", "-c", "command -v make"], capture_output=True, text=True).stdout.strip()
    (tmp_path / "bin" / "make").symlink_to(make_path)
    refused = make("test", f"VENV={tmp_path / 'venv'}", PATH=str(tmp_path / "bin"))
    assert refused.returncode != 0
    assert "none is on the PATH" in refused.stderr


def test_a_python_without_venv_is_refused_with_the_package_to_install(tmp_path):
    bare = script(tmp_path / "bare-python", '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; *) echo 3.11 ;; esac\n')
    refused = make("test", f"VENV={tmp_path / 'venv'}", f"PYTHON={bare}")
    assert refused.returncode != 0
    assert "python3.11-venv" in refused.stderr


def test_a_failed_install_leaves_no_stamp_and_says_what_to_do(tmp_path):
    venv = tmp_path / "venv"
    script(venv / "bin" / "python", "#!/bin/sh\nexit 1\n")
    (venv / ".created").touch()
    failed = make("test", f"VENV={venv}")
    assert failed.returncode != 0
    assert "PIP_INDEX_URL" in failed.stderr
    assert not list(venv.glob(".installed*"))


def test_reproduce_trains_and_then_prints(tmp_path):
    venv = installed(tmp_path)
    done = make("reproduce", "QUICK=1", f"VENV={venv}", "RESULTS=out")
    assert done.returncode == 0
    assert "lrarun report --spec experiments/quick.yaml --results out" in done.stderr
    assert "make reproduce" in done.stderr and "lrarun" not in done.stdout
    assert calls(venv) == [
        "-m lrarun train experiments/quick.yaml --results out",
        "-m lrarun table 1 --spec experiments/quick.yaml --results out",
    ]


@pytest.mark.parametrize(("train", "goes_on"), [(0, True), (3, True), (2, False), (130, False)])
def test_fair_does_what_is_left_and_prints_the_table(tmp_path, train, goes_on):
    venv = installed(tmp_path, train=train)
    (tmp_path / "bin" / "todo").write_text(
        "lrarun tune 'a b.yaml' --results r\nlrarun train w.yaml\nlrarun tune c.yaml\n"
    )
    done = make("fair", "JOBS=2", "RESULTS=r", f"VENV={venv}")
    expected = ["fair --todo --results r/fair", "tune a b.yaml --results r --jobs 2", "train w.yaml --jobs 2"]
    assert (done.returncode == 0) == goes_on
    assert calls(venv) == [
        f"-m lrarun {words}" for words in [*expected, *["tune c.yaml --jobs 2", "fair --results r/fair"] * goes_on]
    ]


FIGURES = [f"-m lrarun figure {name} --results results" for name in ("1a", "1b", "2", "3")]


def test_reproduce_in_full_names_the_three_tables_and_draws_and_checks(tmp_path):
    venv = installed(tmp_path)
    assert make("reproduce", "QUICK=0", f"VENV={venv}").returncode == 0
    train = "-m lrarun train " + " ".join(f"experiments/table{n}.yaml" for n in (1, 2, 3)) + " experiments/figure1.yaml"
    assert [" ".join(call.split()) for call in calls(venv)] == [
        f"{train} --results results --dry-run",
        f"{train} --results results",
        "-m lrarun table --results results",
        *FIGURES,
        "-m lrarun claims --results results",
    ]


def test_the_runs_of_figure_3_are_trained_when_asked_for(tmp_path):
    venv = installed(tmp_path)
    assert make("reproduce", "FIGURES=1", f"VENV={venv}").returncode == 0
    assert "experiments/figure3.yaml" in calls(venv)[1]


def test_every_seed_is_trained_by_one_command(tmp_path):
    venv = installed(tmp_path)
    assert make("reproduce", "SEEDS=3 4", "JOBS=7", f"VENV={venv}").returncode == 0
    assert "--set sweep.seed=[3,4]" in calls(venv)[1] and "--jobs 7" in calls(venv)[1]


ALL = ["train", "train", "table", "figure", "figure", "figure", "figure", "claims"]


@pytest.mark.parametrize(
    ("train", "table", "claims", "expected", "commands"),
    [
        (0, 4, 4, 4, ALL),  # cells are missing
        (3, 4, 4, 3, ALL),  # a run failed: what there is is printed all the same
        (3, 0, 0, 3, ALL),
        (0, 0, 5, 0, ALL),  # a claim that fails is a result
        (0, 0, 1, 1, ALL),
        (2, 0, 0, 2, ALL[:2]),  # a mistake in the spec
        (130, 0, 0, 130, ALL[:2]),  # interrupted
    ],
)
def test_reproduce_fails_with_what_it_calls(tmp_path, train, table, claims, expected, commands):
    venv = installed(tmp_path, train, table, claims)
    done = make("reproduce", f"VENV={venv}")
    assert (done.returncode != 0) == (expected != 0)
    assert not expected or f"Error {expected}" in done.stderr
    assert [call.split()[2] for call in calls(venv)] == commands


def test_the_readme_page_tool_replaces_what_is_between_the_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- table:begin -->\n\nold\n\n<!-- table:end -->\nbelow\n")
    tool = [sys.executable, ROOT / "maintenance" / "readme_table.py", page]
    subprocess.run(tool, input="| a |\n|---|\n", text=True, check=True)
    expected = "above\n<!-- table:begin -->\n\n| a |\n|---|\n\n<!-- table:end -->\nbelow\n"
    assert page.read_text() == expected
    assert subprocess.run(tool, input="", text=True, capture_output=True).returncode != 0
    assert page.read_text() == expected
