"""Whatever lrarun writes or prints as JSON is JSON: no NaN, no Infinity."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import click
import numpy as np
import pytest

import lrarun
from lrarun.files import to_json
from tests.cli.test_behaviour import EVERY
from tests.support.fabricate import spec_for, write_log, write_run
from tests.support.small_runs import ROOT, spec, write_dataset, write_spec
from tests.support.small_search import write_search


def strict(text):
    """The value of a text in JSON as the standard has it; Python's own reader takes more."""

    def refuse(word):
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a finished run and a diverged one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").mkdir()
    monkeypatch.setattr("lrarun.data.locate.cache_folder", lambda: tmp_path / "cache")
    data = write_dataset(tmp_path / "d.npz")
    write_spec(tmp_path / "s.yaml", data, runs=1)
    write_search(tmp_path / "search.yaml", data, budget={"trials": 1, "epochs": 1})
    lrarun.train(spec(data, epochs=1))
    with np.errstate(all="ignore"):
        diverged = lrarun.train(
            spec(data, "backprop", activation="relu", optimizer={"name": "sgd", "learning_rate": 1e30})
        )
    assert diverged.state == "diverged"
    return diverged.run_id


COMMANDS = {
    "lrarun show": ["{}", "--json"],
    "lrarun diff": ["{}", "d.npz-lra-e", "--json"],
    "lrarun status": ["--json"],
    "lrarun summary": ["--json"],
    "lrarun validate": ["s.yaml", "--json"],
    "lrarun list": ["--json"],
    "lrarun describe": ["lra-e", "--json"],
    "lrarun docs": ["verdicts", "--json"],
    "lrarun doctor": ["--json"],
    "lrarun bench": [
        "--algorithm",
        "dfa",
        "--depth",
        "1",
        "--images",
        "600",
        "--seconds",
        "0.01",
        "--no-epochs",
        "--json",
    ],
    "lrarun table": ["--json"],
    "lrarun claims": ["--json"],
    "lrarun export": ["--json"],
    "lrarun train": ["s.yaml", "--dry-run", "--json"],
    "lrarun clean": ["--json"],
    "lrarun figure": ["3", "--spec", "s.yaml", "--json"],
    "lrarun report": ["--json"],
    "lrarun data list": ["--json"],
    "lrarun data fetch": ["--json"],
    "lrarun tune": ["search.yaml", "--json"],
    "lrarun fair": ["--specs", str(ROOT / "experiments" / "fair"), "--json"],
}


def test_no_command_with_json_goes_unseen():
    speaks = {
        name
        for name, command in EVERY.items()
        for param in command.params
        if "--json" in param.opts or (isinstance(param.type, click.Choice) and "json" in param.type.choices)
    }
    assert speaks == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_prints_as_json_is_json(call, here, command, monkeypatch):
    if command == "lrarun figure":
        pytest.importorskip("matplotlib")
    monkeypatch.setattr("lrarun.data.load.fetch", lambda name, *_: name)
    arguments = [word.format(here) for word in COMMANDS[command]]
    assert strict(call(*command.split()[1:], *arguments).out) or command == "lrarun clean"
    if command == "lrarun table":
        assert strict(call("table", "--compare", *arguments).out)


def test_of_a_diverged_run_what_is_no_number_is_null(call, here):
    shown = strict(call("show", here, "--json").out)
    assert None in shown["log"][-1].values()


def test_run_json_is_json(here, tmp_path):
    files = list((tmp_path / "results").glob("*/run.json"))
    assert len(files) == 2 and all(strict(file.read_text()) for file in files)


def test_a_record_with_nan_is_shown_with_null(call, tmp_path):
    """A run of an earlier version may have one in its run.json, and a probe may log one."""
    from lrarun.paper import Key

    folder = write_run(
        tmp_path, spec_for(Key("mnist", "Backprop", 3, "sgd")), epoch=1, test_nll=math.nan, seconds=math.inf
    )
    write_log(folder, train_nll=[math.inf], validation_nll=[math.nan], validation_error=[5.0], seconds=[1])
    shown = strict(call("show", folder, "--json").out)
    assert shown["test_nll"] is shown["seconds"] is shown["log"][0]["train_nll"] is None
    assert strict(call("diff", folder, folder, "--json").out)
    assert strict(call("status", "--results", tmp_path, "--json").out)


@dataclass
class Sample:
    x: float
    y: tuple


def test_the_encoder_knows_what_results_are_made_of(tmp_path):
    value = {"a": Sample(math.nan, (-math.inf, 1.5)), 2: np.float32(0.5), "c": np.array([1.0, math.nan]), "p": tmp_path}
    assert strict(to_json(value)) == {
        "a": {"x": None, "y": [None, 1.5]},
        "2": 0.5,
        "c": [1.0, None],
        "p": str(tmp_path),
    }
    assert to_json({"σ": True}) == '{\n  "\\u03c3": true\n}'


def test_json_is_encoded_in_one_place():
    """And where a digest is made of it, or one program of ours tells another something without numbers."""
    from tests.test_architecture import MODULES

    users = {name for name, path in MODULES.items() if "json.dump" in path.read_text(encoding="utf-8")}
    assert users == {"lrarun.files", "lrarun.specs.run_id", "lrarun.runs.lock", "lrarun.runs.checkpoint"}
