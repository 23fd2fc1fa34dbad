"""What the training loop needs to know of a spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from lrarun.algorithms.base import Algorithm
from lrarun.engine.probes import Probe
from lrarun.nn.initializers import Initializer
from lrarun.nn.optimizers import Optimizer


class Experiment(Protocol):
    """Every choice that a run's numbers depend on; :class:`lrarun.specs.spec.Spec` is one."""

    @property
    def algorithm(self) -> Algorithm:
        """The learning rule."""

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of the learned parameters."""

    @property
    def init(self) -> Initializer:
        """The scheme of the initial weights."""

    @property
    def probes(self) -> Sequence[Probe]:
        """Further measurements."""

    @property
    def depth(self) -> int:
        """Number of hidden layers."""

    @property
    def width(self) -> int | tuple[int, ...]:
        """Units in each hidden layer: one number for all, or ``depth`` of them."""

    @property
    def bias(self) -> bool:
        """Whether biases are trained; else they are 0."""

    @property
    def batch_size(self) -> int:
        """Samples in a mini-batch."""

    @property
    def epochs(self) -> int:
        """Passes over the training samples."""

    @property
    def validation(self) -> int:
        """Training samples held out for validation."""

    @property
    def split(self) -> Literal["random", "last"]:
        """Which those are."""

    @property
    def seed(self) -> int:
        """The seed of every random stream."""

    @property
    def scores(self) -> str:
        """What a finished run is scored on: ``test``, or ``validation`` to leave the test samples alone."""

    @property
    def dtype(self) -> str:
        """The parameters' dtype: ``float32`` or ``float64``."""
