"""Random feedback alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lrarun.algorithms.fixed_feedback import FixedFeedback
from lrarun.nn.losses import nll
from lrarun.nn.network import depth_of, init_forward, write_gradients


@dataclass(frozen=True, kw_only=True)
class RFA(FixedFeedback):
    """Random feedback alignment (Lillicrap, Cownden, Tweed and Akerman 2016).

    Backprop with a fixed random matrix in place of W's transpose:
    delta^L = z^L - y,  delta^l = (B_{l+1} delta^{l+1}) * phi'(h^l),
    dW_l = delta^l (z^{l-1})^T,  dc_l = delta^l summed over the samples.

    ``B[l]``, l = 2..L, has W[l]'s shape and is applied as ``B[l].mT @ delta``: B = W is
    backprop.
    """

    name: ClassVar[str] = "rfa"
    title: ClassVar[str] = "RFA"

    def init(self, sizes, initialize, rng):
        # Drawn after the forward weights, so that the feedback's settings don't change those.
        params = init_forward(sizes, initialize, rng)
        params["B"] = {l: self.draw_feedback(rng, W.shape, W.dtype) for l, W in params["W"].items() if l > 1}
        return params

    def step(self, params, x, y, grads, rng):
        z, slope = self.dropout.forward(params, x, self.activation, rng)
        L = depth_of(params)
        delta = z[L] - y
        for l in range(L, 0, -1):
            write_gradients(grads, l, delta, z[l - 1], self.reduction)
            if l > 1:
                delta = (params["B"][l].mT @ delta) * slope(l - 1)
        return {"nll": nll(z[L], y)}
