"""The keys that a spec can hold: its own, those of its search block, and the settings of what it chooses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lrarun.algorithms.registry import algorithms
from lrarun.specs.choices import KEYS, SINGULAR, registry
from lrarun.specs.described_setting import TRUTH, Setting, described_settings
from lrarun.specs.search import Budget
from lrarun.specs.space import SPACE_HELP
from lrarun.specs.spec import Spec

DEPTHS = (3, 5, 8)  # the paper's


def keys_of_a_spec() -> tuple[Setting, ...]:
    """Describe every key, in the order of a resolved spec, and ``sweep``."""
    plain = {each.name: each for each in described_settings(Spec)}
    chosen = {
        "algorithm": _choice("algorithms", None, "the learning rule; must be given"),
        "optimizer": _choice(
            "optimizers",
            Spec.optimizer.name,
            "how the weights are updated; some rules have another default (lrarun describe RULE)",
        ),
        "init": _choice("init", Spec.init.name, "how the weights are first drawn; some rules have another default"),
        "probes": _choice("probes", [], "what to measure beside the errors: a list of names or mappings"),
        "sweep": Setting(
            "sweep",
            "mapping of keys to lists of values",
            (),
            {},
            {},
            "one run for each combination of the values, for example {seed: [0, 1, 2]};"
            " a key may be dotted: algorithm.beta",
            "",
        ),
    }
    return tuple((plain | chosen)[name] for name in [*(each.name for each in dataclasses.fields(Spec)), "sweep"])


def keys_of_a_search() -> tuple[Setting, ...]:
    """Describe the keys of a search: ``space``, then the budget."""
    return (Setting("space", "mapping", (), None, {}, f"{SPACE_HELP}; must be given", ""), *described_settings(Budget))


def _choice(kind: str, default: Any, help: str) -> Setting:
    """Describe a key whose value is a name, or a mapping with a name and its settings."""
    written = "NAME, or {name: NAME, SETTING: ...}; lrarun describe NAME shows the settings"
    return Setting(KEYS[kind], "", tuple(registry(kind)), default, {}, f"{help}. {written}", "")


def owners_of(name: str) -> dict[str, Setting]:
    """Return all that have a setting of a name: ``spec``, ``search``, ``algorithm lra-e`` -> the setting there.

    Args:
        name: with or without its block, ``beta`` or ``algorithm.beta``.
    """
    block, _, own = name.rpartition(".")
    of_spec = [each for each in keys_of_a_spec() if each.name == own and not block]
    of_search = [each for each in keys_of_a_search() if each.name == own and block in ("", "search")]
    owners = dict(zip(["spec"], of_spec)) | dict(zip(["search"], of_search))
    for kind in ("algorithms", "optimizers", "init", "probes"):
        if block in ("", KEYS[kind]):
            for owner, thing in registry(kind).items():
                owners |= {f"{SINGULAR[kind]} {owner}": each for each in described_settings(thing) if each.name == own}
    return owners


def defaults_of_rules(name: str) -> dict[str, Any]:
    """Return the default of a setting in the specs of each rule that has one of its own; by depth if it differs."""
    found: dict[str, Any] = {}
    for rule, thing in algorithms().items():
        by_depth = {depth: _own_default(thing.defaults(depth), name) for depth in DEPTHS}
        values = list(by_depth.values())
        if any(value is not None for value in values):
            found[rule] = values[0] if all(value == values[0] for value in values) else by_depth
    return found


def _own_default(defaults: Mapping[str, Any], name: str) -> Any:
    for key, value in defaults.items():
        if name in (key, key.rpartition(".")[2]):
            return value
        if isinstance(value, Mapping) and name in value and name != "name":
            return value[name]
    return None


def set_keys() -> dict[str, Setting]:
    """Return every key that ``--set`` takes, dotted for the settings of blocks: the first that has it explains it."""
    found = {each.name: each for each in keys_of_a_spec() if each.name != "sweep"}
    for kind in ("algorithms", "optimizers", "init"):
        for thing in registry(kind).values():
            for each in described_settings(thing):
                found.setdefault(f"{KEYS[kind]}.{each.name}", each)
    found["dataset"] = dataclasses.replace(found["dataset"], choices=tuple(registry("datasets")))
    found["activation"] = dataclasses.replace(found["activation"], choices=tuple(registry("activations")))
    return {name: _with_truth(each) for name, each in found.items()}


def _with_truth(each: Setting) -> Setting:
    return dataclasses.replace(each, choices=("true", "false")) if each.type == TRUTH else each
