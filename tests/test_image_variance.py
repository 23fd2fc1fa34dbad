"""The measured variance over images, held against networks whose probabilities of an error are known."""

from __future__ import annotations

import numpy as np
import pytest

from maintenance.image_variance import deviation


@pytest.mark.parametrize("seeds", [2, 3, 20])
def test_it_is_that_of_the_probabilities_without_the_seeds_own_luck(seeds):
    rng = np.random.default_rng(seeds)
    p, q = rng.beta(0.2, 4.0, 10_000), rng.beta(0.2, 3.0, 10_000)
    truth = 100 * (p - q).std() / 100
    found = [
        deviation((rng.random((seeds, 10_000)) < p).astype(float), (rng.random((seeds, 10_000)) < q).astype(float))
        for _ in range(20)
    ]
    assert np.mean(found) == pytest.approx(truth, rel=0.02)


def test_equal_probabilities_leave_nothing():
    rng = np.random.default_rng(0)
    p = rng.beta(0.2, 4.0, 10_000)
    one, other = ((rng.random((5, 10_000)) < p).astype(float) for _ in range(2))
    assert deviation(one, other) < 0.3 * 100 * (one[0] - other[0]).std() / 100
