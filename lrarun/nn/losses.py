"""Losses and their error units (Eqs. 2 to 4 of Ororbia and Mali).

A loss returns one number per network: arrays of shape ``(..., units, n)`` give a result of
shape ``(...)``. Error units have the shape of their arguments and are never divided by the
batch size. The mean over the batch is taken where the update is formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lrarun.nn.arrays import Array, namespace


def nll(scores: Array, y: Array) -> Array:
    """Return the mean negative log likelihood per sample, in nats, shape ``(...)``.

    Args:
        scores: class scores, 0 or more, shape ``(..., classes, n)``. They are normalised to
            sum to one, as equilibrium propagation's output units do not.
        y: one-hot labels of the same shape.

    The printed Eq. 2 has a factor 1/2 that its printed derivative lacks; the factor is left out here.
    """
    # The ufuncs' own reductions: for arrays this small, the methods sum and mean cost more than the sums.
    xp, tiny = namespace(scores), np.finfo(scores.dtype).tiny
    likelihood = xp.add.reduce(scores * y, axis=-2)
    likelihood /= xp.maximum(xp.add.reduce(scores, axis=-2), tiny)
    return xp.add.reduce(xp.log(xp.maximum(likelihood, tiny)), axis=-1) / -scores.shape[-1]


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
    lambda y, z: namespace(z).square(y - z).sum(axis=(-2, -1)),
    _gaussian_error,
)
CAUCHY = LocalLoss(
    "cauchy",
    # Eq. 4.
    lambda y, z: namespace(z).log1p(namespace(z).square(y - z)).sum(axis=(-2, -1)),
    _cauchy_error,
)

LOCAL_LOSSES = {loss.name: loss for loss in (GAUSSIAN, CAUCHY)}
