"""The same training steps as a PyTorch user would write them.

Backprop uses autograd, the other rules use eager tensors, and all use PyTorch's own
optimizers. Rows are samples; there is one thread. Each function computes what the rule of
that name in :mod:`lrarun.algorithms` computes with its default settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lrarun.bench.steps import Batch
from lrarun.bench.timing import Task
from lrarun.nn.arrays import Params
from lrarun.specs.spec import Spec

Tensors = dict[str, dict[int, Tensor]]
Gradients = Callable[[Any, Tensors, Tensor, Tensor], Tensors]


def torch_task(spec: Spec, params: Params, batches: Iterator[Batch]) -> Task:
    """Return a task of one training step; making tensors of the mini-batch is not timed.

    Args:
        spec: the rule and the optimizer.
        params: the initial parameters, of all families; copied.
        batches: inputs and one-hot labels, columns as samples.

    Raises:
        KeyError: the rule has no counterpart here.
    """
    gradients = GRADIENTS[spec.algorithm.name]
    tensors = as_tensors(params)
    learned = [tensors[family][l] for family in spec.algorithm.learned for l in tensors[family]]
    optimizer = _optimizer(spec, learned)
    x = y = torch.empty(0)

    def prepare() -> None:
        nonlocal x, y
        x, y = (torch.from_numpy(a.T.copy()) for a in next(batches))

    def run() -> None:
        for family, layers in gradients(spec.algorithm, tensors, x, y).items():
            for l, gradient in layers.items():
                tensors[family][l].grad = gradient
        optimizer.step()

    return Task(run, prepare)


def as_tensors(params: Params) -> Tensors:
    """Copies of the parameters; biases become vectors."""
    return {
        family: {
            l: torch.from_numpy(a.copy()).squeeze(-1) if a.shape[-1] == 1 else torch.from_numpy(a.copy())
            for l, a in layers.items()
        }
        for family, layers in params.items()
    }


def _optimizer(spec: Spec, learned: list[Tensor]) -> torch.optim.Optimizer:
    """PyTorch's optimizer of that name, fused into one call where it has that on a CPU."""
    chosen: Any = spec.optimizer
    if chosen.name == "sgd":
        return torch.optim.SGD(learned, chosen.learning_rate, fused=True)
    if chosen.name == "rmsprop":
        return torch.optim.RMSprop(learned, chosen.learning_rate, chosen.decay, chosen.epsilon)
    betas = (chosen.beta1, chosen.beta2)
    return torch.optim.Adam(learned, chosen.learning_rate, betas, chosen.epsilon, fused=True)


