"""Fill in what a spec does not say.

A spec's values come from three layers, each over the one before: the spec's own defaults (the
paper's), the learning rule's (:meth:`Algorithm.defaults`), and the user's. An ``optimizer`` or
``init`` without a name changes settings of the rule's default one. With a name, it starts from the
rule's settings if the rule's default has that name, and from its own defaults if not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import algorithms
from lrarun.nn.initializers import Glorot
from lrarun.nn.optimizers import SGD
from lrarun.specs import validate
from lrarun.specs.places import Node, Place, node_of
from lrarun.specs.spec import BLOCKS, MAX_DEPTH, Spec


def fill_defaults(entries: dict[str, Node], place: Place) -> dict[str, Node]:
    """Return the entries completed by the defaults that the learning rule may set."""
    name = validate.name_in(entries.get("algorithm"))
    rule = algorithms().get(name.value) if name and isinstance(name.value, str) else None
    filled = dict(entries)
    for key, default in _defaults(rule, entries).items():
        if key not in entries:
            filled[key] = node_of(default, name.place if name else place)
        elif key in BLOCKS:
            filled[key] = _over(entries[key], default)
    return filled


def _defaults(rule: type[Algorithm] | None, given: Mapping[str, Node]) -> dict[str, Any]:
    """Return what a spec for a rule means where it is silent, as plain values; blocks are mappings.

    Args:
        rule: None if the spec names none that is known.
        given: the spec's entries.
    """
    defaults: dict[str, Any] = {"optimizer": {"name": SGD.name}, "init": {"name": Glorot.name}}
    if rule is None:
        return defaults
    defaults["algorithm"] = {"name": rule.name}
    # A wrong depth is reported elsewhere; any other will do to check the rest.
    depth = given.get("depth")
    layers = depth.value if depth and type(depth.value) is int and 1 <= depth.value <= MAX_DEPTH else Spec.depth
    # Whole blocks come before their dotted settings.
    found = {**rule.defaults(layers), **rule.defaults_beside(_flat(given))}
    for key, value in sorted(found.items(), key=lambda item: "." in item[0]):
        head, dot, setting_name = key.partition(".")
        if dot:
            defaults[head] = {**defaults[head], setting_name: value}
        else:
            defaults[head] = {"name": value} if key in BLOCKS and isinstance(value, str) else value
    return defaults


def _flat(given: Mapping[str, Node]) -> dict[str, Any]:
    """Return entries as plain values by dotted key."""
    found: dict[str, Any] = {}
    for key, node in given.items():
        parts = node.value.items() if isinstance(node.value, dict) else ()
        found |= {key: node.plain(), **{f"{key}.{name}": part.plain() for name, part in parts}}
    return found


def _over(given: Node, default: Mapping[str, Any]) -> Node:
    """Return a block's settings over the default ones, if both have the same name."""
    if not isinstance(given.value, dict):
        return given
    name = given.value.get("name")
    if name is not None and name.value != default["name"]:
        return given
    return replace(given, value={**node_of(dict(default), given.place).value, **given.value})
