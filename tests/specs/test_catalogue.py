"""What is said of a name, held against what happens when it is used."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import yaml

from lrarun.algorithms.registry import algorithms
from lrarun.data.published import MNIST
from lrarun.errors import SpecError
from lrarun.nn.activations import ACTIVATIONS
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.settings import UnknownName
from lrarun.specs import catalogue
from lrarun.specs.build import make_spec
from lrarun.specs.choices import KINDS, SINGULAR
from tests.support.tiny_data import contents, write

BLOCKS = {
    "algorithm": (algorithms(), {}),
    "optimizer": (OPTIMIZERS, {"algorithm": "backprop"}),
    "init": (INITIALIZERS, {"algorithm": "backprop"}),
}
SETTINGS = [
    (key, name, setting)
    for key, (table, _) in BLOCKS.items()
    for name in table
    for setting in catalogue.describe(name)[0].settings
]


def spec_with(key, name, **settings):
    return make_spec(BLOCKS[key][1] | {key: {"name": name} | settings})


def refused(key, name, **settings):
    try:
        spec_with(key, name, **settings)
    except SpecError:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_every_name_has_a_summary_and_a_description(kind):
    for entry in catalogue.entries(kind):
        assert entry.summary and "\n" not in entry.summary and "``" not in entry.summary
        (found,) = catalogue.describe(entry.name)
        assert (found.kind, found.name) == (SINGULAR[kind], entry.name)
        assert found.text


@pytest.mark.parametrize("key, name, setting", SETTINGS, ids=lambda part: getattr(part, "name", part))
def test_a_settings_default_and_range_are_those_that_a_spec_has(key, name, setting):
    if (key, name, setting.name) != ("optimizer", "sgd", "learning_rate"):  # a rule may set it
        assert getattr(getattr(spec_with(key, name), key), setting.name) == setting.default
    for choice in setting.choices:
        assert not refused(key, name, **{setting.name: choice})
    if setting.choices:
        assert refused(key, name, **{setting.name: "none of them"})
    whole = setting.type == "integer"
    for bound, value in setting.bounds.items():
        step = {"g": -1, "l": 1}[bound[0]] * (1 if whole else 1e-9)
        value = value if whole else float(value)
        assert refused(key, name, **{setting.name: value + step}), bound
        assert refused(key, name, **{setting.name: value}) == bound.endswith("t"), bound


@pytest.mark.parametrize("name", algorithms())
def test_a_rules_defaults_are_what_a_silent_spec_resolves_to(name):
    (about,) = catalogue.describe(name)
    for depth, defaults in about.defaults.items():
        silent = make_spec({"algorithm": name, "depth": depth})
        dotted = {key: value for key, value in defaults.items() if "." in key}
        own = {key.partition(".")[2]: value for key, value in dotted.items()}
        said = {key: value for key, value in defaults.items() if key not in dotted}
        assert make_spec({"depth": depth, "algorithm": {"name": name} | own} | said) == silent


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_formula_of_an_activation_is_what_it_computes(name):
    formula = catalogue.FORMULAS[name].replace("0.01 h", "0.01 * h").replace("|h|", "abs(h)")
    known = {"tanh": np.tanh, "exp": np.exp, "min": np.minimum, "max": np.maximum, "abs": np.abs}
    h = np.linspace(-3, 3, 61)
    np.testing.assert_allclose(ACTIVATIONS[name].phi(h), eval(formula, known, {"h": h}), rtol=1e-12, atol=1e-15)


def test_the_size_of_a_published_file_is_that_of_its_header_and_values():
    for file, shape in MNIST.shapes.items():
        header = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
        assert MNIST.size(file) == len(header) + np.empty(shape, np.uint8).nbytes


def test_an_unknown_name_is_met_with_the_nearest():
    with pytest.raises(UnknownName, match="rmsprop"):
        catalogue.describe("rmspro")


def test_a_data_set_of_ones_own_is_described_by_what_is_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine", contents())
    (about,) = catalogue.describe("mine")
    assert about.files["train_images"]["shape"] == [12, 20]
    assert "3 classes" in about.text


def test_an_experiment_with_a_rule_of_its_own_says_which_plugin_it_needs(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("# Of mine.\nalgorithm: my-rule\n")
    (entry,) = catalogue.entries("experiments", tmp_path)
    assert entry.summary.startswith("not valid: ")
    (tmp_path / "mine.py").write_text("")
    (entry,) = catalogue.entries("experiments", tmp_path)
    assert entry.summary == f"needs --plugin {tmp_path / 'mine.py'}: Of mine"
    monkeypatch.setenv("LRARUN_PLUGINS", str(tmp_path / "mine.py"))
    (entry,) = catalogue.entries("experiments", tmp_path)
    assert entry.summary.startswith("not valid: "), "what was named is of no help"


def test_experiments_are_listed_with_their_runs_or_what_is_wrong(tmp_path):
    (tmp_path / "two.yaml").write_text("# Both seeds (Lee et al. 2015). More.\nalgorithm: dtp\nsweep: {seed: [0, 1]}\n")
    (tmp_path / "bad.yaml").write_text("algorithm: dpt\n")
    bad, two = catalogue.entries("experiments", tmp_path)
    assert two.summary == "2 runs: Both seeds (Lee et al. 2015)"
    assert bad.summary.startswith("not valid: ") and "dtp" in bad.summary


def test_every_key_of_a_spec_is_described_with_what_it_can_be():
    """In the order of a resolved spec; each choice is one that a spec takes, and each default what a silent one has."""
    (about,) = catalogue.describe("spec")
    silent = yaml.safe_load(make_spec({"algorithm": "lra-e", "init": {"name": "glorot"}}).to_yaml())
    assert [each.name for each in about.settings] == [*silent, "sweep"]
    for each in about.settings:
        if each.name in silent and each.name != "algorithm":
            held = silent[each.name]
            assert each.default == (held["name"] if isinstance(held, dict) else held), each.name
        for choice in each.choices:
            value = [choice] if each.name == "probes" else choice
            assert make_spec({"algorithm": "lra-e", each.name: value})
    assert set({each.name: each.choices for each in about.settings}["algorithm"]) == set(algorithms())


def test_a_key_of_a_search_is_described_by_name_beside_a_spec_s_of_that_name():
    (about,) = catalogue.describe("search")
    assert {each.name for each in about.settings} >= {"space", "trials", "epochs", "prune"}
    for each in about.settings:
        (found,) = catalogue.describe(f"search.{each.name}")
        assert found.owners == {"search": each}
    (both,) = catalogue.describe("epochs")
    assert [*both.owners] == ["spec", "search"] and both.owners["spec"] != both.owners["search"]


@pytest.mark.parametrize("name", ["tune", "fair/dfa"])
def test_a_spec_with_a_search_is_described_with_what_it_chooses_and_how_to_start_it(name):
    (about,) = catalogue.describe(name)
    assert "optimizer.learning_rate" in about.text and about.text.endswith(f": lrarun tune {name}")
