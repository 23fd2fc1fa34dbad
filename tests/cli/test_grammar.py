"""One grammar for all commands: an option means the same wherever it stands, and JSON says what the text says."""

from __future__ import annotations

import csv
import io
import json

import click
import pytest

from tests.cli.test_behaviour import EVERY, ROOT
from tests.support.small_runs import spec, write_dataset, write_spec

LEAVES = {name: command for name, command in EVERY.items() if not isinstance(command, click.Group)}
REFERENCE = ROOT / "results" / "reference"
# Prints a script that a shell reads, and nothing else.
NO_JSON = {"lrarun completion"}


def having(spelling):
    """The commands that have an option, each with it."""
    return {
        name: param
        for name, command in LEAVES.items()
        for param in command.params
        if isinstance(param, click.Option) and spelling in param.opts
    }


def facts(option):
    return {
        "opts": sorted(option.opts),
        "envvar": option.envvar,
        "help": option.help,
        "metavar": option.metavar,
        "multiple": option.multiple,
        "default": str(option.default),
        "flag": option.is_flag,
    }


@pytest.mark.parametrize("spelling", ["--results", "--set", "--json", "--quiet"])
def test_an_option_is_the_same_in_every_command_that_has_it(spelling):
    found = having(spelling)
    assert len(found) > 5
    first, *others = map(facts, found.values())
    assert all(other == first for other in others)


@pytest.mark.parametrize("spelling, same", [("--spec", "metavar multiple opts"), ("--data-dir", "metavar envvar opts")])
def test_an_option_with_more_to_say_here_or_there_takes_the_same(spelling, same):
    found = [facts(option) for option in having(spelling).values()]
    assert len(found) > 3 and all(each[key] == found[0][key] for each in found for key in same.split())


def test_whoever_takes_a_spec_takes_spec_and_set():
    with_argument = {name for name, command in LEAVES.items() if any(p.name == "specs" for p in command.params)}
    assert set(having("--spec")) == set(having("--set")) > with_argument
    assert "lrarun export" in having("--set")


def test_whoever_writes_a_file_takes_out_and_its_short_form():
    assert {name for name, option in having("--out").items() if "-o" in option.opts} == set(having("--out"))
    assert set(having("--out")) >= {"lrarun report", "lrarun export", "lrarun figure"}


def test_every_command_that_prints_has_json():
    assert set(LEAVES) - set(having("--json")) == NO_JSON


def broken(*_):
    raise ZeroDivisionError("in the rule")


