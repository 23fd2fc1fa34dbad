"""What scripts use: ``import lrarun`` and the tables for pandas."""

from __future__ import annotations

import csv
import dataclasses
import doctest
import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lrarun
from lrarun.algorithms import plugins
from lrarun.cli import COMMANDS
from lrarun.errors import Incomplete, SpecError, UsageError
from lrarun.paper import Key
from lrarun.report.cells import COLUMNS
from lrarun.specs.paper_runs import figure_specs
from tests.cli.test_table import spec_of
from tests.support import fabricate
from tests.support.fabricate import spec_for, write_run
from tests.support.own_rule import RULE
from tests.support.small_runs import write_dataset

ROOT = Path(__file__).parent.parent.parent
ROW = {"train_nll": 0.5, "validation_nll": 0.625, "validation_error": 12.5, "seconds": 1.25}


def write_log(folder, rows):
    with open(folder / "log.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def results(tmp_path):
    """Two finished runs of different rules, one with a probe, and one that has just begun."""
    key = Key("mnist", "Backprop", 3, "sgd")
    one = write_run(tmp_path, spec_for(key), test_error=3.25, best_epoch=2)
    write_log(one, [{"epoch": n} | ROW for n in (1, 2)])
    two = write_run(
        tmp_path,
        spec_for(key._replace(model="LRA-E"), seed=7, algorithm={"beta": 0.5}, probes=[{"name": "angle", "every": 2}]),
        test_error=2.5,
    )
    write_log(two, [{"epoch": n, "angle_mean": 30.0} | ROW for n in (1, 2, 3)])
    write_run(tmp_path, spec_for(key, seed=1), "running", epoch=0)
    return tmp_path


def test_importing_the_package_is_light():
    program = (
        "import lrarun, sys; print([m for m in ('numpy', 'pandas', 'yaml', 'pydantic', 'click')"
        " if m in sys.modules], set(lrarun.__all__) <= set(dir(lrarun)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


def test_every_name_it_promises_is_there():
    for name in lrarun.__all__:
        assert getattr(lrarun, name) is not None
    with pytest.raises(AttributeError, match="trian"):
        _ = lrarun.trian


def test_no_name_it_promises_is_that_of_a_subpackage():
    """Importing the subpackage would put it in the name's place."""
    assert not {name for name in lrarun.__all__ if (ROOT / "lrarun" / name).exists()}


def test_runs_are_rows_with_settings_by_the_keys_of_a_sweep(results):
    frame = lrarun.load_results(results).set_index("run_id")
    assert list(frame["algorithm"]) == ["backprop", "lra-e", "backprop"]
    assert frame.loc["run-1", "algorithm.beta"] == 0.5 and np.isnan(frame.loc["run-0", "algorithm.beta"])
    assert frame.loc["run-1", "probes"] == "angle(every=2)"
    assert list(frame["test_error"].fillna(-1)) == [3.25, 2.5, -1]
    assert list(frame["state"]) == ["finished", "finished", "running"]
    assert frame["seed"].dtype == "int64" and frame["best_epoch"].dtype == "Int64"


def test_epochs_are_rows_with_their_runs_settings(results):
    frame = lrarun.load_epochs(str(results))
    assert list(frame["run_id"]) == ["run-0"] * 2 + ["run-1"] * 3
    assert list(frame["epoch"]) == [1, 2, 1, 2, 3]
    assert list(frame["seed"]) == [0, 0, 7, 7, 7]
    assert frame["angle_mean"].isna().tolist() == [True, True, False, False, False]
    assert frame.columns.is_unique
    assert list(frame.columns).index("algorithm.beta") == list(frame.columns).index("algorithm") + 1


def test_logs_that_are_torn_lose_only_the_torn_row(results):
    log = results / "run-1" / "log.csv"
    whole = log.read_text()
    for length in range(len(whole.splitlines()[0]) + 2, len(whole)):
        log.write_text(whole[:length])
        complete = whole[:length].count("\n") - 1
        frame = lrarun.load_epochs(results)
        assert len(frame[frame["run_id"] == "run-1"]) in (complete, complete + 1)
        assert (frame["validation_error"] == 12.5).all() or whole[:length].splitlines()[-1].count(",") == 5


def test_a_run_without_a_log_has_no_epochs(tmp_path):
    write_run(tmp_path, spec_for(Key("mnist", "Backprop", 3, "sgd")), "running", epoch=0)
    frame = lrarun.load_epochs(tmp_path)
    assert len(frame) == 0 and {"run_id", "state", "algorithm", "epoch"} <= set(frame.columns)


def test_a_folder_without_runs_is_said_to_be_one(tmp_path):
    with pytest.raises(Incomplete, match="no runs in"):
        lrarun.load_results(tmp_path / "none")


def test_a_column_holds_one_type(tmp_path):
    key = Key("mnist", "Backprop", 3, "sgd")
    for value in (True, "eq6", 0.5):
        write_run(tmp_path, spec_for(key, algorithm={"update": value}))
    frame = lrarun.load_results(tmp_path)
    assert set(frame["algorithm.update"]) == {"True", "eq6", "0.5"}


def test_csv_and_the_table_say_the_same(call, results, tmp_path):
    out = call("export", "--results", results).out
    (tmp_path / "all.csv").write_text(out)
    again = pd.read_csv(tmp_path / "all.csv")
    pd.testing.assert_frame_equal(again, lrarun.load_epochs(results), check_dtype=False)
    code, nothing, _ = call("export", "--runs", "--results", results, "--out", tmp_path / "runs.csv")
    assert (code, nothing) == (0, "")
    assert list(pd.read_csv(tmp_path / "runs.csv")["run_id"]) == ["run-0", "run-1", "run-2"]


def test_errors_are_exported_as_they_were_counted(call, tmp_path):
    """What earlier versions logged as 100 (1 - hits / n) has digits that no count has; other values are left alone."""
    logged = {
        "14.799999999999999": 14.8,
        "10.100000000000001": 10.1,
        "33.333333333333336": 100 / 3,
        "nan": None,
        "0.005172413793103448": 300 / 58000,
        "14.79999": 14.79999,
        "0.0": 0.0,
        "100.0": 100.0,
    }
    losses = ["0.30000000000000004"] * len(logged)
    folder = write_run(tmp_path, spec_for(Key("mnist", "Backprop", 3, "sgd")), test_error=3.0700000000000003)
    fabricate.write_log(folder, validation_error=list(logged), train_nll=losses)
    epochs = [line.split(",")[-2:] for line in call("export", "--results", tmp_path).out.splitlines()[1:]]
    assert epochs == [["" if value is None else repr(value), losses[0]] for value in logged.values()]
    again = lrarun.load_epochs(tmp_path)["validation_error"]
    assert [value for value in again if value == value] == [value for value in logged.values() if value is not None]
    assert lrarun.load_results(tmp_path)["test_error"].tolist() == [3.07]


def test_parquet_says_the_same_or_what_is_missing(call, results, tmp_path):
    file = tmp_path / "all.parquet"
    code, _, err = call("export", "--format", "parquet", "--out", file, "--results", results)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        assert code == 2 and "pip install -e '.[export]'" in err and not file.exists()
        return
    pd.testing.assert_frame_equal(pd.read_parquet(file), lrarun.load_epochs(results), check_dtype=False)


def test_nothing_to_export_exits_4(call, tmp_path):
    code, out, err = call("export", "--results", tmp_path / "none")
    assert (code, out) == (4, "") and "no runs" in err


def test_a_file_that_cannot_be_written_is_said_to_be_one(call, results, tmp_path):
    code, _, err = call("export", "--results", results, "--out", tmp_path / ("x" * 300))
    assert code == 1 and "xxx: cannot be written" in err and "Traceback" not in err


@pytest.mark.parametrize("number", [None, 1, 3])
def test_the_tables_are_those_of_the_command(call, results, number):
    arguments = [] if number is None else [number]
    done = call("table", *arguments, "--format", "csv", "--results", results)
    frame = lrarun.table(results, number)
    assert list(frame.columns) == list(COLUMNS)
    assert frame.to_csv(index=False, float_format="%.10g", lineterminator="\n") == done.out
    assert len(frame) == {None: 48, 1: 21, 3: 6}[number]


@pytest.mark.parametrize("form", ["path", "string", "specs", "mapping", "one spec"])
def test_a_table_takes_the_runs_of_specs_in_any_form(tmp_path, form):
    write_run(tmp_path, spec_of(Key("mnist", "Backprop", 3, "sgd"), epochs=1), test_error=8.0, train_error=9.0)
    spec, path = {"algorithm": "backprop", "epochs": 1}, tmp_path / "mine.yaml"
    path.write_text(json.dumps(spec))
    made = lrarun.make_spec(spec)
    given = {"path": path, "string": str(path), "specs": iter([made]), "mapping": spec, "one spec": made}[form]
    frame = lrarun.table(str(tmp_path), 1, given).set_index(["model", "depth"])
    cell = frame.loc["Backprop", 3]
    assert (cell["test_error"], cell["train_error"], cell["runs"], cell["verdict"]) == (8.0, 9.0, 1, "inconclusive")
    assert frame["runs"].count() == 1
    with pytest.raises(UsageError, match="none of the specs has a run in Table 2"):
        lrarun.table(tmp_path, 2, spec)


def test_a_table_that_there_is_not_is_refused(results):
    with pytest.raises(UsageError, match="the paper has Tables 1 to 3, not 4"):
        lrarun.table(results, 4)
    with pytest.raises(SpecError, match="unknown key 'epoch'"):
        lrarun.table(results, specs={"algorithm": "dfa", "epoch": 1})


def test_a_folder_that_does_not_exist_holds_no_run(tmp_path):
    assert set(lrarun.table(tmp_path / "none")["verdict"]) == {"missing"}


def test_the_claims_are_those_of_the_command(call, results):
    printed = json.loads(call("claims", "--format", "json", "--results", results).out)["claims"]
    checked = lrarun.claims(results)
    assert [(one.claim.id, one.verdict) for one in checked] == [(one["id"], one["verdict"]) for one in printed]
    for one, other in zip(checked, printed):
        assert [dataclasses.asdict(part) for part in one.comparisons] == other["comparisons"]
    assert {one.verdict for one in checked} == {"missing", "holds"}, "matrix products are counted without runs"


def test_the_report_is_the_page_of_the_command(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The command names specs that are in this folder only.
    Path("experiments").symlink_to(ROOT / "experiments")
    write_run(tmp_path / "results", spec_of(Key("mnist", "Backprop", 3, "sgd")), test_error=3.0, train_error=1.0)
    foot = "<code>lrarun.html_report</code>"
    assert lrarun.html_report().replace(foot, "<code>lrarun report</code>") == call("report", "--out", "-").out
    Path("mine.yaml").write_text('{"algorithm": "backprop"}')
    page = lrarun.html_report("results", "mine.yaml")
    typed = "<code>lrarun report --spec mine.yaml</code>"
    assert page.replace(foot, typed) == call("report", "--spec", "mine.yaml", "--out", "-").out
    made = lrarun.make_spec({"algorithm": "backprop"})
    assert lrarun.html_report(specs=made) == page.replace("mine.yaml", made.run_id)
    with pytest.raises(UsageError, match="no pictures can be read"):
        lrarun.html_report(figures=tmp_path / "none")


def test_a_figure_is_that_of_the_command(call, tmp_path):
    pytest.importorskip("matplotlib")
    spec = figure_specs("1a")[0]
    columns = ("angle_mean", "angle_max", "validation_nll", "discrepancy", "discrepancy_1", "discrepancy_2")
    folder = write_run(tmp_path, spec, test_error=2.0)
    fabricate.write_log(folder, **{column: [8.0 - at / 10 for at in range(20)] for column in columns})
    for number in ("1a", "1b"):
        drawing = lrarun.figure(number, tmp_path)
        drawing.save(tmp_path / "script.svg")
        assert call("figure", number, "--results", tmp_path, "--out", tmp_path / "command.svg").code == 0
        assert drawing.lacking == ()
        assert (tmp_path / "script.svg").read_bytes() == (tmp_path / "command.svg").read_bytes()
    nothing = lrarun.figure("1a", tmp_path / "none")
    assert (nothing.figure, nothing.lacking) == (None, ("LRA-E, 2 layers, MNIST: missing",))
    with pytest.raises(Incomplete, match="LRA-E, 2 layers, MNIST: missing"):
        nothing.save(tmp_path / "nothing.svg")
    with pytest.raises(UsageError, match="the paper's figures are 1a, 1b, 2, 3, not '4'"):
        lrarun.figure("4", tmp_path)
    with pytest.raises(UsageError, match="none of the specs has the probe 'angle'"):
        lrarun.figure("1a", tmp_path, {"algorithm": "lra-e"})


def test_the_examples_of_the_page_run_as_printed(tmp_path, plugin):
    """To the letter, as ``python -m doctest docs/api.md`` compares them."""
    page = ROOT / "docs" / "api.md"
    test = doctest.DocTestParser().get_doctest(page.read_text(encoding="utf-8"), {}, page.name, str(page), 0)
    assert len(test.examples) > 20
    told = []
    doctest.DocTestRunner().run(test, out=told.append)
    assert not told, "".join(told)


def test_the_page_names_a_function_for_every_command():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = page.partition("## Every command as a function")[2]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    named = {command for commands, _ in rows for command in re.findall("`(.+?)`", commands)}
    assert {*COMMANDS} - named == {"completion"}
    for _, functions in rows:
        module = ""
        for name in re.findall("`(.+?)`", functions):
            path, _, attribute = name.rpartition(".")
            module = path or module
            assert callable(getattr(importlib.import_module(module), attribute)), name


def small(path):
    """A spec of one short run, on a data set in a folder."""
    write_dataset(path / "own.npz", samples=200)
    return {
        "dataset": str(path / "own.npz"),
        "depth": 1,
        "width": 8,
        "epochs": 1,
        "validation": 50,
        "algorithm": "backprop",
    }


def test_a_path_is_the_one_run_of_its_file(tmp_path):
    spec = small(tmp_path)
    for file in (tmp_path / "one.yaml", str(tmp_path / "one.yaml")):
        Path(file).write_text(json.dumps(spec))
        assert lrarun.train(file, tmp_path / "results").run_id == lrarun.make_spec(spec).run_id
    (tmp_path / "two.yaml").write_text(json.dumps(spec | {"sweep": {"seed": [0, 1]}}))
    with pytest.raises(UsageError, match=r"two\.yaml: 2 runs, and train takes one: .*load_specs\('.*two\.yaml'\)"):
        lrarun.train(tmp_path / "two.yaml", tmp_path / "results")
    with pytest.raises(SpecError, match="none.yaml.*No such file"):
        lrarun.train("none.yaml", tmp_path / "results")


@pytest.mark.parametrize("wrong", (3, None, ["algorithm: lra-e"], b"mine.yaml"))
def test_what_is_no_spec_is_refused_with_what_one_is(wrong):
    with pytest.raises(TypeError, match="a spec is a mapping, not .*; lrarun.load_specs reads a spec file"):
        lrarun.train(wrong)


def test_make_spec_of_a_path_says_what_reads_one():
    with pytest.raises(TypeError, match="'mine.yaml'; lrarun.load_specs reads a spec file"):
        lrarun.make_spec("mine.yaml")


@pytest.fixture
def rule(plugin, tmp_path):
    """The file of a rule that nothing has named."""
    (tmp_path / "sign_symmetry.py").write_text(RULE)
    return tmp_path / "sign_symmetry.py"


def test_a_rule_of_ones_own_is_known_once_its_file_is_loaded(rule, tmp_path):
    spec = small(tmp_path) | {"algorithm": "sign-symmetry"}
    with pytest.raises(SpecError, match="unknown algorithm"):
        lrarun.train(spec, tmp_path / "results")
    assert lrarun.load_plugin("sign_symmetry.py") == ["sign-symmetry"]
    assert lrarun.load_plugin(rule) == ["sign-symmetry"], "once more is no other rule of that name"
    made = lrarun.train(spec, tmp_path / "results")
    assert made.record["provenance"]["plugins"] == plugins.digests() and made.state == "finished"
    program = f"import lrarun; print(lrarun.make_spec({spec!r}).run_id)"
    there = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert there.stdout.strip() == made.run_id, "processes that this one starts know it"


def test_an_edited_rule_is_taken_when_it_is_loaded_again(rule, tmp_path, caplog):
    lrarun.load_plugin(rule)
    spec = small(tmp_path) | {"algorithm": "sign-symmetry"}
    made = lrarun.train(spec, tmp_path / "results")
    rule.write_text(RULE.replace('"mean")', '"sum")'))
    assert lrarun.train(spec, tmp_path / "results").record == made.record and not caplog.records
    lrarun.load_plugin(rule)
    assert lrarun.train(spec, tmp_path / "results").record == made.record
    assert "finished, but stale: its rule's file has changed since; force=True" in caplog.text
    again = lrarun.train(spec, tmp_path / "results", force=True)
    assert again.record["train_nll"] != made.record["train_nll"]
    assert again.record["provenance"]["plugins"] == {rule.name: hashlib.sha256(rule.read_bytes()).hexdigest()}


@pytest.mark.parametrize("content, phrase", [(None, "there is no such file"), ("x = 1", "no learning rule in it")])
def test_a_file_that_cannot_be_loaded_is_not_known_afterwards(rule, content, phrase):
    other = rule.with_name("other.py")
    if content:
        other.write_text(content)
    lrarun.load_plugin(rule)
    with pytest.raises(UsageError, match=phrase):
        lrarun.load_plugin(other)
    assert lrarun.make_spec({"algorithm": "sign-symmetry"}).algorithm.name == "sign-symmetry"


def test_a_run_trained_from_python_is_the_run_of_the_command(tmp_path, monkeypatch):
    """The same bits, whatever number of BLAS threads the calling process has."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (300, 784), dtype=np.uint8), np.arange(300) % 10
    np.savez("own.npz", train_images=images, train_labels=labels, test_images=images[:50], test_labels=labels[:50])
    spec = {"dataset": "own.npz", "depth": 1, "width": 64, "epochs": 1, "validation": 50, "algorithm": "lra-e"}
    mine = lrarun.train(spec, "python")
    (tmp_path / "one.yaml").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "lrarun", "train", "one.yaml", "--results", "command", "--quiet"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    for run in ("python", "command"):
        with np.load(Path(run) / mine.run_id / "parameters.npz") as stored:
            assert sorted(stored) == ["E/2", "W/1", "W/2", "c/1", "c/2"]
    first, second = (np.load(Path(run) / mine.run_id / "parameters.npz") for run in ("python", "command"))
    assert all((first[name] == second[name]).all() for name in first)
