"""Back-propagation of errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lrarun.algorithms.base import Algorithm
from lrarun.nn.dropout import NO_DROPOUT, Dropout
from lrarun.nn.losses import nll
from lrarun.nn.network import depth_of, write_gradients
from lrarun.settings import setting


@dataclass(frozen=True, kw_only=True)
class Backprop(Algorithm):
    """Back-propagation of errors (Rumelhart, Hinton and Williams 1986).

    delta^L = z^L - y,  delta^l = (W_{l+1}^T delta^{l+1}) * phi'(h^l),
    dW_l = delta^l (z^{l-1})^T,  dc_l = delta^l summed over the samples.
    """

    name: ClassVar[str] = "backprop"
    title: ClassVar[str] = "Backprop"

    dropout: Dropout = NO_DROPOUT

    reduction: Literal["sum", "mean"] = setting(
        "mean",
        "how an update is formed from a mini-batch",
        paper="not stated; the mean comes near the printed numbers, the sum diverges at 8 layers",
    )

    @classmethod
    def defaults(cls, depth):
        return {"init": {"name": "glorot"}}

    def refuses(self, choice):
        zeros = "errors come back through W: from 0, a layer's units get no error, or all of them the same"
        return zeros if choice == "zeros" else ""

    def step(self, params, x, y, grads, rng):
        z, slope = self.dropout.forward(params, x, self.activation, rng)
        L = depth_of(params)
        delta = z[L] - y
        for l in range(L, 0, -1):
            write_gradients(grads, l, delta, z[l - 1], self.reduction)
            if l > 1:
                delta = (params["W"][l].mT @ delta) * slope(l - 1)
        return {"nll": nll(z[L], y)}
