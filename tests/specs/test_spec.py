"""Specs: defaults, round trips, sweeps, overrides, and how mistakes are reported."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.lra_e import LRAE
from lrarun.algorithms.registry import algorithms
from lrarun.engine.probes import Angle
from lrarun.errors import SpecError
from lrarun.nn.activations import ACTIVATIONS, get_activation
from lrarun.nn.initializers import INITIALIZERS, Gaussian, Glorot
from lrarun.nn.optimizers import OPTIMIZERS, SGD, Adam
from lrarun.results.settings import flatten
from lrarun.settings import setting, settings_of
from lrarun.specs.build import build_specs, load_specs, make_spec
from lrarun.specs.places import Problems, Source
from lrarun.specs.spec import MAX_DEPTH
from lrarun.specs.yaml_text import dump, parse
from tests.support.malformed_specs import MALFORMED

CONTRACT = """\
dataset: mnist
depth: 3
width: 256
activation: tanh
algorithm: {name: lra-e, beta: 0.1}
optimizer: {name: sgd, learning_rate: 0.01}
init: {name: gaussian, std: 0.05}
batch_size: 50
epochs: 100
validation: 2000
seed: 0
dtype: float32
"""


@pytest.fixture
def load(tmp_path):
    """(text, *overrides) -> the specs in a file of that text."""

    def load_text(text, *overrides):
        path = tmp_path / "spec.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_specs(path, overrides)

    return load_text


@pytest.fixture
def mistakes(load):
    """(text, *overrides) -> the problems in it."""

    def find(text, *overrides):
        with pytest.raises(SpecError) as caught:
            load(text, *overrides)
        return caught.value.problems

    return find


def settings_strategy(kind):
    """Legal values of some of a class's settings, by its own declared types and bounds."""
    kinds = {
        "float": lambda field: st.floats(1e-6, 0.5),
        "bool": lambda field: st.booleans(),
        "int": lambda field: st.integers(1, 50),
    }
    known = {field.name: kinds[field.type](field) for field in settings_of(kind) if field.type in kinds}
    return st.fixed_dictionaries({}, optional=known)


def block_strategy(table):
    return st.sampled_from(sorted(table)).flatmap(
        lambda name: settings_strategy(table[name]).map(lambda settings: {"name": name, **settings})
    )


mappings = st.fixed_dictionaries(
    {"algorithm": block_strategy({"lra-e": LRAE, "backprop": Backprop})},
    optional={
        "dataset": st.sampled_from(["mnist", "fashion-mnist", "./no", "a/1e-3", "data/é.npz", "x: y/#z", "~/null"]),
        "depth": st.integers(1, MAX_DEPTH),
        "width": st.integers(1, 65536),
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "optimizer": block_strategy(OPTIMIZERS),
        "init": block_strategy({name: kind for name, kind in INITIALIZERS.items() if name != "zeros"}),
        "bias": st.booleans(),
        "split": st.sampled_from(["random", "last"]),
        "batch_size": st.integers(1, 1000),
        "seed": st.integers(0, 2**32 - 1),
        "dtype": st.sampled_from(["float32", "float64"]),
    },
)


# Defaults


def test_lra_e_alone_is_the_documented_block(load):
    assert load(CONTRACT) == load("algorithm: lra-e")


def test_paper_defaults():
    spec = make_spec({"algorithm": "backprop"})
    assert spec.algorithm == Backprop() and spec.optimizer == SGD(learning_rate=0.01) and spec.init == Glorot()
    assert spec.to_dict() | {"algorithm": 0, "optimizer": 0, "init": 0} == {
        "dataset": "mnist",
        "depth": 3,
        "width": 256,
        "activation": "tanh",
        "algorithm": 0,
        "optimizer": 0,
        "init": 0,
        "batch_size": 50,
        "epochs": 100,
        "validation": 2000,
        "seed": 0,
        "dtype": "float32",
        "probes": [],
    }


