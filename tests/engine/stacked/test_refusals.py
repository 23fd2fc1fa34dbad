"""What the engine jax can't train is refused with one message: which line it is, and what to write instead."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re

import pytest

pytest.importorskip("jax")

from lrarun.algorithms.registry import BadRule, algorithms
from lrarun.engine.stacked import optimizers
from lrarun.engine.stacked.likeness import KNOWN, refuse_unknown
from lrarun.engine.stacked.tracing import Untraceable, traceable_settings
from lrarun.errors import UsageError
from lrarun.nn.optimizers import SGD
from lrarun.settings import setting
from lrarun.specs.spec import Spec
from tests.support import contract
from tests.support.own_rule import PAGE, RULE
from tests.support.small_runs import write_dataset
from tests.support.traced import specs_of, with_field

WRITE = 'write_gradients(grads, l, delta, z[l - 1], "mean")'
assert WRITE in RULE and "np.sign(" in RULE
TRACEABLE = RULE.replace("np.sign(", "namespace(x).sign(").replace("import Algorithm,", "import Algorithm, namespace,")


def line_of(text, part):
    return 1 + text[: text.index(part)].count("\n")


def refusal(plugin, text):
    path = plugin(text)
    with pytest.raises((Untraceable, BadRule)) as error:
        traceable_settings(algorithms()["sign-symmetry"](), 2)
    return path, str(error.value)


def test_a_call_of_numpy_is_named_with_its_line_and_the_way_out(plugin):
    path, message = refusal(plugin, RULE)
    assert f"{path.name}, line {line_of(RULE, 'np.sign')}: " in message and "np.sign(" in message
    assert "namespace(a).sign(a)" in message and "engine: numpy" in message


def test_the_page_on_rules_shows_the_message_that_there_is(plugin):
    shown = re.search(r"^    (the engine jax can't run.*\n)    (.*), \.\.\.$", PAGE, re.MULTILINE)
    block = "# sign_symmetry.py\n" + RULE  # as a reader copies it
    assert refusal(plugin, block)[1].startswith(shown[1] + shown[2])


def test_so_is_one_in_prediction(plugin):
    text = TRACEABLE + "\n    def predict(self, params, x):\n        return np.abs(super().predict(params, x))\n"
    assert f"line {line_of(text, 'np.abs')}: " in refusal(plugin, text)[1]


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        (WRITE, 'grads["W"][l][...] = delta @ z[l - 1].mT', "write(grads[family], l, a)"),
        (WRITE, 'np.matmul(delta, z[l - 1].mT, out=grads["W"][l])', "write(grads[family], l, a)"),
        (WRITE, f"{WRITE}; delta[0] = 0", "write_gradients"),
        ("delta = z[L] - y", "delta = z[L] - y if z[L].sum() > 0 else y", "where(condition, a, b)"),
        ("delta = z[L] - y", "delta = z[L] - y * rng.poisson()", "the engine jax draws no rng.poisson; it has"),
        ("delta = z[L] - y", "delta = z[L] - y + nothing", "NameError: name 'nothing'"),
    ],
)
def test_other_lines_too(plugin, old, new, advice):
    text = TRACEABLE.replace(old, new)
    path, message = refusal(plugin, text)
    assert f"{path.name}, line {line_of(text, new)}: {new}" in message.replace("; delta[0]", "; delta[0]")
    assert advice in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('return {"nll"', 'params["c"][1] += 1; return {"nll"', "changes params['c'][1]"),
        ("range(L, 0, -1)", "range(L, 1, -1)", "does not write grads['W'][1]"),
        ("delta = z[L] - y", "delta = (z[L] - y) * np.float64(1)", "writes float64 of shape"),
        ('{"nll": nll(z[L], y)}', '{"nll": z[L]}', "must return {'nll': ...}"),
        ('return {"nll": nll(z[L], y)}', "return", "must return {'nll': ...}"),
    ],
)
def test_the_contract_is_checked_as_the_step_is_traced(plugin, old, new, said):
    assert old in TRACEABLE
    assert said in refusal(plugin, TRACEABLE.replace(old, new))[1]


def test_a_rule_written_for_both_engines_is_not_refused(plugin):
    plugin(TRACEABLE)
    kind = algorithms()["sign-symmetry"]
    assert traceable_settings(kind(), 3) == tuple(f.name for f in dataclasses.fields(kind) if f.name != "activation")


def test_a_setting_that_a_rule_branches_on_parts_runs_and_is_found_by_trying(plugin):
    more = '    gain: float = setting(1.0, "factor")\n\n    def step'
    text = TRACEABLE.replace("    def step", more, 1).replace(
        "delta = z[L] - y", "delta = z[L] - y if self.gain > 0 else y"
    )
    plugin(text)
    rule = algorithms()["sign-symmetry"]()
    names = traceable_settings(rule, 2)
    assert "gain" not in names and names, "the others are still traced"


@pytest.mark.parametrize("name", algorithms())
def test_shipped_rules_only_calculate_with_their_numbers(name):
    rule = contract.build(algorithms()[name], 3)
    floats = {field.name for field in dataclasses.fields(rule) if type(getattr(rule, field.name)) is float}
    assert set(traceable_settings(rule, 3)) == floats


def test_probes_are_refused():
    (spec,) = specs_of({}, algorithm="lra-e", probes=["angle"])
    with pytest.raises(UsageError, match=r"no probes \(angle\).*engine: numpy has them"):
        refuse_unknown(spec)


def test_a_setting_of_a_spec_that_the_engine_does_not_know_is_refused_unless_it_changes_nothing():
    (spec,) = specs_of({}, algorithm="lra-e")
    refuse_unknown(spec)
    refuse_unknown(with_field(spec, "tempo", 0.0, default=0.0))
    with pytest.raises(UsageError, match="the engine jax does not know tempo: 0.5"):
        refuse_unknown(with_field(spec, "tempo", 0.5, default=0.0))


UNKNOWN = {
    "bias: False": {"bias": False},
    "dropout: 0.5": {"dropout": 0.5},
    "input_dropout: 0.2": {"input_dropout": 0.2},
    "width: (20, 30)": {"width": [20, 30]},
    "learning_rate, not (0.1, 0.2, 0.3)": {"optimizer": {"learning_rate": [0.1, 0.2, 0.3]}},
    "learning_rate, not {'W': 0.1}": {"optimizer": {"learning_rate": {"W": 0.1}}},
    "'weight_decay' of 'sgd'": {"optimizer": {"weight_decay": 0.001}},
    "'weight_decay' of 'adam'": {"optimizer": {"name": "adam", "weight_decay": 0.001}},
    "'learning_rate_decay' of 'sgd'": {"optimizer": {"learning_rate_decay": 0.9}},
    "'epsilon_inside' of 'rmsprop'": {"optimizer": {"name": "rmsprop", "epsilon_inside": True}},
    "one pass over the samples in an epoch": {"algorithm": {"name": "dtp", "schedule": "decoders-first"}},
}


@pytest.mark.parametrize("said", UNKNOWN)
def test_every_setting_that_only_numpy_knows_is_refused_with_one_message(said, call, tmp_path):
    """None is ignored; the command ends before it writes."""
    data = write_dataset(tmp_path / "own.npz", samples=200)
    base = {"dataset": data, "algorithm": "backprop", "depth": 2, "width": 8, "validation": 50, "epochs": 1}
    (tmp_path / "mine.yaml").write_text(json.dumps(base | UNKNOWN[said]))
    done = call("train", tmp_path / "mine.yaml", "--engine", "jax", "--results", tmp_path / "results")
    assert done.code == 2 and not done.out and not (tmp_path / "results").exists()
    assert said in done.err and "the engine jax " in done.err and "; engine: numpy " in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_every_field_of_a_spec_is_trained_by_or_refused():
    """A field that is added is refused until the engine knows it."""
    only_numpy = {"bias", "dropout", "input_dropout", "probes"}
    assert {field.name for field in dataclasses.fields(Spec)} == set(KNOWN) | only_numpy and not only_numpy & set(KNOWN)


def test_so_are_settings_of_an_optimizer_and_optimizers():
    @dataclasses.dataclass(frozen=True)
    class Other(SGD):
        weight_decay: float = setting(0.0, "pull towards zero")

    with pytest.raises(UsageError, match="no optimizer 'sgd'"):
        optimizers.numbers_of(Other())
    kinds = optimizers._KINDS
    try:
        kinds[Other] = kinds[SGD]
        assert optimizers.numbers_of(Other()) == optimizers.numbers_of(SGD())
        with pytest.raises(UsageError, match="does not know the setting 'weight_decay' of 'sgd'"):
            optimizers.numbers_of(Other(weight_decay=0.1))
    finally:
        del kinds[Other]


@pytest.fixture
def mine(tmp_path, plugin):
    """A spec file of a rule that only NumPy can run; its path and the rule's."""
    write_dataset(tmp_path / "own.npz", samples=200)
    path = plugin(RULE)
    (tmp_path / "mine.yaml").write_text(
        "dataset: own.npz\nalgorithm: sign-symmetry\ndepth: 1\nwidth: 8\nvalidation: 50\nepochs: 1\n"
    )
    return path


