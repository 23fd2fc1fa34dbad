"""Counted matrix products against the rules' formulas."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.registry import algorithms, get_algorithm
from lrarun.engine.product_counts import Counts, count_products, products_of
from lrarun.nn.network import empty_like
from tests.support.contract import build
from tests.support.networks import entries

DEPTHS = (1, 2, 3, 5, 8)


def sizes(depth):
    return [9, *[7] * depth, 4]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", ["backprop", "rfa", "dfa", "lra-e"])
def test_one_product_each_forward_back_and_for_the_update(name, depth):
    L = depth + 1
    # The paper's 2(L-1), with one product less: no target is needed of the inputs.
    assert count_products(build(get_algorithm(name), depth), sizes(depth)) == Counts(L + L - 1, L)


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_target_propagation_applies_each_decoder_three_times_and_its_encoder_twice(depth):
    L = depth + 1
    sigma = count_products(build(get_algorithm("dtp-sigma"), depth), sizes(depth))
    # The paper's formula, if the inputs are counted as one of its L layers.
    assert sigma == Counts(4 * (L + 1 - 3) + L + 1, L + L - 2)
    plain = count_products(build(get_algorithm("dtp"), depth), sizes(depth))
    assert plain == Counts(L + 4 * (L - 1), L + L - 1), "its decoders start one layer higher"


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_a_settling_network_pays_two_products_per_pair_of_layers_and_sweep(depth):
    rule = build(
        get_algorithm("equilibrium-propagation"),
        depth,
        free_sweeps=7,
        nudged_sweeps=3,
        relaxation="alternating",
        nudge="symmetric",
        initial_state="forward",
    )
    L = depth + 1
    # Both signs of the nudge are relaxed in the same products, of twice the samples.
    assert count_products(rule, sizes(depth)) == Counts(L + (7 + 3) * 2 * (L - 1), L)


def test_products_are_seen_with_their_shapes_and_weights_are_told_apart():
    products = products_of(Backprop(), [9, 7, 5, 4], batch_size=3)
    shapes = [(product.left.shape, product.right.shape, product.out.shape) for product in products]
    forward = [((7, 9), (9, 3), (7, 3)), ((5, 7), (7, 3), (5, 3)), ((4, 5), (5, 3), (4, 3))]
    assert shapes[:3] == forward
    back = [product for product in products if product.left.shape == (7, 5)]
    assert [p.left.address for p in back] == [products[1].left.address] and back[0].left.order == "F"
    assert len({product.left.address for product in products[:3]}) == 3


@pytest.mark.parametrize("name", algorithms())
def test_watching_changes_no_number(name, monkeypatch):
    kind, steps = get_algorithm(name), []
    plain_step = kind.step

    def step(self, params, x, y, grads, rng, **extra):
        plain = {family: {l: a.view(np.ndarray) for l, a in layers.items()} for family, layers in params.items()}
        again = empty_like(plain, self.learned)
        plain_step(self, plain, x.view(np.ndarray), y.view(np.ndarray), again, np.random.default_rng(1), **extra)
        record = plain_step(self, params, x, y, grads, np.random.default_rng(1), **extra)
        steps.append((grads, again))
        return record

    monkeypatch.setattr(kind, "step", step)
    products_of(build(kind, 2), sizes(2), batch_size=4)
    ((watched, plain),) = steps
    for (_, a), (_, b) in zip(entries(watched), entries(plain), strict=True):
        np.testing.assert_array_equal(a.view(np.ndarray), b)
