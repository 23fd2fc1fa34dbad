"""The paper's protocol for each experiment of its tables, as resolved specs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lrarun.algorithms import algorithms
from lrarun.paper import MODELS, Key
from lrarun.spec import make_spec


def protocol(keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    """Experiment -> what ``make_spec`` makes of its name alone: all else as in the paper.

    Experiments of rules that are not installed are left out.
    """
    names = titles()
    by_title = {title: name for name, title in names.items()}
    return {key: resolved(by_title[key.model], key) for key in keys if key.model in by_title}


def titles() -> dict[str, str]:
    """Name -> title in the tables, of every rule installed."""
    return {name: MODELS.get(name, rule.title) for name, rule in algorithms().items()}


def resolved(name: str, key: Key) -> dict[str, Any]:
    """One experiment's spec, with the optimizer as the rule has it where it is the rule's own."""
    silent = {"dataset": key.dataset, "depth": key.depth, "algorithm": name}
    spec = make_spec(silent).to_dict()
    if spec["optimizer"]["name"] == key.optimizer:
        return spec
    return make_spec(silent | {"optimizer": key.optimizer}).to_dict()