@dataclass(frozen=True, kw_only=True)
class Stub(Backprop):
    """A rule with defaults of every form, some of which depend on the depth."""

    name: ClassVar[str] = "stub"
    sweeps: int = setting(1, "any number", ge=1)
    rates: tuple[float, ...] = setting((0.1,), "one per layer", gt=0)
    limit: float | None = setting(None, "none by default", gt=0)

    def __post_init__(self):
        if self.limit and self.limit < self.sweeps:
            raise ValueError("limit is below sweeps")

    @classmethod
    def defaults(cls, depth):
        return {
            "algorithm.sweeps": 10 * depth,
            "batch_size": 20,
            "optimizer.decay": 0.95,
            "activation": "sigmoid",
            "optimizer": {"name": "rmsprop", "learning_rate": 0.003},
            "init": "orthogonal",
        }


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setitem(algorithms(), "stub", Stub)


def test_a_rules_defaults_lie_between_the_specs_and_the_users(stub):
    spec = make_spec({"algorithm": "stub", "depth": 5})
    assert spec.algorithm == Stub(sweeps=50, activation=get_activation("sigmoid"))
    assert (spec.batch_size, spec.activation, spec.init.name, spec.epochs) == (20, "sigmoid", "orthogonal", 100)
    assert (spec.optimizer.name, spec.optimizer.learning_rate, spec.optimizer.decay) == ("rmsprop", 0.003, 0.95)
    assert make_spec({"algorithm": {"name": "stub", "sweeps": 7}, "batch_size": 3}).algorithm.sweeps == 7
    assert make_spec({"algorithm": "stub", "batch_size": 3}).batch_size == 3


@pytest.mark.parametrize("optimizer", ["rmsprop", {"name": "rmsprop"}, {"momentum": 0.0}])
def test_the_rules_own_optimizer_keeps_the_rules_settings(stub, optimizer):
    assert make_spec({"algorithm": "stub", "optimizer": optimizer}).optimizer.learning_rate == 0.003


def test_another_optimizer_has_its_own_settings(stub):
    assert make_spec({"algorithm": "stub", "optimizer": "adam"}).optimizer == Adam()


def test_settings_that_are_lists_or_optional(stub):
    spec = make_spec({"algorithm": {"name": "stub", "rates": [1, 0.5], "limit": 100}})
    assert (spec.algorithm.rates, spec.algorithm.limit) == ((1.0, 0.5), 100.0)
    assert make_spec(spec.to_dict()) == spec


def test_mistakes_in_a_rules_lists_and_own_checks(stub, mistakes):
    (problem,) = mistakes("algorithm: {name: stub, rates: [1, -1]}")
    assert (problem.line, problem.column) == (1, 36) and "greater than 0" in problem.message
    (problem,) = mistakes("seed: 1\nalgorithm: {name: stub, limit: 1}")
    assert (problem.line, problem.column, problem.message) == (2, 1, "limit is below sweeps")
    (problem,) = mistakes("algorithm: {name: stub, limit: x}")
    assert (problem.line, problem.column) == (1, 32)


def test_the_activation_reaches_the_rule():
    spec = make_spec({"algorithm": "lra-e", "activation": "relu"})
    assert spec.algorithm.activation is get_activation("relu") and spec.activation == "relu"


# Round trips and the run id


@given(mappings)
def test_to_dict_is_json_and_a_fixed_point(mapping):
    spec = make_spec(mapping)
    again = make_spec(json.loads(json.dumps(spec.to_dict())))
    assert again == spec and again.to_dict() == spec.to_dict() and again.run_id == spec.run_id


@pytest.mark.parametrize("depth", [1, 3, 8, MAX_DEPTH])
@pytest.mark.parametrize("name", sorted(algorithms()))
def test_every_rules_defaults_are_valid_and_a_fixed_point(name, depth):
    spec = make_spec({"algorithm": name, "depth": depth})
    assert make_spec(spec.to_dict()) == spec and spec.algorithm.name == name


@given(mappings)
def test_to_yaml_is_read_back(mapping):
    spec = make_spec(mapping)
    (node,) = parse(Source("spec", spec.to_yaml()), Problems())
    assert make_spec(node.plain()) == spec


@given(mappings)
def test_a_run_id_is_a_short_file_name(mapping):
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*-[0-9a-f]{8,}", make_spec(mapping).run_id)
    assert len(make_spec({**mapping, "dataset": "long/" + "Ä x" * 200}).run_id) <= 100


def test_a_run_id_is_readable():
    assert make_spec({"algorithm": "lra-e"}).run_id.startswith("mnist-lra-e-3x256-sgd-s0-")


