"""Losses and their error units (Eqs. 2 to 4 of Ororbia and Mali).

A loss returns one number per network: with arrays of shape ``(..., units, n)`` the
result has shape ``(...)``. Error units keep the shape of their arguments and are
never divided by the batch size; a mean over the batch is taken where an update is
formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrarun.nn.arrays import Array


def nll(scores: Array, y: Array) -> Array:
    """Mean negative log likelihood per sample, in nats, shape ``(...)``.

    Args:
        scores: class scores, 0 or more, shape ``(..., classes, n)``. Scores that do not
            sum to one (equilibrium propagation's output units) are normalised.
        y: one-hot labels of the same shape.

    The printed Eq. 2 carries a factor 1/2 that its own derivative lacks; it is left out.
    """
    # The ufuncs' own reductions: the methods sum and mean take longer than the sums here.
    tiny = np.finfo(scores.dtype).tiny
    likelihood = np.add.reduce(scores * y, axis=-2)
    likelihood /= np.maximum(np.add.reduce(scores, axis=-2), tiny)
    np.maximum(likelihood, tiny, out=likelihood)
    return np.add.reduce(np.log(likelihood), axis=-1) / -scores.shape[-1]


@dataclass(frozen=True)
class LocalLoss:
    """A hidden layer's loss between its target y and its post-activation z.

    Attributes:
        name: as written in a spec.
        value: (y, z), each ``(..., units, n)`` -> the loss summed over units and samples, ``(...)``.
        error: (y, z) -> dLoss/dz, the error units e, ``(..., units, n)``.
    """

    name: str
    value: Callable[[Array, Array], Array]
    error: Callable[[Array, Array], Array]


def _gaussian_error(y: Array, z: Array) -> Array:
    return 2 * (z - y)


def _cauchy_error(y: Array, z: Array) -> Array:
    difference = z - y
    return 2 * difference / (1 + difference * difference)


GAUSSIAN = LocalLoss(
    "gaussian",
    # Eq. 3 with 1/(2 sigma^2) = 1, so that the derivative is the -2(y - z) of Eq. 5 and Algorithm 1.
    lambda y, z: np.square(y - z).sum(axis=(-2, -1)),
    _gaussian_error,
)
CAUCHY = LocalLoss(
    "cauchy",
    # Eq. 4.
    lambda y, z: np.log1p(np.square(y - z)).sum(axis=(-2, -1)),
    _cauchy_error,
)

LOCAL_LOSSES = {loss.name: loss for loss in (GAUSSIAN, CAUCHY)}
