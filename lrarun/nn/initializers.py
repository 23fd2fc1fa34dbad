"""Initial weights.

An initializer is called with a generator, a shape ``(fan_out, fan_in)`` and a dtype. It
draws in float64 and rounds, so that float32 and float64 runs start from the same weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lrarun.nn.arrays import Array
from lrarun.settings import lookup, setting


class Initializer(ABC):
    """A scheme for initial weights."""

    name: ClassVar[str]

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Draw float64 weights of shape ``(fan_out, fan_in)``."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float32) -> Array:
        """Draw weights of shape ``(fan_out, fan_in)`` in a dtype."""
        return self.draw(rng, shape).astype(dtype, order="C")


@dataclass(frozen=True)
class Gaussian(Initializer):
    """Zero-mean normal weights with one standard deviation for every layer."""

    name: ClassVar[str] = "gaussian"
    std: float = setting(
        0.05,
        "standard deviation of the weights",
        gt=0,
        paper="prints 'variance of 0.05'; a standard deviation of 0.05 for W fits Table 1"
        " (with a variance of 0.05 the network memorises: 6.6 % validation error after 10 epochs, against 2.8)",
    )

    def draw(self, rng, shape):
        return self.std * rng.standard_normal(shape)


@dataclass(frozen=True)
class Glorot(Initializer):
    """Uniform weights within ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, Eq. 16)."""

    name: ClassVar[str] = "glorot"

    def draw(self, rng, shape):
        bound = np.sqrt(6 / sum(shape))
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Random matrices with orthonormal rows or columns, whichever are fewer (Saxe et al. 2014)."""

    name: ClassVar[str] = "orthogonal"
    gain: float = setting(1.0, "factor on the orthonormal matrix", gt=0)

    def draw(self, rng, shape):
        rows, columns = max(shape), min(shape)
        q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
        # Without these signs, the matrices would not be uniformly distributed (Mezzadri 2007).
        q *= np.sign(np.diagonal(r))
        return self.gain * (q if shape[0] >= shape[1] else q.T)


@dataclass(frozen=True)
class Zeros(Initializer):
    """All weights 0, as Nokland (2016) starts direct feedback alignment. It draws no random numbers.

    Only a rule that sends errors back through matrices of its own can learn from there.
    """

    name: ClassVar[str] = "zeros"

    def draw(self, rng, shape):
        return np.zeros(shape)


INITIALIZERS: dict[str, type[Initializer]] = {kind.name: kind for kind in (Gaussian, Glorot, Orthogonal, Zeros)}


def get_initializer(name: str) -> type[Initializer]:
    """Return an initializer class by name; raises ``UnknownName`` (a KeyError) if there is none."""
    return lookup("initial scheme", INITIALIZERS, name)
