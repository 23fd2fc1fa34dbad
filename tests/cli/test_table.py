"""``lrarun table`` as a user calls it: what it prints, says and exits with."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lrarun.cli import main
from lrarun.paper import Key, printed_cells
from lrarun.specs.paper_runs import paper_specs
from tests.support.fabricate import write_all, write_run

ROOT = Path(__file__).parent.parent.parent
BACKPROP = Key("mnist", "Backprop", 3, "sgd")


def spec_of(key, seed=0, **settings):
    """What really is the paper's protocol for an experiment."""
    return paper_specs([key])[key] | {"seed": seed} | settings


@pytest.fixture
def lrarun(capsys, monkeypatch):
    """Calls the command line; gives its exit code, stdout and stderr."""
    monkeypatch.delenv("LRARUN_RESULTS", raising=False)

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return end.value.code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A results folder with all 46 runs finished."""
    folder = tmp_path_factory.mktemp("results")
    write_all(folder, spec_of=spec_of)
    return folder


@pytest.fixture
def spec_file(tmp_path):
    def write(text):
        path = tmp_path / "my.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "layout, mark",
    [
        ("text", "2.00† (3.02)"),
        ("markdown", "2.00† (3.02)"),
        ("latex", r"2.00$^\dagger$ (3.02)"),
        ("csv", ""),
        ("json", ""),
    ],
)
@pytest.mark.parametrize("version", [0, 1])
def test_runs_that_todays_version_would_not_make_the_same_are_marked(lrarun, tmp_path, layout, mark, version):
    write_run(tmp_path, spec_of(BACKPROP), test_error=2.0, train_error=0.5, numbers_version=version)
    _, out, err = lrarun("table", "1", "--results", tmp_path, "--format", layout)
    stale = "stale: 1 run in these cells (made by version 0 of the numbers, which is 1 now)" in err
    assert stale == (version == 0)
    assert (mark in out and "Stale: would not come out" in out if mark else "†" not in out) or version == 1
    assert "†" not in out and "dagger" not in out or version == 0


def test_a_complete_set_of_results_exits_0_and_says_nothing_else(lrarun, everything):
    code, out, err = lrarun("table", "--results", everything)
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith("Table")] == [
        "Table 1. MNIST: error in percent",
        "Table 2. Fashion-MNIST: error in percent",
        "Table 3. LRA-E with three optimizers, 3 layers: error in percent",
    ]


@pytest.mark.parametrize("compare", [(), ("--compare",)])
def test_in_a_terminal_it_fits_and_in_a_file_it_is_whole(lrarun, everything, monkeypatch, compare):
    monkeypatch.setenv("COLUMNS", "80")
    _, whole, _ = lrarun("table", "--results", everything, *compare)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, fitted, _ = lrarun("table", "--results", everything, *compare)
    assert max(map(len, fitted.splitlines())) <= 80 < max(map(len, whole.splitlines()))


@pytest.mark.parametrize("number, rows", [("1", 21), ("2", 21), ("3", 6)])
def test_csv_of_one_table_has_its_rows(lrarun, everything, number, rows):
    code, out, _ = lrarun("table", number, "--format", "csv", "--results", everything)
    records = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert len(records) == rows and {record["table"] for record in records} == {number}
    assert all(record["test_error"] == record["paper_test_error"] for record in records)


def test_the_folder_can_come_from_the_environment(lrarun, everything, monkeypatch):
    monkeypatch.setenv("LRARUN_RESULTS", str(everything))
    assert lrarun("table", "1")[0] == 0


def test_no_results_are_all_missing_and_exit_4(lrarun, tmp_path):
    code, out, err = lrarun("table", "1", "--results", tmp_path / "none")
    assert code == 4
    assert out.count("missing") == 21
    assert err.startswith("lrarun: 21 of 21 cells") and "lrarun train table1" in err
    assert len(err.splitlines()) == 2 and err.endswith("lrarun table 1 --reference\n")


@pytest.mark.parametrize("layout", ["text", "markdown", "latex", "csv", "json"])
def test_an_unfinished_run_exits_4_in_every_format(lrarun, tmp_path, layout):
    write_all(tmp_path, spec_of=spec_of)
    write_run(tmp_path, spec_of(BACKPROP, seed=1), "running", epoch=34)
    code, out, err = lrarun("table", "--results", tmp_path, "--format", layout)
    assert code == 4 and "1 of 48 cells" in err
    assert out


def test_other_settings_are_named_on_stderr_and_not_averaged(lrarun, tmp_path):
    write_all(tmp_path, spec_of=spec_of)
    _, before, _ = lrarun("table", "--results", tmp_path, "--format", "csv")
    folder = write_run(tmp_path, spec_of(BACKPROP, epochs=1), test_error=50.0, train_error=50.0)
    code, out, err = lrarun("table", "--results", tmp_path, "--format", "csv")
    assert (code, out) == (0, before)
    assert "left out: 1 run " in err and "epochs 1 instead of 100" in err and "--spec" not in err
    (folder / "spec.yaml").write_text(json.dumps(spec_of(BACKPROP, epochs=1)))
    assert f"--spec {folder / 'spec.yaml'}" in lrarun("table", "--results", tmp_path)[2]
    (folder / "spec.yaml").write_text(json.dumps(spec_of(BACKPROP, epochs=2)))
    assert "--spec" not in lrarun("table", "--results", tmp_path)[2], "of another run"
    # Of no concern to a table that the run is not of.
    assert lrarun("table", "2", "--results", tmp_path)[2] == ""


def test_a_spec_fills_its_own_cells(lrarun, tmp_path, spec_file):
    write_run(tmp_path, spec_of(BACKPROP, epochs=1), test_error=8.0, train_error=9.0)
    write_run(tmp_path, spec_of(BACKPROP), test_error=2.0, train_error=1.0)
    file = spec_file("{algorithm: backprop, epochs: 1}")
    code, out, _ = lrarun("table", "--spec", file, "--results", tmp_path)
    assert code == 0
    assert "8.00 (3.02)" in out and "2.00 (3.02)" not in out and "missing" not in out
    assert "Table 2" not in out
    code, out, _ = lrarun("table", "--spec", file, "--set", "epochs=100", "--results", tmp_path)
    assert code == 0 and "2.00 (3.02)" in out


def test_only_what_a_spec_covers_can_be_missing(lrarun, tmp_path, spec_file):
    write_run(tmp_path, spec_of(BACKPROP, epochs=1), test_error=8.0, train_error=9.0)
    file = spec_file("{algorithm: backprop, epochs: 1, sweep: {seed: [0, 1]}}")
    code, out, err = lrarun("table", "--spec", file, "--results", tmp_path)
    assert code == 4 and "1 of 1 cell " in err and f"lrarun train {file}" in err
    assert "8.00* (3.02)" in out
    code, out, _ = lrarun("table", "--spec", file, "--results", tmp_path, "--format", "json")
    assert code == 4 and len(json.loads(out)) == 48


def test_a_comparison_without_a_printed_number_says_what_is_not_the_papers(lrarun, tmp_path, spec_file):
    spec = spec_of(Key("mnist", "Backprop", 1, "sgd"), epochs=1)
    write_run(tmp_path / "results", spec, test_error=9.0)
    file = spec_file("{algorithm: backprop, depth: 1, epochs: 1}")
    for layout in ("text", "markdown", "latex"):
        _, out, _ = lrarun("table", "--spec", file, "--results", tmp_path / "results", "--compare", "--format", layout)
        assert "9.00" in out and "epochs 1 instead of 100" in " ".join(out.split())
        assert not re.search(r"(\s|\. ?)\. ", out)


def test_several_spec_files_fill_one_table(lrarun, tmp_path):
    write_run(tmp_path, spec_of(BACKPROP, epochs=1), test_error=8.0, train_error=9.0)
    write_run(tmp_path, spec_of(BACKPROP._replace(model="RFA"), epochs=2), test_error=7.0, train_error=9.0)
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    files[0].write_text("{algorithm: backprop, epochs: 1}")
    files[1].write_text("{algorithm: rfa, epochs: 2}")
    code, out, _ = lrarun("table", "--spec", files[0], "--spec", files[1], "--results", tmp_path)
    assert code == 0 and "8.00 (3.02)" in out and "7.00 (3.13)" in out


@pytest.mark.parametrize(
    "text, arguments, said",
    [
        ("{algorithm: backprop, sweep: {epochs: [1, 2]}}", [], "epochs 2 instead of 1"),
        ("{algorithm: backprop, epochs: 1}", ["2"], "Table 2"),
        ("{algorithm: backprop, epoch: 1}", [], "epochs"),
        ("{algorithm: backprop, scores: validation}", [], "test errors, which runs with scores: validation never get"),
    ],
)
def test_what_cannot_be_meant_exits_2_and_prints_no_table(lrarun, tmp_path, spec_file, text, arguments, said):
    code, out, err = lrarun("table", *arguments, "--spec", spec_file(text), "--results", tmp_path)
    assert (code, out) == (2, "")
    assert said in err and "Traceback" not in err


@pytest.mark.parametrize("arguments", [["4"], ["--format", "xml"], ["--set", "epochs=1"]])
def test_wrong_usage_exits_2(lrarun, arguments):
    code, out, err = lrarun("table", *arguments)
    assert (code, out) == (2, "") and err


def test_an_eighth_rule_appears_by_itself(tmp_path):
    """In a process of its own: the registry keeps what it has found."""
    program = """
