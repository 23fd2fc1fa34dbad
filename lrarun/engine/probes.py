"""Probes: measurements of a run that become further columns of its log.

A spec chooses probes by name (``probes: [angle]``). A probe sees each step's parameters and
``grads`` before the optimizer applies them, and the validation set at the end of an epoch.
Rules know nothing of probes. A run without probes pays nothing for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from lrarun.algorithms.base import Algorithm, SetsTargets
from lrarun.errors import UsageError
from lrarun.nn.arrays import Array, Params
from lrarun.nn.losses import LOCAL_LOSSES
from lrarun.nn.network import depth_of, empty_like
from lrarun.settings import lookup, setting


class Observer:
    """A probe of one run. Checkpoints keep its state, ``totals``."""

    totals: dict[str, Array] = {}

    def after_step(self, params: Params, x: Array, y: Array, grads: Params, batch: int) -> None:
        """Measure after the step on mini-batch number ``batch`` of the epoch, before the update.

        Must not change its arguments, whose shapes are those of :meth:`lrarun.algorithms.base.Algorithm.step`.
        """

    def end_of_epoch(self, params: Params, validation: Iterable[tuple[Array, Array]]) -> dict[str, float]:
        """Return the epoch's columns.

        Args:
            params: the parameters at the end of the epoch.
            validation: yields blocks (x, y), shapes ``(inputs, n)`` and ``(classes, n)``.
        """
        return {}


class Probe(ABC):
    """A kind of measurement and its settings."""

    name: ClassVar[str]
    needs: ClassVar[str] = ""  # which rules it can measure, unless it is all: "rules that ..."

    @classmethod
    def measures(cls, rule: type[Algorithm]) -> bool:
        """Whether the probe can measure runs of a rule."""
        return True

    @classmethod
    def refusal(cls, rule: type[Algorithm]) -> str:
        """Return why the probe can't measure runs of a rule, and which rules it can; empty if it can."""
        if cls.measures(rule):
            return ""
        from lrarun.algorithms.registry import algorithms

        able = [name for name, kind in algorithms().items() if cls.measures(kind)]
        return f"the probe {cls.name!r} is for {cls.needs} ({', '.join(able) or 'none here'}), not for {rule.name!r}"

    def observe(self, algorithm: Algorithm, params: Params) -> Observer:
        """Return an observer for one run; raises UsageError for a rule that the probe can't measure."""
        refusal = self.refusal(type(algorithm))
        if refusal:
            raise UsageError(refusal)
        return self.start(algorithm, params)

    @abstractmethod
    def start(self, algorithm: Algorithm, params: Params) -> Observer:
        """Return an observer for one run of a rule that the probe can measure."""


@dataclass(frozen=True)
class Angle(Probe):
    """Angle in degrees between a rule's update and backprop's, on the same parameters and mini-batch.

    Columns (Fig. 1(a)), over the epoch's measured mini-batches: ``angle_mean`` and
    ``angle_max`` of the whole update, all W and c as one vector before the optimizer;
    ``angle_<l>_mean`` of each layer's W.
    """

    name: ClassVar[str] = "angle"
    needs: ClassVar[str] = "rules that learn W and c"
    every: int = setting(1, "measure each N-th mini-batch", ge=1, paper="after each mini-batch")

    @classmethod
    def measures(cls, rule):
        return {"W", "c"} <= set(rule.learned)

    def start(self, algorithm, params):
        return _AngleObserver(self, algorithm, params)


class _AngleObserver(Observer):
    def __init__(self, probe: Angle, algorithm: Algorithm, params: Params):
        # Imported here, so that naming the probes does not import any rule.
        from lrarun.algorithms.backprop import Backprop

        self.every = probe.every
        self.backprop = Backprop(activation=algorithm.activation)
        self.reference = empty_like(params, Backprop.learned)
        # Mini-batches measured, sum and maximum of the whole angle, sum of each layer's angle.
        self.totals = {"angle": np.zeros(3 + depth_of(params))}

    def after_step(self, params, x, y, grads, batch):
        if batch % self.every:
            return
        self.backprop.step(params, x, y, self.reference, None)
        products = {family: self._products(family, grads) for family in self.reference}
        whole = _degrees((products["W"] + products["c"]).sum(axis=0))
        totals = self.totals["angle"]
        totals[0] += 1
        totals[1] += whole
        totals[2] = max(totals[2], whole)
        totals[3:] += [_degrees(layer) for layer in products["W"]]

    def _products(self, family: str, grads: Params) -> Array:
        """Return rows (u.v, u.u, v.v) by layer, with the rule's entries u and backprop's v."""
        pairs = [(grads[family][l].ravel(), v.ravel()) for l, v in self.reference[family].items()]
        return np.array([(u @ v, u @ u, v @ v) for u, v in pairs], np.float64)

    def end_of_epoch(self, params, validation):
        count, total, most, *layers = self.totals["angle"].tolist()
        self.totals["angle"][...] = 0
        columns = {"angle_mean": total / count, "angle_max": most}
        return columns | {f"angle_{l}_mean": layer / count for l, layer in enumerate(layers, 1)}


def _degrees(products: Array) -> float:
    uv, uu, vv = products
    if not uu * vv > 0:
        return 90.0 if np.isfinite(uu * vv) else float("nan")
    return float(np.degrees(np.arccos(np.clip(uv / np.sqrt(uu * vv), -1, 1))))


@dataclass(frozen=True)
class Discrepancy(Probe):
    """The hidden layers' local losses and their sum, per validation sample (Eqs. 3 and 4, Fig. 1(b)).

    For rules that set targets. Columns: ``discrepancy_<l>`` for each hidden layer and
    ``discrepancy``, their sum. The output's loss is the log's ``validation_nll``.
    """

    name: ClassVar[str] = "discrepancy"
    needs: ClassVar[str] = "rules that set targets"
    loss: Literal["gaussian", "cauchy"] = setting(
        "gaussian", "the local loss that is measured", paper="Gaussian in Fig. 1(b)"
    )

    @classmethod
    def measures(cls, rule):
        return issubclass(rule, SetsTargets)

    def start(self, algorithm, params):
        return _DiscrepancyObserver(self, algorithm)


class _DiscrepancyObserver(Observer):
    def __init__(self, probe: Discrepancy, algorithm: SetsTargets):
        self.value, self.algorithm = LOCAL_LOSSES[probe.loss].value, algorithm

    def end_of_epoch(self, params, validation):
        hidden = range(1, depth_of(params))
        sums, samples = np.zeros(len(hidden)), 0
        for x, y in validation:
            targets = self.algorithm.targets(params, x, y)
            sums += [self.value(targets.y_z[l], targets.z[l]) for l in hidden]
            samples += y.shape[-1]
        means = (sums / samples).tolist()
        return {"discrepancy": sum(means)} | {f"discrepancy_{l}": mean for l, mean in zip(hidden, means)}


PROBES: dict[str, type[Probe]] = {kind.name: kind for kind in (Angle, Discrepancy)}


def get_probe(name: str) -> type[Probe]:
    """Return a probe class by name; raises ``UnknownName`` (a KeyError) if there is none."""
    return lookup("probe", PROBES, name)
