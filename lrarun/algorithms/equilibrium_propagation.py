"""Equilibrium propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.nn import relaxation
from lrarun.nn.activations import HARD_SIGMOID, Activation
from lrarun.nn.arrays import Array, Params, namespace, write, write_product
from lrarun.nn.losses import nll
from lrarun.nn.network import depth_of, init_forward
from lrarun.nn.relaxation import State
from lrarun.settings import setting

# Hidden layers -> the first layer's learning rate, and the ratio from layer to layer (docs/choices.md).
# Glorot weights weaken a nudge at every layer, so the learning rate must grow towards the inputs.
RATES = {1: (0.2, 0.5), 2: (2.0, 0.1), 3: (4.0, 0.1), 5: (8.0, 0.2), 8: (30.0, 0.35)}


@dataclass(frozen=True, kw_only=True)
class EquilibriumPropagation(Algorithm):
    """Equilibrium propagation (Scellier and Bengio 2017), on the energy of :mod:`lrarun.nn.relaxation`.

    Free phase: s settles given x. Nudged phase: beta/2 |y - s_L|^2 is added to the energy,
    and s settles a little from there, towards y. The update is the contrast of the two
    phases, averaged over the mini-batch:
    dW_l = -(1/beta) (s_l^beta (s_{l-1}^beta)^T - s_l^0 (s_{l-1}^0)^T),
    dc_l = -(1/beta) (s_l^beta - s_l^0),
    each times rate_ratio^(l-1). A symmetric nudge replaces 0 by -beta and beta by 2 beta.
    The cost is the paper's, 1/2 |y - s_L|^2. Its released code leaves out the 1/2: a beta or
    a learning rate there corresponds to twice its value here.
    """

    name: ClassVar[str] = "equilibrium-propagation"
    title: ClassVar[str] = "Equil-Prop"

    activation: Activation = HARD_SIGMOID

    free_sweeps: int = setting(
        5,
        "updates of every layer in the free phase, and in prediction",
        ge=0,
        paper="not stated; Scellier and Bengio take 20, 150, 500 Euler steps for 1, 2, 3 hidden layers; with"
        " alternating updates from a forward pass, hidden layers + 2 learn as well as more",
    )
    nudged_sweeps: int = setting(
        2,
        "updates of every layer in a nudged phase",
        ge=1,
        paper="not stated; Scellier and Bengio take 4, 6, 8 Euler steps for 1, 2, 3 hidden layers; alternating"
        " updates learn best if there are just enough for the nudge to reach the first layer",
    )
    relaxation: Literal["alternating", "euler"] = setting(
        "alternating",
        "how the state settles: set every second layer to its exact minimum, then the others;"
        " or move all layers a step down the slope of the energy",
        paper="not stated; Scellier and Bengio take Euler steps, which settle several times more slowly",
    )
    step_size: float = setting(
        0.5,
        "step of the Euler relaxation, in units of the time constant",
        gt=0,
        le=1,
        paper="not stated; 0.5 in Scellier and Bengio",
    )
    beta: float = setting(
        0.2,
        "strength of the nudge, the weight of 1/2 |y - s_L|^2 in the energy",
        gt=0,
        paper="not stated; 0.5, 1, 1 for 1, 2, 3 hidden layers in Scellier and Bengio",
    )
    nudge: Literal["one-sided", "random-sign", "symmetric"] = setting(
        "symmetric",
        "beta as it is, beta with a sign drawn per mini-batch, or one phase for each sign",
        paper="not stated; random-sign in Scellier and Bengio",
    )
    initial_state: Literal["forward", "zero", "persistent"] = setting(
        "forward",
        "where the free phase starts: a bottom-up pass, zero, or where it ended for this sample in the last"
        " epoch; persistent states take 4 x (hidden units + classes) x samples bytes (twice that in float64)",
        paper="not stated; persistent, zero at first, in Scellier and Bengio",
    )
    rate_ratio: float = setting(
        0.1,
        "learning rate of a layer, divided by that of the layer below; 1 if the optimizer has a rate for each layer",
        gt=0,
        le=1000,
        paper="not stated; 1/2 for 1 hidden layer, 1/4 for 3 in Scellier and Bengio",
    )
    output_scale: float = setting(
        0.1,
        "factor on the output layer's initial weights",
        ge=0,
        paper="not stated; with 1, about half of the output units start at 0, where a hard sigmoid can't learn",
    )
    output_bias: float = setting(
        0.05, "initial bias of the output units; 0 if the spec has bias: false", paper="not stated; see output_scale"
    )

    def __post_init__(self) -> None:
        if self.activation is not HARD_SIGMOID:
            raise ValueError(f"{self.name} needs the activation 'hard-sigmoid', not {self.activation.name!r}")

    @classmethod
    def defaults(cls, depth):
        learning_rate, rate_ratio = RATES[max(known for known in RATES if known <= depth)]
        return {
            "activation": HARD_SIGMOID.name,
            "optimizer": {"name": "sgd", "learning_rate": learning_rate},
            "init": {"name": "glorot"},
            "algorithm.free_sweeps": depth + 2,
            # Each sweep brings the nudge two layers further down.
            "algorithm.nudged_sweeps": (depth + 2) // 2,
            "algorithm.rate_ratio": rate_ratio,
        }

    @classmethod
    def defaults_beside(cls, given):
        found = {}
        if isinstance(given.get("optimizer.learning_rate"), tuple):
            found["algorithm.rate_ratio"] = 1.0
        if given.get("bias") is False:
            found["algorithm.output_bias"] = 0.0
        return found

    def refuses(self, choice):
        if choice == "layer rates" and self.rate_ratio != 1:
            return f"rate_ratio {self.rate_ratio:g} scales the layers too: leave it out, or set it to 1"
        if choice == "no bias" and self.output_bias:
            return f"output_bias is {self.output_bias:g}: leave it out, or set it to 0"
        return {
            "dropout": "its units settle together, and the paper does not say how without one that is left out",
            "zeros": "the nudge comes back through W: from 0, no hidden unit ever moves",
        }.get(choice, "")

    def init(self, sizes, initialize, rng):
        params = init_forward(sizes, initialize, rng)
        L = depth_of(params)
        params["W"][L] *= self.output_scale
        params["c"][L] += self.output_bias
        return params

    def carry(self, sizes, samples, dtype):
        if self.initial_state != "persistent":
            return None
        return {l: np.zeros((samples, sizes[l]), dtype) for l in range(1, len(sizes))}

    def step(self, params, x, y, grads, rng, carried: State | None = None):
        drive = relaxation.drive_of(params, x)
        free = self._settle(params, drive, carried)
        if carried is not None:
            for l, s in free.items():
                write(carried, l, s)
        nudged, base, span = self._nudge(params, drive, free, y, rng)
        self._write_contrast(grads, x, nudged, base, span)
        return {"nll": nll(free[depth_of(params)], y)}

    def predict(self, params, x):
        return self.activities(params, x)[depth_of(params)]

    def activities(self, params, x):
        return self._settle(params, relaxation.drive_of(params, x))

    def _settle(self, params: Params, drive: Array, carried: State | None = None) -> State:
        """Return the state after the free phase."""
        if carried is not None:
            s = carried
        elif self.initial_state == "zero":
            s = relaxation.zero_state(params, drive)
        else:
            s = relaxation.forward_state(params, drive)
        return self._relax(params, drive, s, self.free_sweeps)

    def _nudge(
        self, params: Params, drive: Array, free: State, y: Array, rng: np.random.Generator
    ) -> tuple[State, State, float]:
        """Return the two states whose contrast is learnt, and the difference of their betas."""
        sweeps, n = self.nudged_sweeps, y.shape[-1]
        if self.nudge != "symmetric":
            sign = 1 - 2 * (rng.random() < 0.5) if self.nudge == "random-sign" else 1
            return self._relax(params, drive, free, sweeps, sign * self.beta, y), free, sign * self.beta
        # One relaxation of both signs, on twice the samples: one product costs less than two of half its size.
        xp = namespace(y)
        beta = xp.repeat(xp.asarray([self.beta, -self.beta], dtype=y.dtype), n)
        start = {l: _twice(s) for l, s in free.items()}
        both = self._relax(params, _twice(drive), start, sweeps, beta, _twice(y))
        return {l: s[..., :n] for l, s in both.items()}, {l: s[..., n:] for l, s in both.items()}, 2 * self.beta

    def _relax(self, params, drive, s, sweeps, beta=0.0, y=None) -> State:
        if self.relaxation == "euler":
            return relaxation.euler(params, drive, s, sweeps, self.step_size, beta, y)
        return relaxation.alternating(params, drive, s, sweeps, beta, y)

    def _write_contrast(self, grads: Params, x: Array, s: State, base: State, span: float) -> None:
        """Write -(rate_ratio^(l-1) / span) (s s^T - base base^T), averaged over samples, and the same for biases."""
        for l in s:
            factor = -(self.rate_ratio ** (l - 1)) / (span * x.shape[-1])
            rise = s[l] - base[l]
            rise *= factor
            write(grads["c"], l, rise.sum(axis=-1, keepdims=True))
            if l == 1:
                write_product(grads["W"], 1, rise, x.mT)
            else:
                # s s'^T - b b'^T = (s - b) s'^T + b (s' - b')^T: one product, no weight-sized temporary.
                left = _beside(rise, factor * base[l])
                right = _beside(s[l - 1], s[l - 1] - base[l - 1])
                write_product(grads["W"], l, left, right.mT)


def _twice(a: Array) -> Array:
    """Return the samples twice, side by side."""
    return _beside(a, a)


def _beside(a: Array, b: Array) -> Array:
    """Return the samples of both arrays, side by side."""
    return namespace(a).concatenate([a, b], axis=-1)