import sys, dataclasses
from typing import ClassVar
from lrarun.algorithms import registry as algorithms
from lrarun.algorithms.backprop import Backprop

@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(Backprop):
    name: ClassVar[str] = "mine"
    title: ClassVar[str] = "Mine, all mine"

known = algorithms.algorithms()
known["mine"] = Mine
from pathlib import Path
from lrarun.paper import Key
from tests.cli.test_table import spec_of
from tests.support.fabricate import write_all, write_run
results = Path(sys.argv[1])
write_all(results, spec_of=spec_of)
key = Key("mnist", "Mine, all mine", 3, "sgd")
write_run(results, spec_of(key), test_error=1.25, train_error=0.5)
write_run(results, spec_of(key, epochs=1), test_error=99.0, train_error=99.0)
from lrarun.cli import main
main(["table", "--format", "csv", "--results", str(results)])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    extra = [row for row in rows if row["model"] == "Mine, all mine"]
    assert len(rows) == 49 and len(extra) == 1
    assert extra[0]["table"] == "1" and extra[0]["test_error"] == "1.25" and extra[0]["paper_test_error"] == ""
    assert "epochs 1 instead of 100" in done.stderr


def test_what_is_not_installed_has_no_protocol():
    keys = [BACKPROP, BACKPROP._replace(model="Uninstalled"), BACKPROP._replace(optimizer="uninstalled")]
    assert list(paper_specs(keys)) == [BACKPROP]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_experiments_hold_the_papers_runs(number):
    """Each table's spec file trains exactly the runs that its cells take, once each."""
    from lrarun.report.repetitions import settings
    from lrarun.specs.build import load_specs

    keys = [cell.key for cell in printed_cells() if cell.table == number]
    specs = load_specs(ROOT / "experiments" / f"table{number}.yaml")
    assert sorted(map(repr, (sorted(map(str, settings(spec.to_dict()))) for spec in specs))) == sorted(
        map(repr, (sorted(map(str, settings(spec))) for spec in paper_specs(keys).values()))
    )
    assert len(specs) == len(keys)


def test_the_three_tables_are_46_runs():
    from lrarun.specs.build import load_specs

    ids = [spec.run_id for n in (1, 2, 3) for spec in load_specs(ROOT / "experiments" / f"table{n}.yaml")]
    assert len(ids) == 48 and len(set(ids)) == 46


def test_reports_need_no_engine():
    """A table of finished results is made without any module that trains."""
    program = "import sys, lrarun.report.cells, lrarun.report.tables\nprint(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    engine = {f"lrarun.{name}" for name in ("algorithms", "network", "training", "optimizers", "spec")}
    assert not engine & set(modules.stdout.split())