CHANGES = [
    {"dataset": "fashion-mnist"},
    {"depth": 5},
    {"width": 255},
    {"activation": "relu"},
    {"optimizer": "adam"},
    {"algorithm": {"name": "lra-e", "beta": 0.2}},
    {"optimizer": {"learning_rate": 0.02}},
    {"init": "glorot"},
    {"batch_size": 1},
    {"epochs": 1},
    {"validation": 1},
    {"seed": 1},
    {"dtype": "float64"},
    {"width": [255, 256, 256]},
    {"bias": False},
    {"split": "last"},
    {"init": "zeros"},
    {"optimizer": {"learning_rate": [0.01, 0.02, 0.01, 0.01]}},
    {"optimizer": {"learning_rate": {"W": 0.01, "E": 0.02}}},
    {"optimizer": {"weight_decay": 0.1}},
    {"optimizer": {"learning_rate_decay": 0.9}},
    {"algorithm": "backprop"},
    {"algorithm": "backprop", "dropout": 0.5},
    {"algorithm": "backprop", "input_dropout": 0.5},
    {"algorithm": "dtp"},
    {"algorithm": {"name": "dtp", "schedule": "decoders-first"}},
    {"algorithm": "dtp", "optimizer": {"epsilon_inside": True}},
]


def test_every_key_changes_the_run_id(monkeypatch):
    ids = [make_spec({"algorithm": "lra-e", **change}).run_id for change in [{}, *CHANGES]]
    monkeypatch.setattr("lrarun.specs.run_id.NUMBERS_VERSION", 0)
    ids.append(make_spec({"algorithm": "lra-e"}).run_id)
    assert len({run_id.rpartition("-")[2] for run_id in ids}) == len(CHANGES) + 2


def test_equal_numbers_have_one_run_id(load):
    first, *others = (load(f"algorithm: {{name: lra-e, gamma: {text}}}")[0] for text in ("1", "1.0", "10e-1", "0x1"))
    assert {spec.run_id for spec in others} == {first.run_id}


# Sweeps


@given(
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
    depths=st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True),
    rates=st.lists(st.sampled_from([0.1, 0.2, 1e-3]), min_size=1, max_size=3, unique=True),
)
def test_a_sweep_is_the_product_first_key_slowest(seeds, depths, rates):
    sweep = {"depth": depths, "optimizer.learning_rate": rates, "seed": seeds}
    specs = specs_of({"algorithm": "backprop", "sweep": sweep})
    found = [(s.depth, s.optimizer.learning_rate, s.seed) for s in specs]
    assert found == list(itertools.product(depths, rates, seeds))
    assert {replace(s, depth=3, seed=0, optimizer=SGD()) for s in specs} == {make_spec({"algorithm": "backprop"})}


def specs_of(mapping):
    """The runs of a mapping, by way of a file's text."""
    return build_specs(Source("spec", dump(mapping))).specs()


def test_values_may_be_mappings_and_blocks_come_before_what_is_in_them(load):
    specs = load(
        "sweep:\n  optimizer.learning_rate: [1e-3, .5]\n  optimizer: [sgd, adam]\n"
        "  algorithm: [backprop, {name: lra-e, beta: 0.2}]\n"
    )
    assert [(s.optimizer.learning_rate, s.optimizer.name, s.algorithm.name) for s in specs] == list(
        itertools.product([0.001, 0.5], ["sgd", "adam"], ["backprop", "lra-e"])
    )
    assert {s.algorithm.beta for s in specs if s.algorithm.name == "lra-e"} == {0.2}


def test_swept_settings_join_those_of_the_block(load):
    specs = load("algorithm: {name: lra-e, gamma: 0.5}\nsweep: {algorithm.beta: [1, 2], init.std: [0.1]}")
    assert [(s.algorithm.beta, s.algorithm.gamma, s.init) for s in specs] == [
        (1, 0.5, Gaussian(std=0.1)),
        (2, 0.5, Gaussian(std=0.1)),
    ]


def test_documents_follow_one_another_and_equal_runs_are_kept_once(load):
    texts = "algorithm: lra-e\nsweep: {seed: [1, 0, 1]}\n", "algorithm: backprop\n", "algorithm: {name: lra-e}\n"
    specs = load("---\n".join(texts))
    assert [(s.algorithm.name, s.seed) for s in specs] == [("lra-e", 1), ("lra-e", 0), ("backprop", 0)]