@pytest.mark.parametrize("command", [("train",), ("train", "--dry-run"), ("validate", "--set", "engine=jax")])
def test_commands_refuse_before_anything_is_written(mine, call, tmp_path, command):
    extra = ("--engine", "jax") if command[0] == "train" else ()
    done = call(*command, "mine.yaml", *extra, "--plugin", mine)
    assert done.code == 2 and f"line {line_of(RULE, 'np.sign')}: " in done.err and "Traceback" not in done.err
    assert not (tmp_path / "results").exists()
    assert call("train", "mine.yaml", "--plugin", mine).code == 0, "NumPy trains it"


def test_a_cluster_is_refused(mine, call):
    done = call("train", "mine.yaml", "--set", "algorithm=lra-e", "--engine", "jax", "--scheduler", "tcp://127.0.0.1:1")
    assert done.code == 2 and "without --scheduler" in done.err


def test_without_jax_one_message_says_what_to_install(mine, call, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax" else find(name))
    done = call("train", "mine.yaml", "--set", "algorithm=lra-e", "--engine", "jax")
    assert done.code == 2 and "which is not installed" in done.err and "jax[cuda12]" in done.err


def test_a_number_of_networks_is_one_or_more(call, mine):
    assert call("train", "mine.yaml", "--stack", "0").code == 2


def test_a_stack_is_of_the_engine_jax(call, mine):
    done = call("train", "mine.yaml", "--set", "algorithm=lra-e", "--stack", "3")
    assert done.code == 2 and "--stack is for the engine jax" in done.err
