"""What the training loop asks of a spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
        """What moves the parameters."""

    @property
    def init(self) -> Initializer:
        """The initial weights' scheme."""

    @property
    def probes(self) -> Sequence[Probe]:
        """What is measured beside the errors."""

    @property
    def depth(self) -> int:
        """Hidden layers."""

    @property
    def width(self) -> int:
        """Units in each of them."""

    @property
    def batch_size(self) -> int:
        """Samples in a mini-batch."""

    @property
    def epochs(self) -> int:
        """Passes over the training samples."""

    @property
    def validation(self) -> int:
        """Training samples held out."""

    @property
    def seed(self) -> int:
        """Of every random stream."""

    @property
    def dtype(self) -> str:
        """Of the parameters: ``float32`` or ``float64``."""