@pytest.mark.parametrize(
    "text",
    [
        "algorithm: lra-e\n---\n",
        "algorithm: lra-e\n---",
        "---\nalgorithm: lra-e\n---\n# no more\n",
        "algorithm: lra-e\n---\n---\n...\n",
        "---\n---\nalgorithm: lra-e\n",
    ],
)
def test_documents_with_nothing_in_them_are_no_specs(load, text):
    (spec,) = load(text)
    assert spec.algorithm.name == "lra-e"


def test_anchors_serve_within_a_document(load):
    (spec,) = load("algorithm: {name: lra-e, beta: &x 0.25}\noptimizer: {learning_rate: *x}\n")
    assert (spec.algorithm.beta, spec.optimizer.learning_rate) == (0.25, 0.25)


# Overrides


@pytest.mark.parametrize(
    "override, key, values",
    [
        ("seed=7", "seed", [7]),
        ("depth=5", "depth", [5]),
        ("sweep.seed=[4, 5]", "seed", [4, 5]),
        ("sweep={depth: [1, 2]}", "depth", [1, 2]),
        ("optimizer.learning_rate=1e-3", "optimizer.learning_rate", [0.001]),
        ("optimizer={learning_rate: 3}", "optimizer.learning_rate", [3]),
        ("sweep.optimizer.learning_rate=[3, 4]", "optimizer.learning_rate", [3, 4]),
        ("algorithm.beta=.5", "algorithm.beta", [0.5]),
        (" width = 9 ", "width", [9]),
    ],
)
def test_an_override_replaces_what_is_given_and_what_is_swept(load, override, key, values):
    text = (
        "algorithm: {name: lra-e, beta: 1}\ndepth: 8\noptimizer: {name: sgd}\n"
        "sweep: {seed: [0, 1, 2], optimizer.learning_rate: [0.1, 0.2]}\n"
    )

    def read(spec):
        *block, name = key.split(".")
        return getattr(getattr(spec, block[0]) if block else spec, name)

    before, after = load(text), load(text, override)
    assert list(dict.fromkeys(read(spec) for spec in after)) == values
    assert sorted(values) != sorted({read(spec) for spec in before})


def test_a_nested_override_reaches_into_swept_blocks(load):
    text = "algorithm: lra-e\nsweep: {optimizer: [sgd, {name: adam, learning_rate: 1}]}"
    specs = load(text, "optimizer.learning_rate=2")
    assert [(s.optimizer.name, s.optimizer.learning_rate) for s in specs] == [("sgd", 2), ("adam", 2)]


def test_the_last_of_equal_overrides_counts(load):
    assert load("algorithm: lra-e", "seed=1", "seed=2")[0].seed == 2


@pytest.mark.parametrize(
    "override, column, phrase",
    [
        ("seed", 1, "must be key=value"),
        ("=3", 1, "must be key=value"),
        ("sed=3", 1, "did you mean 'seed'?"),
        ("seed=x", 6, "an integer"),
        ("width=[1", 9, "not YAML"),
        ("optimizr.decay=1", 1, "optimizer.decay"),
        ("optimizer.learning_rte=1", 1, "did you mean 'learning_rate'?"),
        ("algorithm=!!python/name:os.system", 11, "tag"),
        ("seed=", 1, "needs one value"),
        ("seed=\0", 6, "U+0000"),
        ("init={name: gaussian, std: -1}", 28, "greater than 0"),
        ("seed=#", 1, "needs one value"),
    ],
)
def test_a_mistake_in_an_override_is_shown_there(mistakes, override, column, phrase):
    problem = mistakes("algorithm: lra-e", override)[-1]
    assert problem.file.startswith("--set ") and (problem.line, problem.column) == (1, column)
    assert phrase in problem.message


def test_mistakes_of_file_and_overrides_come_together(mistakes):
    found = mistakes("algorithm: lra-e\ndepth: x", "seed=x", "foo", "width=[")
    assert [(p.file.rpartition("/")[2], p.column) for p in found] == [
        ("spec.yaml", 8),
        ("--set seed=x", 6),
        ("--set foo", 1),
        ("--set width=[", 8),
    ]


