"""Everything that a learning rule of your own imports: ``from lrarun.rules import Algorithm, setting, forward``.

These names are stable; the modules that define them may move. docs/extending.md says what each is for.
"""

from __future__ import annotations

from lrarun.algorithms.base import Algorithm, Record, SetsTargets, Targets
from lrarun.nn.activations import HARD_SIGMOID, TANH, Activation, get_activation, softmax
from lrarun.nn.arrays import Array, Params, namespace, scaled, write, write_product, write_row_sums, write_scaled
from lrarun.nn.initializers import Gaussian, Glorot, Orthogonal
from lrarun.nn.losses import CAUCHY, GAUSSIAN, LOCAL_LOSSES, LocalLoss, nll
from lrarun.nn.network import Initialize, affine, depth_of, empty_like, forward, init_forward, predict, write_gradients
from lrarun.settings import setting

__all__ = [
    "CAUCHY", "GAUSSIAN", "HARD_SIGMOID", "LOCAL_LOSSES", "TANH", "Activation", "Algorithm", "Array",
    "Gaussian", "Glorot", "Initialize", "LocalLoss", "Orthogonal", "Params", "Record", "SetsTargets",
    "Targets", "affine", "depth_of", "empty_like", "forward", "get_activation", "init_forward", "namespace",
    "nll", "predict", "scaled", "setting", "softmax", "write", "write_gradients", "write_product",
    "write_row_sums", "write_scaled",
]  # fmt: skip
