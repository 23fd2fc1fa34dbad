"""The interface of a learning rule.

A rule is one file with one final subclass of :class:`Algorithm`, a frozen dataclass whose
fields are its hyper-parameters. The file is in this package, in an installed package (an
entry point in the group ``lrarun.algorithms``), or a plugin. Nothing else needs an edit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from lrarun.nn import network
from lrarun.nn.activations import TANH, Activation
from lrarun.nn.arrays import Array, Params
from lrarun.nn.network import Initialize

Record = dict[str, Array]


class Targets(NamedTuple):
    """The targets of a mini-batch and what they were computed from, by layer, shapes ``(..., units, n)``.

    Attributes:
        z: post-activations, l = 0..L.
        y_z: targets, l = 1..L. The output's is the label.
        e: error units, l = 1..L; empty for a rule without them.
    """

    z: dict[int, Array]
    y_z: dict[int, Array]
    e: dict[int, Array]


@runtime_checkable
class SetsTargets(Protocol):
    """A rule whose layers have targets. A probe can measure their discrepancy."""

    def targets(self, params: Params, x: Array, y: Array) -> Targets:
        """Return the targets of one mini-batch; arguments and shapes as for :meth:`Algorithm.step`."""


@dataclass(frozen=True, kw_only=True)
class Algorithm(ABC):
    """A learning rule for a multilayer perceptron.

    Class attributes:
        name: as written in a spec.
        title: as written in tables: the paper's, or the rule's own.
        learned: the parameter families that the optimizer updates. Other families, such as
            fixed random feedback, stay as they were drawn.

    The rule never changes ``params``. It writes ``grads``, and the optimizer subtracts them.
    It draws random numbers only from the generator that it is given. All arrays have the
    parameters' dtype. Columns are samples. Any array may have a leading axis of networks
    before its last two axes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    learned: ClassVar[tuple[str, ...]] = ("W", "c")

    # From the spec's top-level key `activation`, not from the algorithm's block.
    activation: Activation = TANH
    # A rule whose step can leave units out also has `dropout: Dropout`, from the spec's `dropout` and `input_dropout`.

    @classmethod
    def defaults(cls, depth: int) -> Mapping[str, Any]:
        """Return this rule's defaults for a spec, where they differ from the spec's own or depend on the depth.

        Args:
            depth: hidden layers.

        Returns:
            By a spec's keys: ``optimizer``, ``init``, ``batch_size``, ``activation``, or dotted
            ones such as ``algorithm.free_sweeps``.
        """
        return {}

    @classmethod
    def defaults_beside(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return further defaults, which depend on what a spec gives; they come over :meth:`defaults`.

        Args:
            given: the spec's values by dotted key.
        """
        return {}

    def refuses(self, choice: str) -> str:
        """Return why the rule does not go with a choice that a spec makes elsewhere; empty if it does.

        Args:
            choice: ``dropout``; ``zeros``, all initial weights 0; ``layer rates``, a learning rate for
                each layer; ``no bias``, biases that stay 0.
        """
        return "its step leaves no units out" if choice == "dropout" else ""

    def passes(self) -> tuple[tuple[str, ...], ...]:
        """Return which families each pass over the training samples updates; an epoch makes all passes in turn.

        In a pass, ``grads`` has these families only: ``step`` writes no others.
        """
        return (self.learned,)

    def init(self, sizes: Sequence[int], initialize: Initialize, rng: np.random.Generator) -> Params:
        """Draw the initial parameters of every family.

        Args:
            sizes: units per layer, from the inputs to the classes.
            initialize: (rng, shape) -> weights in the run's dtype.
            rng: the run's stream for initial weights.

        Returns:
            By family and layer: at least ``W``, shape ``(sizes[l], sizes[l-1])``, and ``c``,
            shape ``(sizes[l], 1)``.
        """
        return network.init_forward(sizes, initialize, rng)

    def carry(self, sizes: Sequence[int], samples: int, dtype: Any) -> dict[int, Array] | None:
        """Return the initial values of what the rule remembers of each training sample.

        For each mini-batch, the training loop gathers the samples' rows and passes them to
        ``step``, transposed to shape ``(units, n)``, as the keyword ``carried``. ``step``
        overwrites them in place, and the loop stores them until the next epoch.

        Args:
            sizes: units per layer, from the inputs to the classes.
            samples: the size of the training set.
            dtype: the parameters' dtype.

        Returns:
            By layer, one row per sample, shape ``(samples, units)``; or None, the default, if
            the rule remembers nothing.
        """
        return None

    @abstractmethod
    def step(self, params: Params, x: Array, y: Array, grads: Params, rng: np.random.Generator) -> Record:
        """Write what the optimizer subtracts into every entry of ``grads``, for one mini-batch.

        Args:
            params: must not be changed.
            x: inputs, shape ``(..., inputs, n)``.
            y: one-hot labels, shape ``(..., classes, n)``.
            grads: arrays shaped like the learned families, or those of this pass. Their old content means nothing.
            rng: the run's noise stream.

        Returns:
            Measurements of this mini-batch, each one number per network: at least ``nll``, the
            mean negative log likelihood before the update.
        """

    def predict(self, params: Params, x: Array) -> Array:
        """Return class scores, 0 or more, shape ``(..., classes, n)``."""
        return network.predict(params, x, self.activation.phi)

    def activities(self, params: Params, x: Array) -> dict[int, Array]:
        """Return each layer's activities when the network predicts, at least for l = 1..L.

        Shapes are ``(..., units, n)``. The last layer's are what :meth:`predict` returns: a
        rule that predicts in its own way overrides both methods.
        """
        return network.forward(params, x, self.activation.phi)[1]
