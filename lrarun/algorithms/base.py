"""The interface of a learning rule.

A rule is one file in this package (or an installed package's entry point in the
group ``lrarun.algorithms``) with one final subclass of :class:`Algorithm`, a frozen
dataclass whose fields are its hyper-parameters. Nothing else needs an edit.
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
    """What a rule that sets targets finds for a mini-batch, by layer, shapes ``(..., units, n)``.

    Attributes:
        z: post-activations, l = 0..L.
        y_z: the layers' targets, l = 1..L; the output's is the label.
        e: error units, l = 1..L; empty for a rule without them.
    """

    z: dict[int, Array]
    y_z: dict[int, Array]
    e: dict[int, Array]


@runtime_checkable
class SetsTargets(Protocol):
    """A rule whose layers have targets, so that a probe can measure their discrepancy."""

    def targets(self, params: Params, x: Array, y: Array) -> Targets:
        """Targets of one mini-batch, arguments and shapes as for :meth:`Algorithm.step`."""


@dataclass(frozen=True, kw_only=True)
class Algorithm(ABC):
    """A learning rule for a multilayer perceptron.

    Class attributes:
        name: as written in a spec.
        title: as written in the paper's tables, or a rule's own name.
        learned: the parameter families that the optimizer updates. Other families in
            the parameters, such as fixed random feedback, stay as they were drawn.

    The rule never changes ``params``: it writes ``grads``, and the optimizer subtracts
    them. Its random numbers come from the generator that it is given. All arrays have
    the parameters' dtype, columns are samples, and a leading axis of networks may
    stand before the last two axes of any array.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    learned: ClassVar[tuple[str, ...]] = ("W", "c")

    # Set from the spec's own key `activation`, not from the algorithm's block.
    activation: Activation = TANH

    @classmethod
    def defaults(cls, depth: int) -> Mapping[str, Any]:
        """What a spec means for this rule when it is silent, by the spec's keys.

        Keys are those of a spec (``optimizer``, ``init``, ``batch_size``, ``activation``,
        and dotted ones such as ``algorithm.free_sweeps``), where they differ from the
        spec's own defaults or depend on the number of hidden layers.
        """
        return {}

    def init(self, sizes: Sequence[int], initialize: Initialize, rng: np.random.Generator) -> Params:
        """Initial parameters of every family.

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
        """What the rule remembers of each training sample from one epoch to the next.

        Args:
            sizes: units per layer, from the inputs to the classes.
            samples: the size of the training set.
            dtype: the parameters' dtype.

        Returns:
            Initial values by layer, one row per sample, shape ``(samples, units)``; or None
            (the default) if nothing is remembered. For each mini-batch the training loop
            gathers the samples' rows, passes them transposed, shape ``(units, n)``, as the
            keyword ``carried`` of ``step``, which overwrites their content, and puts them back.
        """
        return None

    @abstractmethod
    def step(self, params: Params, x: Array, y: Array, grads: Params, rng: np.random.Generator) -> Record:
        """Writes what the optimizer is to subtract into every entry of ``grads``.

        Args:
            params: not changed.
            x: inputs, shape ``(..., inputs, n)``.
            y: one-hot labels, shape ``(..., classes, n)``.
            grads: arrays shaped like the learned families; their old content is ignored.
            rng: the run's noise stream.

        Returns:
            Measurements of this mini-batch, one number per network each: at least
            ``nll``, the mean negative log likelihood before the update.
        """

    def predict(self, params: Params, x: Array) -> Array:
        """Class scores, 0 or more, shape ``(..., classes, n)``."""
        return network.predict(params, x, self.activation.phi)

    def activities(self, params: Params, x: Array) -> dict[int, Array]:
        """What each layer holds when the network predicts, by layer, at least l = 1..L.

        Shapes ``(..., units, n)``. The last is what :meth:`predict` gives: a rule that
        predicts in its own way overrides both.
        """
        return network.forward(params, x, self.activation.phi)[1]