def _forward(p: Tensors, x: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    L = len(p["W"])
    h, z = {}, {0: x}
    for l in range(1, L + 1):
        h[l] = F.linear(z[l - 1], p["W"][l], p["c"][l])
        z[l] = torch.tanh(h[l]) if l < L else torch.softmax(h[l], dim=1)
    return h, z


def _outer(delta: Tensor, z_below: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """A layer's gradients of weights and biases."""
    if scale != 1:
        delta = delta * scale
    return delta.T @ z_below, delta.sum(dim=0)


def _collect(pairs: dict[int, tuple[Tensor, Tensor]], weights: str = "W", biases: str = "c") -> Tensors:
    return {weights: {l: pair[0] for l, pair in pairs.items()}, biases: {l: pair[1] for l, pair in pairs.items()}}


def backprop(rule: Any, p: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """By autograd, from the cross entropy of the output's pre-activation."""
    L = len(p["W"])
    for family in ("W", "c"):
        for a in p[family].values():
            a.requires_grad_(True)
            a.grad = None
    z = x
    for l in range(1, L):
        z = torch.tanh(F.linear(z, p["W"][l], p["c"][l]))
    loss = F.cross_entropy(F.linear(z, p["W"][L], p["c"][L]), y.argmax(dim=1))
    loss.backward()
    loss.item()
    return {}


@torch.no_grad()
def rfa(rule: Any, p: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """Random feedback alignment."""
    _, z = _forward(p, x)
    L = len(p["W"])
    delta, pairs = z[L] - y, {}
    for l in range(L, 0, -1):
        pairs[l] = _outer(delta, z[l - 1], 1 / len(x))
        if l > 1:
            delta = (delta @ p["B"][l]) * (1 - z[l - 1] ** 2)
    _loss(z[L], y)
    return _collect(pairs)


@torch.no_grad()
def dfa(rule: Any, p: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """Direct feedback alignment."""
    _, z = _forward(p, x)
    L = len(p["W"])
    e = z[L] - y
    pairs = {L: _outer(e, z[L - 1], 1 / len(x))}
    for l in range(1, L):
        pairs[l] = _outer((e @ p["B"][l]) * (1 - z[l] ** 2), z[l - 1], 1 / len(x))
    _loss(z[L], y)
    return _collect(pairs)


@torch.no_grad()
def lra_e(rule: Any, p: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """LRA-E with Eq. 7 and the Gaussian loss."""
    h, z = _forward(p, x)
    L = len(p["W"])
    e, pairs = z[L] - y, {}
    for l in range(L, 0, -1):
        pairs[l] = _outer(e, z[l - 1], 1)
        if l > 1:
            y_z = torch.tanh(h[l - 1] - rule.beta * (e @ p["E"][l]))
            e = rule.error_scale * (z[l - 1] - y_z)
    _loss(z[L], y)
    grads = _collect(pairs)
    return grads | {"E": {l: rule.gamma * W for l, W in grads["W"].items() if l > 1}}


@torch.no_grad()
def targets(rule: Any, p: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """Difference target propagation, with fixed or with adaptive noise."""
    _, z = _forward(p, x)
    L, scale = len(p["W"]), 2 / len(x)
    pairs, decoders = {L: _outer(z[L] - y, z[L - 1], 1 / len(x))}, {}
    step = rule.alpha * (z[L] - y)
    at_output = rule.top_target == "output"
    y_z = z[L] - step if at_output else z[L - 1] - step @ p["W"][L]
    sigma = rule.first_sigma()
    for l in range(L if at_output else L - 1, 0, -1):
        if l < L:
            pairs[l] = _outer((z[l] - y_z) * (1 - z[l] ** 2), z[l - 1], scale)
        if l > 1:
            u = z[l - 1] + sigma * torch.randn_like(z[l - 1])
            h = F.linear(u, p["W"][l], p["c"][l])
            v = torch.softmax(h, dim=1) if l == L else torch.tanh(h)
            decoded = _decode(p, l, v)
            decoders[l] = _outer((decoded - u) * (1 - decoded**2), v, scale)
            y_z = z[l - 1] - _decode(p, l, z[l]) + _decode(p, l, y_z)
            if rule.name == "dtp-sigma":
                sigma = (sigma - ((u - z[l - 1]) ** 2).mean()).clamp(min=0)
    _loss(z[L], y)
    return _collect(pairs) | _collect(decoders, "V", "b")


def _decode(p: Tensors, l: int, a: Tensor) -> Tensor:
    return torch.tanh(F.linear(a, p["V"][l], p["b"][l]))


@torch.no_grad()
def equilibrium_propagation(rule: Any, p: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """Alternating relaxation from a forward pass, with a symmetric nudge."""
    L = len(p["W"])
    drive = F.linear(x, p["W"][1], p["c"][1])
    s = {1: drive.clamp(0, 1)}
    for l in range(2, L + 1):
        s[l] = F.linear(s[l - 1], p["W"][l], p["c"][l]).clamp(0, 1)
    free = _settle(p, drive, s, rule.free_sweeps, 0.0, y)
    up = _settle(p, drive, free, rule.nudged_sweeps, rule.beta, y)
    down = _settle(p, drive, free, rule.nudged_sweeps, -rule.beta, y)
    pairs = {}
    for l in range(1, L + 1):
        factor = -(rule.rate_ratio ** (l - 1)) / (2 * rule.beta * len(x))
        below_up, below_down = (x, x) if l == 1 else (up[l - 1], down[l - 1])
        pairs[l] = (
            factor * (up[l].T @ below_up - down[l].T @ below_down),
            factor * (up[l] - down[l]).sum(dim=0),
        )
    _loss(free[L].clamp(min=1e-6), y)
    return _collect(pairs)


def _settle(p: Tensors, drive: Tensor, s: dict[int, Tensor], sweeps: int, beta: float, y: Tensor) -> dict[int, Tensor]:
    s, L = dict(s), len(p["W"])
    for _ in range(sweeps):
        for l in (*range(L, 0, -2), *range(L - 1, 0, -2)):
            field = drive if l == 1 else F.linear(s[l - 1], p["W"][l], p["c"][l])
            if l < L:
                field = field + s[l + 1] @ p["W"][l + 1]
            elif beta:
                field = (field + beta * y) / (1 + beta)
            s[l] = field.clamp(0, 1)
    return s


def _loss(scores: Tensor, y: Tensor) -> float:
    return -(scores * y).sum(dim=1).log().mean().item()


GRADIENTS: dict[str, Gradients] = {
    "backprop": backprop,
    "rfa": rfa,
    "dfa": dfa,
    "lra-e": lra_e,
    "dtp": targets,
    "dtp-sigma": targets,
    "equilibrium-propagation": equilibrium_propagation,
}
