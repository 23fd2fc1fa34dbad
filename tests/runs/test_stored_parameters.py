"""What the layers hold, against the forward pass written out and the condition that a settled state meets."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.errors import DataError, Incomplete
from lrarun.nn.network import depth_of
from lrarun.results.read import read_result
from lrarun.runs.run import run
from lrarun.runs.stored_parameters import read_parameters, top_hidden
from lrarun.specs.build import make_spec
from tests.support.contract import build
from tests.support.networks import random_batch, random_network
from tests.support.synthetic import synthetic_dataset

RULES = algorithms()
DATA = synthetic_dataset(samples=130, pixels=16, classes=4)
INDEX = np.array([1, 4, 25])


def trained(results, algorithm, **settings):
    spec = {"dataset": "./synthetic", "depth": 2, "width": 8, "epochs": 1, "validation": 30, "algorithm": algorithm}
    return run(make_spec(spec | settings), DATA, results)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("name", RULES)
def test_the_last_layer_s_activity_is_the_prediction(name, depth):
    rule = build(RULES[name], depth)
    sizes, params = random_network(rule, depth)
    x, _ = random_batch(sizes)
    activities = rule.activities(params, x)
    assert {l: activities[l].shape for l in range(1, depth + 2)} == {l: (sizes[l], 4) for l in range(1, depth + 2)}
    np.testing.assert_array_equal(activities[depth + 1], rule.predict(params, x))


def test_a_feedforward_network_s_top_hidden_layer_is_its_forward_pass(tmp_path):
    result = trained(tmp_path, "dfa")
    stored = np.load(result.folder / "parameters.npz")
    x = DATA.test_images[INDEX] / 255
    z = x
    for l in (1, 2):
        z = np.tanh(z @ stored[f"W/{l}"].T + stored[f"c/{l}"].T)
    found = top_hidden(result, read_parameters(result), DATA, INDEX)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, z, rtol=1e-4, atol=1e-5)


def test_a_settling_network_s_top_hidden_layer_is_at_rest(tmp_path):
    """Every unit at the minimum of the energy given the layers beside it: clip(W s_below + W^T s_above + c, 0, 1)."""
    result = trained(tmp_path, {"name": "equilibrium-propagation", "free_sweeps": 200}, dtype="float64")
    params = read_parameters(result)
    top = top_hidden(result, params, DATA, INDEX).T
    W, c = params["W"], params["c"]
    rule = make_spec(result.spec).algorithm
    x = DATA.test_images[INDEX].T / 255
    output = rule.predict(params, x)
    below = rule.activities(params, x)[1]
    np.testing.assert_allclose(top, np.clip(W[2] @ below + W[3].T @ output + c[2], 0, 1), atol=1e-9)
    assert np.abs(top - np.clip(W[2] @ below + c[2], 0, 1)).max() > 1e-6, "not the forward pass"


def test_blocks_do_not_show(tmp_path, monkeypatch):
    result = trained(tmp_path, "lra-e")
    params = read_parameters(result)
    whole = top_hidden(result, params, DATA, np.arange(26))
    monkeypatch.setattr("lrarun.runs.stored_parameters.BLOCK", 7)
    np.testing.assert_allclose(top_hidden(result, params, DATA, np.arange(26)), whole, rtol=1e-5, atol=1e-6)


def test_other_data_than_the_run_was_trained_on_are_refused(tmp_path):
    result = trained(tmp_path, "lra-e")
    other = dataclasses.replace(DATA, fingerprint="0" * 64)
    with pytest.raises(DataError, match="other data.*put the old file back"):
        top_hidden(result, read_parameters(result), other, INDEX)
    published = dataclasses.replace(result, spec={**result.spec, "dataset": "mnist"})
    with pytest.raises(DataError, match="other data.*mnist.*--data-dir"):
        top_hidden(published, read_parameters(result), other, INDEX)


def test_parameters_come_back_as_they_were_stored(tmp_path):
    result = trained(tmp_path, "lra-e")
    params = read_parameters(result)
    assert depth_of(params) == 3 and set(params["E"]) == {2, 3}
    stored = np.load(result.folder / "parameters.npz")
    assert all((stored[f"{family}/{l}"] == a).all() for family in params for l, a in params[family].items())


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda path: path.unlink(), "without weights"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: np.savez(path, W=np.zeros(3)), "damaged"),
        (lambda path: np.savez(path, **{"V/1": np.zeros(3)}), "damaged"),
    ],
)
def test_weights_that_are_not_there_or_damaged_are_said_to_be(tmp_path, damage, said):
    result = trained(tmp_path, "lra-e")
    damage(result.folder / "parameters.npz")
    with pytest.raises(Incomplete, match=said):
        read_parameters(read_result(result.folder))