# Mistakes


def test_the_table_of_malformed_specs_is_long_and_distinct():
    assert len(MALFORMED) >= 30 and max(Counter(case.name for case in MALFORMED).values()) == 1


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_malformed(case, mistakes):
    found = mistakes(case.content)
    assert [(p.line, p.column) for p in found] == [(line, column) for line, column, _ in case.mistakes]
    for problem, (_, _, phrase) in zip(found, case.mistakes):
        assert phrase in problem.message
        assert problem.file.endswith("spec.yaml")
        assert len(str(problem)) < 1000 and str(problem).isprintable() is ("\n" not in str(problem))


@pytest.mark.parametrize("make, phrase", [("mkdir", "directory"), (None, "No such file")])
def test_no_file(tmp_path, make, phrase):
    path = tmp_path / "spec.yaml"
    if make:
        path.mkdir()
    with pytest.raises(SpecError, match=phrase) as caught:
        load_specs(path)
    assert caught.value.exit_code == 2 and str(caught.value).startswith(f"{path}: cannot be read: ")
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (None, None), "there is no place in it"


@pytest.mark.parametrize("text", ["dtype: float16", "dtype: float", "algorithm: {name: lra-e, loss: cauchi}"])
def test_of_a_few_choices_all_are_listed_and_none_is_guessed_at(mistakes, text):
    (problem,) = mistakes(text if "algorithm" in text else f"algorithm: lra-e\n{text}")
    assert " or " in problem.message and "did you mean" not in problem.message


def test_a_long_list_is_not_repeated_in_the_hint_to_sweep(mistakes):
    (problem,) = mistakes(f"algorithm: lra-e\nseed: {[*range(100)]}")
    assert problem.message.endswith("; for one run of each, write sweep: {seed: [...]}")


def test_what_cannot_be_swept_has_no_hint_to_sweep(mistakes):
    (problem,) = mistakes("algorithm: lra-e\nprobes: [{name: angle, every: [1, 2]}]")
    assert "every must be an integer, not a list" in problem.message and "sweep" not in problem.message


def test_a_great_many_mistakes_are_counted(tmp_path, mistakes):
    path = tmp_path / "spec.yaml"
    path.write_text("algorithm: lra-e\n" + "".join(f"k{i}: 1\n" for i in range(1000)))
    with pytest.raises(SpecError, match="and 900 more mistakes") as caught:
        load_specs(path)
    assert len(caught.value.problems) == 100


@pytest.mark.parametrize("mapping", [{"algorithm": object()}, {"algorithm": "lra-e", "beta": {1, 2}}, {}])
def test_make_spec_refuses_what_is_no_spec(mapping):
    with pytest.raises(SpecError):
        make_spec(mapping)


def test_make_spec_refuses_a_sweep():
    with pytest.raises(SpecError, match="2 runs where one was expected"):
        make_spec({"algorithm": "lra-e", "sweep": {"seed": [0, 1]}})


def test_a_folder_near_a_known_name_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minst").mkdir()
    assert make_spec({"algorithm": "lra-e", "dataset": "minst"}).dataset == "minst"


# Probes


def test_probes_are_a_list_of_names_or_blocks(mistakes):
    spec = make_spec({"algorithm": "lra-e", "probes": ["angle"]})
    assert spec.probes == (Angle(),) and make_spec(spec.to_dict()) == spec
    assert make_spec({"algorithm": "lra-e", "probes": [{"name": "angle", "every": 10}]}).probes == (Angle(10),)
    (problem,) = mistakes("algorithm: lra-e\nprobes: [angle, {name: angle, every: 2}]")
    assert (problem.line, problem.column) == (2, 17)


@pytest.mark.parametrize("name", algorithms())
def test_silent_settings_are_those_that_a_resolved_spec_leaves_out(name):
    """Together they are what the spec has in YAML, where every default is written out."""
    spec = make_spec({"algorithm": name})
    plain, whole = (flatten(each) for each in (spec.to_dict(), yaml.safe_load(spec.to_yaml())))
    assert set(spec.silent()) == set(whole) - set(plain)
    assert all(whole[key] == value for key, value in spec.silent().items())
