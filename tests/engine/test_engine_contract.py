"""What a rule owes to the training loop is looked at on the first mini-batch, and the look changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.registry import BadRule, algorithms
from lrarun.engine.contract import FirstStep
from lrarun.engine.training import Diverged, Training
from lrarun.specs.build import make_spec
from tests.support.contract import variants
from tests.support.networks import entries, random_batch, random_network
from tests.support.own_rule import RETURN, RULE, WRITE, line_of, with_mistake
from tests.support.synthetic import synthetic_dataset

DATA = synthetic_dataset(samples=150, pixels=16)


def small(algorithm="sign-symmetry", **settings):
    shape = {"dataset": "synthetic", "depth": 2, "width": 8, "epochs": 2, "validation": 50}
    return make_spec({**shape, "algorithm": algorithm} | settings)


def trained(spec, look=True):
    training = Training(spec, DATA)
    training._checked = set() if look else {0}
    while not training.done:
        training.advance()
    return training


MISTAKES = {
    "nothing written": (WRITE, "pass", r"does not write every entry of grads\['W'\]\[1\], .* and 2 more: "),
    "one layer left out": (WRITE, f"l == 2 or {WRITE}", r"entry of grads\['W'\]\[2\], grads\['c'\]\[2\]: "),
    "one family left out": (
        WRITE,
        f'{WRITE}; grads["c"][l][...] = old["c"][l]',
        r"entry of grads\['c'\]\[1\], grads\['c'\]\[2\], grads\['c'\]\[3\]: ",
    ),
    "one entry left out": (WRITE, f'{WRITE}; grads["W"][3][0, 0] = old["W"][3][0, 0]', r"of grads\['W'\]\[3\]: "),
    "added to what was there": (WRITE, f'{WRITE}; grads["W"][l] += old["W"][l]', r"of grads\['W'\]\[1\], grads"),
    "a family replaced": (
        "h, z = forward",
        'grads["W"] = {l: W.copy() for l, W in grads["W"].items()}\n        h, z = forward',
        r"entry of grads\['W'\]\[1\], ",
    ),
    "params changed": (
        RETURN,
        f"params['W'][1] -= grads['W'][1]\n        {RETURN}",
        r"changes params\['W'\]\[1\]: it must leave params alone",
    ),
    "params replaced": (
        RETURN,
        f"params['c'] = {{l: c + 1 for l, c in params['c'].items()}}\n        {RETURN}",
        r"changes params\['c'\]\[1\], params\['c'\]\[2\], params\['c'\]\[3\]: ",
    ),
    "no record": (RETURN, "pass", r"must return \{'nll': ...\}, .* not None$"),
    "a number": (RETURN, "return float(nll(z[L], y))", r"must return \{'nll': ...\}, .* not a float$"),
    "another record": (RETURN, RETURN.replace('nll"', 'loss"'), r"must return .* not \{'loss': ...\}$"),
    "a loss per sample": (
        RETURN,
        'return {"nll": -np.log(z[L]).sum(0)}',
        r"not with 'nll' as ndarray of shape \(50,\)",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_what_a_step_does_not_do_is_said_with_family_and_layer(plugin, case, dtype):
    right, wrong, phrase = MISTAKES[case]
    content = with_mistake(right, wrong)
    content = content.replace(
        "        h, z = forward",
        "        old = {f: {l: g.copy() for l, g in grads[f].items()} for f in grads}\n        h, z = forward",
    )
    plugin(content)
    with pytest.raises(BadRule, match=phrase) as refusal:
        Training(small(dtype=dtype), DATA).advance()
    place = f"step of sign-symmetry (sign_symmetry.py, line {line_of(content, 'def step')}) "
    assert str(refusal.value).startswith(place)


def test_a_later_step_that_returns_nothing_is_told_too(plugin):
    plugin(
        "import itertools\n\nsteps = itertools.count()\n"
        + with_mistake(RETURN, f"if next(steps) == 0:\n            {RETURN}")
    )
    training = Training(small(batch_size=10), DATA)
    with pytest.raises(BadRule, match="not None"):
        training.advance()
    assert training.batch == 1


@pytest.mark.parametrize("wrong", ("delta * np.nan", "delta * np.inf", "delta * 1e38 * 1e38", "delta * 0 * np.inf"))
def test_a_rule_that_diverges_at_once_has_diverged(plugin, wrong):
    """NaN that is computed is no sign of an entry that was left out."""
    plugin(with_mistake(WRITE, WRITE.replace("delta", wrong)))
    with pytest.raises(Diverged):
        Training(small(), DATA).advance()


@pytest.mark.parametrize("depth", (1, 2, 3, 5, 8))
@pytest.mark.parametrize("name", algorithms())
def test_the_packages_own_rules_pass_at_all_depths(name, depth):
    for rule in variants(algorithms()[name], depth):
        for dtype in (np.float32, np.float64):
            sizes, params = random_network(rule, depth, dtype=dtype)
            x, y = random_batch(sizes, dtype=dtype)
            grads = {family: {l: np.zeros_like(a) for l, a in params[family].items()} for family in rule.learned}
            watched = FirstStep(rule, params, grads)
            carry = rule.carry(sizes, x.shape[-1], dtype)
            more = {} if carry is None else {"carried": {l: a.T.copy() for l, a in carry.items()}}
            rule.step(params, x, y, grads, np.random.default_rng(0), **more)
            watched.check(params)


@pytest.mark.parametrize("name", algorithms())
def test_the_look_changes_no_bit(name):
    looked, not_looked = (trained(small(name, optimizer="adam"), look) for look in (True, False))
    for one, other in ((looked.params, not_looked.params), (looked.best_params, not_looked.best_params)):
        assert [(name, a.tobytes()) for name, a in entries(one)] == [(name, a.tobytes()) for name, a in entries(other)]
    assert [{**row, "seconds": 0} for row in looked.records] == [{**row, "seconds": 0} for row in not_looked.records]


def test_the_look_is_taken_once_in_a_run_and_once_when_it_goes_on(plugin, monkeypatch):
    plugin()
    looks = []
    monkeypatch.setattr(FirstStep, "check", lambda self, params: looks.append(self))
    spec = small()
    first = Training(spec, DATA)
    first.advance()
    again = Training(spec, DATA)
    again.restore(first.state())
    again.advance()
    assert len(looks) == 2 and again.done


def test_a_run_that_went_on_with_infinite_parameters_has_diverged_and_its_rule_is_not_blamed(plugin):
    plugin()
    training = Training(small(), DATA)
    for a in training.params["W"].values():
        a[...] = np.nan
    with pytest.raises(Diverged):
        training.advance()


def test_the_rule_of_the_page_passes(plugin):
    plugin(RULE)
    assert trained(small()).done