@pytest.fixture
def here(call, tmp_path, monkeypatch):
    """A working folder with a spec, its two finished runs, and one that failed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lrarun.data.locate.cache_folder", lambda: tmp_path / "cache")
    data = write_dataset(tmp_path / "d.npz")
    write_spec(tmp_path / "s.yaml", data, runs=2)
    assert call("train", "s.yaml", "--jobs", "1").code == 0
    (tmp_path / "failing.yaml").write_text(spec(data, seed=7).to_yaml())
    with monkeypatch.context() as patch:
        patch.setattr("lrarun.algorithms.lra_e.LRAE.step", broken)
        assert call("train", "failing.yaml", "--jobs", "1").code == 3
    return tmp_path


@pytest.mark.parametrize("command", ["status", "validate", "train --dry-run", "clean"])
def test_a_spec_stands_alone_or_after_spec(call, here, command):
    words = command.split()
    alone, after = call(*words, "s.yaml"), call(*words, "--spec", "s.yaml")
    assert alone == after and alone.code == 0 and (alone.out or alone.err)
    both = call("validate", "--json", "--spec", "s.yaml", "s.yaml")
    assert len(json.loads(both.out)) == 2
    assert call("train").code == call("validate").code == 2


def test_export_takes_the_runs_of_a_spec_and_says_which_it_lacks(call, here):
    all_runs = json.loads(call("export", "--runs", "--json").out)
    ours = json.loads(call("export", "--runs", "--json", "--spec", "s.yaml").out)
    assert len(all_runs) == 3 and len(ours) == 2 and {row["state"] for row in ours} == {"finished"}
    code, out, err = call("export", "--runs", "--json", "--spec", "s.yaml", "--set", "seed=1")
    assert code == 0 and [row["seed"] for row in json.loads(out)] == [1]
    code, out, err = call("export", "--runs", "--spec", "s.yaml", "--set", "sweep.seed=[0, 9]")
    assert code == 4 and "without 1 of 2 runs" in err and "lrarun train s.yaml" in err and out.count("\n") == 2
    assert call("export", "--set", "seed=1").code == 2


@pytest.mark.parametrize("command", ["table 1", "claims", "export"])
def test_json_and_format_json_are_one(call, here, command):
    words = command.split()
    short, long = call(*words, "--json"), call(*words, "--format", "json")
    assert short == long and json.loads(short.out)
    assert call(*words, "--json", "--format", "json") == short
    other = {"claims": "text"}.get(command, "csv")
    code, out, err = call(*words, "--json", "--format", other)
    assert (code, out) == (2, "") and "--json" in err and other in err


def test_what_writes_a_file_says_its_path(call, here):
    pytest.importorskip("matplotlib")
    for name, words in {
        "e.csv": ["export", "--out"],
        "r.html": ["report", "--out"],
        "c.png": ["show", next((here / "results").glob("*-s0-*")).name, "--plot"],
        "f.png": ["figure", "3", "--spec", "s.yaml", "--out"],
    }.items():
        done = call(*words, here / name)
        assert (here / name).is_file() and str(here / name) in done.out + done.err
    done = call("export", "--out", "-")
    assert "wrote" not in done.err and done.out.startswith("run_id")


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def equal(value, text):
    """Whether a cell of a CSV file says what JSON says."""
    if value is None:
        return text == ""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(text) == pytest.approx(value) if number else text == str(value)


@pytest.mark.parametrize("words", [["table"], ["export"], ["export", "--runs"]])
def test_json_has_the_rows_and_columns_of_csv(call, words):
    told = json.loads(call(*words, "--results", REFERENCE, "--json").out)
    rows = csv_rows(call(*words, "--results", REFERENCE, "--format", "csv").out)
    assert len(told) == len(rows) > 40
    for one, row in list(zip(told, rows, strict=True))[:: max(1, len(rows) // 100)]:
        assert list(one) == list(row) and all(equal(one[key], row[key]) for key in row)


# Words of a command -> from its JSON, what its text has to have.
SAID = {
    "status": lambda told: [
        text for row in told for text in (row["run_id"], row["state"], f"{row['epoch']}/{row['epochs']}")
    ],
    "status --results REFERENCE": lambda told: [f"{row['validation_error']:.2f} %" for row in told],
    "clean": lambda told: [text for row in told for text in (row["run_id"], row["reason"][:20])],
    "table 1 --results REFERENCE": lambda told: [f"{row['test_error']:.2f}" for row in told],
    "claims --results REFERENCE": lambda told: [
        text for claim in told["claims"] for text in (f"{claim['id']}: ", claim["verdict"].upper())
    ],
    "validate s.yaml": lambda told: [f"{row['file']}: valid, {len(row['runs'])} runs" for row in told],
    "train s.yaml --set epochs=9 --dry-run": lambda told: [f"{row['run_id']}  {row['action']}: new" for row in told],
    "data list": lambda told: [f"{row['name']}\t{row['folder'] or 'not on this machine'}" for row in told],
    "list": lambda told: [entry["name"] for entries in told.values() for entry in entries],
    "describe beta": lambda told: [
        text for owner, each in told["owners"].items() for text in (owner, str(each["default"]), each["paper"][:20])
    ],
    "describe lra-e": lambda told: [f"  {setting['name']}  " for setting in told["settings"]],
    "diff c81132569a f93e1dec33 --results REFERENCE": lambda told: [
        each["key"] for part in ("spec", "result", "provenance") for each in told[part]
    ],
    "show c81132569a --results REFERENCE": lambda told: [f"{told['test_error']:.2f} %", *told["spec"]],
}


@pytest.mark.parametrize("command", SAID)
def test_the_text_says_what_the_json_says(call, here, command):
    words = command.replace("REFERENCE", str(REFERENCE)).split()
    told, text = json.loads(call(*words, "--json").out), call(*words).out
    expected = SAID[command](told)
    assert expected and [each for each in expected if each not in text] == []


def test_a_training_told_as_json_ends_with_its_runs(call, here):
    code, out, _ = call("train", "s.yaml", "--json", "--jobs", "1")
    rows = json.loads(out)
    assert code == 0 and [row["state"] for row in rows] == ["finished"] * 2
    stored = {path.parent.name: json.loads(path.read_text()) for path in here.glob("results/*/run.json")}
    assert all(row["test_error"] == pytest.approx(stored[row["run_id"]]["test_error"]) for row in rows)


def test_clean_with_json_removes_only_with_yes(call, here):
    (row,) = json.loads(call("clean", "--json").out)
    assert not row["removed"] and (here / "results" / row["run_id"]).is_dir()
    (row,) = json.loads(call("clean", "--json", "--yes").out)
    assert row["removed"] and not (here / "results" / row["run_id"]).exists()
    assert json.loads(call("clean", "--json").out) == []


def test_figure_and_report_tell_their_files_as_json(call, here):
    pytest.importorskip("matplotlib")
    code, out, _ = call("figure", "3", "--spec", "s.yaml", "--out", "pictures", "--json")
    told = json.loads(out)
    assert code == 0 and told["lacking"] == [] and len(told["files"]) == 2
    assert all((here / file).is_file() for file in told["files"])
    assert json.loads(call("report", "--json").out) == {"file": "report.html"}
    for words in (["report"], ["figure", "3", "--spec", "s.yaml"]):
        code, out, err = call(*words, "--out", "-", "--json")
        assert (code, out) == (2, "") and "stdout" in err
