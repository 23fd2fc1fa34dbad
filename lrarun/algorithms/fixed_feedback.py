"""The shared part of the learning rules with fixed random feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.nn.activations import flat_at_zero
from lrarun.nn.arrays import Array
from lrarun.nn.dropout import NO_DROPOUT, Dropout
from lrarun.nn.initializers import Glorot
from lrarun.settings import setting


@dataclass(frozen=True, kw_only=True)
class FixedFeedback(Algorithm):
    """A rule that sends errors back through matrices ``B``, drawn once and never learned."""

    dropout: Dropout = NO_DROPOUT

    feedback: Literal["glorot", "gaussian", "uniform"] = setting(
        "glorot",
        "distribution of the fixed feedback B",
        paper="'a non-learnable, random matrix of the same dimensions' as W; feedback alignment worked best with"
        " 'a uniform fan-in-fan-out scheme', taken here to mean B as well. Lillicrap et al. (2016) drew B"
        " uniformly, with one bound for all entries",
    )
    feedback_scale: float = setting(
        1.0,
        "factor on B: on the Glorot bound (glorot), the standard deviation (gaussian), the bound (uniform)",
        gt=0,
        paper="not stated; 1 keeps B as large as the initial W",
    )
    reduction: Literal["sum", "mean"] = setting(
        "mean",
        "how an update is formed from a mini-batch",
        paper="not stated; both train. The mean comes near the printed numbers; the sum has the lower validation error"
        " (lrarun docs choices)",
    )

    @classmethod
    def defaults(cls, depth):
        return {"init": {"name": "glorot"}}

    def refuses(self, choice):
        return flat_at_zero(self.activation) if choice == "zeros" else ""

    def draw_feedback(self, rng: np.random.Generator, shape: tuple[int, int], dtype: np.dtype) -> Array:
        """Draw a feedback matrix of a shape in float64, and round it to the dtype."""
        if self.feedback == "glorot":
            B = Glorot().draw(rng, shape)
        elif self.feedback == "gaussian":
            B = rng.standard_normal(shape)
        else:
            B = rng.uniform(-1, 1, shape)
        return (self.feedback_scale * B).astype(dtype)
