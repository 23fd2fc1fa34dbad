"""Layered Hopfield networks that settle into a minimum of their energy.

With units s_l in [0, 1], where the hard sigmoid rho(s) = clip(s, 0, 1) is the
identity, the energy of one sample (Scellier and Bengio 2017, Eq. 1) is

    E = sum_l 1/2 |s_l|^2 - s_l^T W_l s_{l-1} - c_l^T s_l,   l = 1..L,  s_0 = x,

and a nudge adds beta/2 |y - s_L|^2. Hence -dE/ds_l = field_l - s_l with
field_l = W_l s_{l-1} + W_{l+1}^T s_{l+1} + c_l.

A state is a dict by layer, ``s[l]`` of shape ``(..., units, n)``. ``drive`` is W_1 x + c_1,
the part of layer 1's field that no sweep changes. No function changes the state that it is
given.
"""

from __future__ import annotations

from lrarun.nn.activations import clip_to_unit
from lrarun.nn.arrays import Array, Params, namespace
from lrarun.nn.network import affine, depth_of

State = dict[int, Array]


def drive_of(params: Params, x: Array) -> Array:
    """Return W_1 x + c_1, shape ``(..., units of layer 1, n)``."""
    return affine(params["W"][1], params["c"][1], x)


def energy(params: Params, drive: Array, s: State) -> Array:
    """Return the energy of each sample without a nudge, shape ``(..., n)``."""
    total = namespace(drive).zeros((), dtype=drive.dtype)
    for l in s:
        below = drive if l == 1 else affine(params["W"][l], params["c"][l], s[l - 1])
        total = total + (s[l] * (0.5 * s[l] - below)).sum(axis=-2)
    return total


def forward_state(params: Params, drive: Array) -> State:
    """Return the state after one bottom-up pass: s_l = clip(W_l s_{l-1} + c_l, 0, 1), shapes ``(..., units, n)``."""
    s = {1: clip_to_unit(drive)}
    for l in range(2, depth_of(params) + 1):
        s[l] = clip_to_unit(affine(params["W"][l], params["c"][l], s[l - 1]))
    return s


def zero_state(params: Params, drive: Array) -> State:
    """Return the state with every unit at 0, shapes ``(..., units, n)``."""
    shapes = {l: (*drive.shape[:-2], c.shape[-2], drive.shape[-1]) for l, c in params["c"].items()}
    return {l: namespace(drive).zeros(shape, dtype=drive.dtype) for l, shape in shapes.items()}


def field(params: Params, drive: Array, s: State, l: int) -> Array:
    """Return W_l s_{l-1} + W_{l+1}^T s_{l+1} + c_l as a new array of s_l's shape."""
    total = drive.copy() if l == 1 else affine(params["W"][l], params["c"][l], s[l - 1])
    if l + 1 in s:
        total += params["W"][l + 1].mT @ s[l + 1]
    return total


def _nudged_minimum(total: Array, y: Array, beta: float | Array) -> Array:
    """Return the s in [0, 1] that minimises (1 + beta)/2 s^2 - (total + beta y) s."""
    total += beta * y
    xp = namespace(total)
    curvature = xp.asarray(1 + beta, dtype=total.dtype)
    inner = clip_to_unit(total / xp.where(curvature > 0, curvature, 1))
    # Where the parabola is not convex, its minimum is at 0 or at 1.
    return xp.where(curvature > 0, inner, total > curvature / 2)


def alternating(
    params: Params, drive: Array, s: State, sweeps: int, beta: float | Array = 0.0, y: Array | None = None
) -> State:
    """Relax by block coordinate descent: set every second layer to its exact minimum, then the layers between.

    No term of the energy joins two layers of the same parity. Setting all of them at once
    therefore minimises the energy exactly, and it never rises. The output's parity goes
    first, because a nudge enters there.

    Args:
        params: ``W`` and ``c``.
        drive: as from :func:`drive_of`.
        s: where to start, shapes ``(..., units, n)``.
        sweeps: updates of every layer.
        beta: the nudge's strength, of either sign, or one for each sample, shape ``(n,)``.
        y: one-hot labels, shape ``(..., classes, n)``, or None for no nudge.

    Returns:
        The state reached, in the shapes of ``s``.
    """
    s, L = dict(s), depth_of(params)
    for _ in range(sweeps):
        for l in (*range(L, 0, -2), *range(L - 1, 0, -2)):
            total = field(params, drive, s, l)
            if l == L and y is not None:
                s[l] = _nudged_minimum(total, y, beta)
            else:
                s[l] = clip_to_unit(total)
    return s


def euler(
    params: Params,
    drive: Array,
    s: State,
    sweeps: int,
    step_size: float,
    beta: float | Array = 0.0,
    y: Array | None = None,
) -> State:
    """Relax by the published dynamics: s_l <- clip(s_l - step_size dE/ds_l, 0, 1), all layers at once.

    Arguments, result and their shapes are those of :func:`alternating`. With a step size of
    1 or more, the state may not settle.
    """
    L = depth_of(params)
    for _ in range(sweeps):
        moved = {}
        for l in s:
            slope = field(params, drive, s, l)
            slope -= s[l]
            if l == L and y is not None:
                slope += beta * (y - s[l])
            slope *= step_size
            slope += s[l]
            moved[l] = clip_to_unit(slope)
        s = moved
    return dict(s)
