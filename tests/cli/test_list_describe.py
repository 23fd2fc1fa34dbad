"""``lrarun list``, ``describe``, ``validate`` and ``doctor`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.cli.listing import HEADINGS
from lrarun.settings import settings_of
from lrarun.specs.choices import KINDS
from tests.support.tiny_data import contents, write


def test_a_list_with_long_names_is_no_narrow_column(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(Path(__file__).parent.parent.parent)
    out = call("list", "experiments").out
    assert "needs --plugin angle/transposed.py" in out
    lines = out.splitlines()[1:]
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 4 * sum(line[2:3] != " " for line in lines)


def test_the_list_has_every_kind_and_its_json_the_same_names(call):
    assert list(HEADINGS) == list(KINDS)
    code, out, err = call("list")
    assert (code, err) == (0, "")
    told = json.loads(call("list", "--json").out)
    assert list(told) == list(KINDS)
    assert {entry["name"] for entry in told["algorithms"]} == set(algorithms())
    assert all(f"  {entry['name']} " in out + " " for kind in KINDS[:-1] for entry in told[kind])


def test_one_kind_can_be_asked_for(call):
    assert list(json.loads(call("list", "optimizers", "--json").out)) == ["optimizers"]
    assert call("list", "optimisers").code == 2


@pytest.mark.parametrize("name", algorithms())
def test_a_rule_is_described_with_its_equations_and_every_setting(call, name):
    code, out, err = call("describe", name)
    told = json.loads(call("describe", name, "--json").out)
    assert (code, err) == (0, "")
    assert all(f"  {setting['name']}  " in out for setting in told["settings"])
    assert max(map(len, out.splitlines())) <= 100
    assert "``" not in out and ":mod:" not in out


def test_a_setting_is_described_for_each_that_has_it(call):
    owners = {name: rule for name, rule in algorithms().items() if "beta" in [each.name for each in settings_of(rule)]}
    told = json.loads(call("describe", "beta", "--json").out)
    code, out, err = call("describe", "beta")
    assert (code, err) == (0, "") and len(owners) > 1
    assert set(told["owners"]) == {f"algorithm {name}" for name in owners}
    words = " ".join(out.split())
    for name, rule in owners.items():
        (each,) = [each for each in settings_of(rule) if each.name == "beta"]
        assert f"algorithm {name}" in words and each.metadata["help"] in words and each.metadata["paper"] in words
        assert f"default {each.default:g}" in words and "number > 0" in words


def test_a_key_of_a_spec_is_described_with_its_range_default_and_the_paper(call):
    words = " ".join(call("describe", "epochs").out.split())
    for part in ("key of a spec", "integer >= 1", "default 100", "passes over the training samples", "paper: 100"):
        assert part in words


def test_a_setting_with_another_default_in_some_rules_says_so(call):
    told = json.loads(call("describe", "optimizer.learning_rate", "--json").out)
    assert set(told["owners"]) == {"optimizer sgd", "optimizer rmsprop", "optimizer adam"}
    for rule, value in told["others"].items():
        own = {str(depth): algorithms()[rule].defaults(depth)["optimizer"]["learning_rate"] for depth in (3, 5, 8)}
        assert value == (own if isinstance(value, dict) else own["3"])
    assert {
        rule for rule, kind in algorithms().items() if "learning_rate" in kind.defaults(3).get("optimizer", {})
    } == set(told["others"])
    assert "4 at 3 hidden layers" in call("describe", "learning_rate").out


def test_a_name_that_is_two_things_is_described_as_both(call, monkeypatch):
    from lrarun.nn.activations import ACTIVATIONS

    monkeypatch.setitem(ACTIVATIONS, "beta", ACTIVATIONS["tanh"])
    assert [each["kind"] for each in json.loads(call("describe", "beta", "--json").out)] == ["activation", "setting"]


def test_a_mistyped_setting_is_met_with_the_nearest(call):
    code, out, err = call("describe", "epoch")
    assert (code, out) == (2, "") and "'epochs'" in err


def test_nothing_by_that_name_exits_2_with_the_nearest(call):
    assert "a rule in a file of your own needs --plugin FILE.py" in call("describe", "my-rule").err
    code, out, err = call("describe", "dtp-sigm")
    assert (code, out) == (2, "") and "dtp-sigma" in err and len(err.splitlines()) == 1


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("algorithm: lra-e\nsweep: {seed: [0, 1, 2]}\n")
    (tmp_path / "bad.yaml").write_text("algorithm: lrae\nepoch: 3\n")
    (tmp_path / "nodata.yaml").write_text("algorithm: lra-e\ndataset: ./nowhere\n")
    return tmp_path


def test_valid_files_are_said_to_be_so(call, files):
    assert call("validate", "good.yaml") == (0, "good.yaml: valid, 3 runs\n", "")
    assert call("validate", "good.yaml", "--quiet") == (0, "", "")


def test_every_mistake_of_every_file_is_reported_at_once(call, files):
    code, out, err = call("validate", "bad.yaml", "good.yaml", "nodata.yaml", "absent.yaml")
    assert code == 2 and out == "good.yaml: valid, 3 runs\n"
    for phrase in ("bad.yaml:1:12:", "'lra-e'", "bad.yaml:2:1:", "'epochs'", "./nowhere", "absent.yaml"):
        assert phrase in err
    assert err.splitlines()[-1] == "lrarun: 3 of 4 spec files not valid"


def test_mistakes_as_json_have_their_places(call, files):
    code, out, _ = call("validate", "bad.yaml", "good.yaml", "--json")
    bad, good = json.loads(out)
    assert code == 2
    assert [(p["line"], p["column"]) for p in bad["problems"]] == [(1, 12), (2, 1)]
    assert good["valid"] and len(good["runs"]) == 3


def test_an_override_is_checked_too(call, files):
    assert call("validate", "good.yaml", "--set", "algorithm.beta=-1").code == 2


def test_the_doctor_exits_1_if_something_would_stop_a_run(call, machine, monkeypatch):
    monkeypatch.setattr("lrarun.data.sources.available", lambda dataset: "a mirror")
    assert call("doctor").code == 0
    files = contents()
    write(machine / "mine" / "mnist", files | dict.fromkeys(files, b""))
    code, out, err = call("doctor", "--data-dir", machine / "mine")
    assert code == 1 and "\nbad   MNIST" in out and "1 thing would stop a run" in err
    told = json.loads(call("doctor", "--data-dir", machine / "mine", "--json").out)
    assert told["ok"] is False and {check["state"] for check in told["checks"]} >= {"ok", "bad"}
