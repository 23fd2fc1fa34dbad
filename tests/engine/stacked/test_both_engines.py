"""Every learning rule that the registry holds takes the same step on NumPy's arrays and, traced, on JAX's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jax")

from lrarun.algorithms.registry import algorithms
from tests.support import contract
from tests.support.networks import assert_close, entries, random_batch, random_network
from tests.support.traced import carried_of, jax_step, numpy_step

RULES = algorithms()


def both(algorithm, depth, dtype=np.float64):
    """The step by NumPy and by JAX on a random network, of a few the one in which most weights would move."""
    found = []
    for seed in range(8):
        sizes, params = random_network(algorithm, depth, seed, dtype)
        x, y = random_batch(sizes, dtype=dtype)
        carried = carried_of(algorithm, sizes, x.shape[-1], dtype)
        made = numpy_step(algorithm, params, x, y, np.random.default_rng(7), carried)
        moving = sum(bool(g.any()) for layers in made[0].values() for g in layers.values())
        found.append((moving, -seed, (params, x, y), carried, made))
    _, _, arguments, carried, made = max(found, key=lambda each: each[:2])
    assert all(any(g.any() for g in layers.values()) for layers in made[0].values() if layers), "nothing is compared"
    return made, jax_step(algorithm, *arguments, np.random.default_rng(7), carried)


def norm(grads):
    return np.linalg.norm([np.linalg.norm(g) for _, g in entries(grads)])


def assert_same(algorithm, depth):
    (grads, loss, kept), (traced, traced_loss, traced_kept) = both(algorithm, depth)
    apart = {f: {l: traced[f][l] - g for l, g in layers.items()} for f, layers in grads.items()}
    assert norm(apart) <= 1e-10 * norm(grads)
    # Deep layers' error units are small differences of numbers near 1, and keep fewer digits than those.
    assert_close(traced, grads, 1e-6)
    assert abs(traced_loss - loss) <= 1e-10 * abs(loss)
    assert_close({"carried": traced_kept}, {"carried": kept}, 1e-10)


@pytest.mark.parametrize("depth", [1, 3, 8])
@pytest.mark.parametrize("name", RULES)
def test_gradients_agree_to_rounding(name, depth):
    assert_same(contract.build(RULES[name], depth), depth)


CHOICES = [
    pytest.param(algorithm, id=f"{name}-{number}")
    for name, kind in RULES.items()
    for number, algorithm in enumerate(contract.variants(kind, contract.VARIED_DEPTH)[1:])
]


@pytest.mark.parametrize("algorithm", CHOICES)
def test_so_they_do_with_every_choice_of_every_setting(algorithm):
    assert_same(algorithm, contract.VARIED_DEPTH)


@pytest.mark.parametrize("name", RULES)
def test_single_precision_stays_single_precision(name):
    (grads, loss, _), (traced, traced_loss, _) = both(contract.build(RULES[name], 2), 2, np.float32)
    assert {g.dtype for layers in traced.values() for g in layers.values()} == {np.dtype(np.float32)}
    assert traced_loss.dtype == loss.dtype == np.float32
    apart = {f: {l: traced[f][l] - g for l, g in layers.items()} for f, layers in grads.items()}
    assert norm(apart) <= 1e-4 * norm(grads)
