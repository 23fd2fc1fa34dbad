"""The runs behind the paper's tables and figures, as resolved specs.

A :class:`~lrarun.paper.Key` names an experiment of the tables: a rule, a depth, a data set, an
optimizer. Everything else is as in the paper, that is, as a spec is where it is silent.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from lrarun.algorithms.registry import algorithms
from lrarun.engine.product_counts import count_products
from lrarun.errors import SpecError
from lrarun.nn.network import layer_sizes
from lrarun.paper import MODELS, Key
from lrarun.specs.build import make_spec

PIXELS, CLASSES = 784, 10  # of MNIST and Fashion-MNIST


def rule_titles() -> dict[str, str]:
    """Return the title in the tables of every installed rule, by its name in a spec."""
    return {name: MODELS.get(name, rule.title) for name, rule in algorithms().items()}


def _rule_names() -> dict[str, str]:
    return {title: name for name, title in rule_titles().items()}


def paper_specs(keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    """Return the spec of each experiment; leave out those whose rule or optimizer is not installed."""
    specs: dict[Key, dict[str, Any]] = {}
    for key in keys:
        with contextlib.suppress(SpecError):
            spec = paper_spec(key)
            if spec is not None:
                specs[key] = spec
    return specs


def paper_spec(key: Key, changed: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Return the spec of one experiment, or None if its rule is not installed.

    The optimizer's settings are those that the rule has by default, if it is the rule's default
    optimizer, and else the optimizer's own.

    Args:
        key: the experiment.
        changed: settings that differ from the paper's, as written in a spec.

    Raises:
        SpecError: there is no such optimizer, or ``changed`` is not valid.
    """
    rule = _rule_names().get(key.model)
    if rule is None:
        return None
    silent = {"dataset": key.dataset, "depth": key.depth, "algorithm": rule, **(changed or {})}
    spec = make_spec(silent).to_dict()
    if spec["optimizer"]["name"] == key.optimizer:
        return spec
    return make_spec(silent | {"optimizer": key.optimizer}).to_dict()


def target_products(model: str, depth: int) -> int:
    """Return how many matrix products a rule needs to find one mini-batch's targets, counted as it runs.

    Args:
        model: the rule's title in the tables.
        depth: hidden layers, of 256 units each.
    """
    spec = make_spec({"depth": depth, "algorithm": _rule_names()[model]})
    return count_products(spec.algorithm, layer_sizes(PIXELS, depth, spec.width, CLASSES)).targets


def figure_specs(number: str) -> list[dict[str, Any]]:
    """Return the runs of Figure ``1a``, ``1b``, ``2`` or ``3``: those of ``experiments/figure<number>.yaml``."""
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
