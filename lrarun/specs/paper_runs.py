"""The paper's protocol for each experiment of its tables and figures, as resolved specs."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lrarun.algorithms.registry import algorithms
from lrarun.engine.costs import count_products
from lrarun.errors import SpecError
from lrarun.paper import MODELS, Key
from lrarun.specs.build import make_spec

PIXELS, CLASSES = 784, 10


def protocol(keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    """Experiment -> what ``make_spec`` makes of its name alone: all else as in the paper.

    Experiments of rules or optimizers that are not installed are left out.
    """
    resolve, specs = resolver(), {}
    for key in keys:
        with contextlib.suppress(SpecError):
            specs[key] = resolve(key, {})
    return {key: spec for key, spec in specs.items() if spec is not None}


def resolver() -> Callable[[Key, Mapping[str, Any]], dict[str, Any] | None]:
    """(experiment, changed settings) -> its spec, or None if its rule is not installed."""
    by_title = {title: name for name, title in titles().items()}

    def resolve(key: Key, changed: Mapping[str, Any]) -> dict[str, Any] | None:
        return resolved(by_title[key.model], key, changed) if key.model in by_title else None

    return resolve


def titles() -> dict[str, str]:
    """Name -> title in the tables, of every rule installed."""
    return {name: MODELS.get(name, rule.title) for name, rule in algorithms().items()}


def resolved(name: str, key: Key, changed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One experiment's spec, with the optimizer as the rule has it where it is the rule's own.

    Args:
        name: the rule's, in a spec.
        key: the experiment.
        changed: settings in which it differs from the paper's protocol, as in a spec.
    """
    silent = {"dataset": key.dataset, "depth": key.depth, "algorithm": name, **(changed or {})}
    spec = make_spec(silent).to_dict()
    if spec["optimizer"]["name"] == key.optimizer:
        return spec
    return make_spec(silent | {"optimizer": key.optimizer}).to_dict()


def target_products(model: str, depth: int) -> int:
    """Matrix products that a rule of the tables takes to find one mini-batch's targets, counted as it runs.

    Args:
        model: the rule's title in the tables.
        depth: hidden layers, of 256 units.
    """
    names = {title: name for name, title in titles().items()}
    spec = make_spec({"depth": depth, "algorithm": names[model]})
    return count_products(spec.algorithm, [PIXELS, *[spec.width] * depth, CLASSES]).targets


def figure_protocol(number: str) -> list[dict[str, Any]]:
    """The runs that Figure ``1a``, ``1b``, ``2`` or ``3`` shows, as ``experiments/figure<number>.yaml`` has them."""
    if number == "2":
        varied: dict[str, tuple[Any, ...]] = {"algorithm": ("dfa", "equilibrium-propagation", "dtp-sigma", "lra-e")}
        fixed: dict[str, Any] = {"dataset": "fashion-mnist", "depth": 5}
    elif number == "3":
        varied = {
            "dataset": ("mnist", "fashion-mnist"),
            "init": ("glorot", "orthogonal", "gaussian"),
            "depth": (3, 5, 8),
            "algorithm": ("dtp-sigma", "dtp"),
        }
        fixed = {}
    else:
        varied = {}
        fixed = {"depth": 2, "algorithm": "lra-e", "epochs": 20, "probes": ["angle", "discrepancy"]}
    choices = itertools.product(*varied.values())
    return [make_spec(fixed | dict(zip(varied, choice))).to_dict() for choice in choices]
