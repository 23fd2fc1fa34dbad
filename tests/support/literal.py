"""The published equations written out sample by sample: the tests' oracle, independent of lrarun.

Derivatives are functions of the pre-activation h here, where lrarun writes them in the output.
"""

from __future__ import annotations

import numpy as np

PHI = {
    "tanh": lambda h: (np.exp(2 * h) - 1) / (np.exp(2 * h) + 1),
    "sigmoid": lambda h: 1 / (1 + np.exp(-h)),
    "softsign": lambda h: h / (1 + abs(h)),
    "relu": lambda h: np.array([unit if unit > 0 else 0.0 for unit in h]),
    "leaky-relu": lambda h: np.array([unit if unit > 0 else 0.01 * unit for unit in h]),
    "hard-sigmoid": lambda h: np.array([min(max(unit, 0.0), 1.0) for unit in h]),
    "identity": lambda h: 1.0 * h,
}

DPHI = {
    "tanh": lambda h: 1 / np.cosh(h) ** 2,
    "sigmoid": lambda h: np.exp(-h) / (1 + np.exp(-h)) ** 2,
    "softsign": lambda h: 1 / (1 + abs(h)) ** 2,
    "relu": lambda h: np.array([1.0 if unit > 0 else 0.0 for unit in h]),
    "leaky-relu": lambda h: np.array([1.0 if unit > 0 else 0.01 for unit in h]),
    "hard-sigmoid": lambda h: np.array([1.0 if 0 < unit < 1 else 0.0 for unit in h]),
    "identity": lambda h: np.ones(len(h)),
}


def softmax(h):
    return np.exp(h) / sum(np.exp(unit) for unit in h)


def forward(W, c, x, phi):
    """h and z of one sample, Eq. 1 with biases; c[l] is a column."""
    h, z = {}, {0: x}
    for l in range(1, len(W) + 1):
        h[l] = W[l] @ z[l - 1] + c[l][:, 0]
        z[l] = phi(h[l]) if l < len(W) else softmax(h[l])
    return h, z


def output_error(z, y):
    """-y/z (Eq. 2, without its factor 1/2) through the softmax's Jacobian diag(z) - z z^T."""
    return (np.diag(z) - np.outer(z, z)) @ (-y / z)


def accumulate(deltas, reduction):
    """Sum or mean over the samples of delta^l (z^{l-1})^T and delta^l.

    Args:
        deltas: per sample, ``(delta, z)`` with delta[l] for l = 1..L.
    """
    dW, dc = {}, {}
    for delta, z in deltas:
        for l, vector in delta.items():
            dW[l] = dW.get(l, 0) + np.outer(vector, z[l - 1])
            dc[l] = dc.get(l, 0) + vector[:, None]
    n = len(deltas) if reduction == "mean" else 1
    return {"W": {l: a / n for l, a in dW.items()}, "c": {l: a / n for l, a in dc.items()}}
