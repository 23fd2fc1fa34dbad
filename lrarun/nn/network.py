"""Parameters and the forward pass.

Layers are numbered as in the paper: ``params["W"][l]`` and ``params["c"][l]`` for
l = 1..L, where layer L is the output. Columns are samples. Every function here also
takes a stack of networks, as a leading axis of every array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lrarun.nn.activations import softmax
from lrarun.nn.arrays import Array, Params, scaled, write_product, write_row_sums

Initialize = Callable[[np.random.Generator, tuple[int, int]], Array]


def depth_of(params: Params) -> int:
    """Return L, the number of the output layer."""
    return len(params["W"])


def layer_sizes(inputs: int, depth: int, width: int | Sequence[int], classes: int) -> list[int]:
    """Return the units of every layer, from the inputs to the classes.

    Args:
        inputs: the number of inputs.
        depth: hidden layers.
        width: units in each hidden layer, one number for all or ``depth`` of them.
        classes: the number of classes.
    """
    hidden = [width] * depth if isinstance(width, int) else list(width)
    return [inputs, *hidden, classes]


def init_forward(sizes: Sequence[int], initialize: Initialize, rng: np.random.Generator) -> Params:
    """Draw weights W, shape ``(sizes[l], sizes[l-1])``, and return them with zero biases c, shape ``(sizes[l], 1)``."""
    layers = range(1, len(sizes))
    W = {l: initialize(rng, (sizes[l], sizes[l - 1])) for l in layers}
    return {"W": W, "c": {l: np.zeros((sizes[l], 1), W[l].dtype) for l in layers}}


def affine(W: Array, c: Array, z: Array) -> Array:
    """Return W z + c as a new array of shape ``(..., units, n)``.

    Args:
        W: weights, shape ``(..., units, units below)``.
        c: biases, shape ``(..., units, 1)``.
        z: what the layer reads, shape ``(..., units below, n)``.
    """
    h = W @ z
    h += c  # in place: an evaluation's blocks are too large for a second array to be free
    return h


def forward(params: Params, x: Array, phi: Callable[[Array], Array]) -> tuple[dict[int, Array], dict[int, Array]]:
    """Return the pre-activations h and post-activations z of every layer (Eq. 1).

    Args:
        params: at least ``W`` and ``c``.
        x: inputs, shape ``(..., inputs, n)``.
        phi: the hidden layers' post-activation; the output layer's is softmax.

    Returns:
        h for l = 1..L and z for l = 0..L, with z[0] = x; shapes ``(..., units, n)``.
    """
    W, c, L = params["W"], params["c"], depth_of(params)
    h, z = {}, {0: x}
    for l in range(1, L + 1):
        h[l] = affine(W[l], c[l], z[l - 1])
        z[l] = phi(h[l]) if l < L else softmax(h[l])
    return h, z


def predict(params: Params, x: Array, phi: Callable[[Array], Array]) -> Array:
    """Return the output z^L, shape ``(..., classes, n)``, without keeping the layers below."""
    W, c, L = params["W"], params["c"], depth_of(params)
    z = x
    for l in range(1, L + 1):
        h = affine(W[l], c[l], z)
        z = phi(h) if l < L else softmax(h)
    return z


def empty_like(params: Params, families: Sequence[str]) -> Params:
    """Return uninitialised arrays in the shapes of some families of the parameters."""
    return {family: {l: np.empty_like(a) for l, a in params[family].items()} for family in families}


def write_gradients(
    grads: Params,
    l: int,
    delta: Array,
    z_below: Array,
    reduction: str,
    scale: float = 1.0,
    families: tuple[str, str] = ("W", "c"),
) -> None:
    """Write the gradients of layer l's weights, ``delta z_below^T``, and of its biases, delta's row sums.

    Args:
        grads: where they are written, into ``grads["W"][l]`` and ``grads["c"][l]`` unless ``families`` says otherwise.
        l: the layer.
        delta: the loss's derivative with respect to h^l, shape ``(..., units, n)``; not changed.
        z_below: what the weights are multiplied with, shape ``(..., units below, n)``.
        reduction: ``"sum"`` or ``"mean"`` over the n samples.
        scale: a factor on both gradients.
        families: of the weights and of the biases.
    """
    weights, biases = families
    n = delta.shape[-1]
    delta = scaled(delta, scale / n if reduction == "mean" else scale)
    write_product(grads[weights], l, delta, z_below.mT)
    write_row_sums(grads[biases], l, delta)
