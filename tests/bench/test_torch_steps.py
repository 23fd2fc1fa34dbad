"""PyTorch's steps do the same work: their gradients are those of the rules."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.registry import get_algorithm
from tests.support.contract import build
from tests.support.networks import assert_close, nan_gradients, random_batch, random_network

torch = pytest.importorskip("torch")

from lrarun.bench.torch_steps import GRADIENTS, as_tensors

# In place of each draw of noise: both sides then have the same.
NOISE = 0.3


class Constant:
    """A generator whose deviates are all one number."""

    def standard_normal(self, shape, dtype):
        return np.full(shape, NOISE, dtype)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_the_rule(name, depth, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", lambda a: torch.full_like(a, NOISE))
    rule = build(get_algorithm(name), depth)
    sizes, params = random_network(rule, depth)
    x, y = random_batch(sizes)
    tensors = as_tensors(params)
    found = GRADIENTS[name](rule, tensors, torch.from_numpy(x.T), torch.from_numpy(y.T))
    if name == "backprop":
        found = {family: {l: a.grad for l, a in tensors[family].items()} for family in rule.learned}
    shaped = {
        family: {l: np.asarray(g).reshape(params[family][l].shape) for l, g in layers.items()}
        for family, layers in found.items()
    }
    expected = nan_gradients(rule, params)
    rule.step(params, x, y, expected, Constant())
    assert_close(shaped, expected, 1e-10)
