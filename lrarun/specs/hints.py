"""What a mistake in a spec was likely meant to be, where that is more than a name mistyped."""

from __future__ import annotations

from collections.abc import Mapping

from lrarun.algorithms.registry import algorithms
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.settings import nearest, settings_of, short_repr
from lrarun.specs.places import Node, Problems
from lrarun.specs.validate import unknown_key


def unknown_spec_key(key: str, known: list[str], entries: Mapping[str, Node]) -> str:
    """The message about a key that a spec has not: the block that it belongs into, or the nearest key that it has."""
    tables: dict[str, Mapping[str, type]] = {
        "algorithm": algorithms(),
        "optimizer": OPTIMIZERS,
        "init": INITIALIZERS,
    }
    for block, table in tables.items():
        names = [name for name, kind in table.items() if key in [field.name for field in settings_of(kind)]]
        if names:
            name = _name_in(entries.get(block))
            name = name if name in names else names[0]
            return f"unknown key {short_repr(key)} for a spec; it belongs under {block}: {{name: {name}, {key}: ...}}"
    return unknown_key(key, "a spec", known)


def _name_in(block: Node | None) -> str | None:
    name = block.value.get("name") if block and isinstance(block.value, dict) else None
    return name.value if name else None


def add_missing_name(key: str, node: Node, problems: Problems) -> None:
    """Notes that a block has no name: at the key that was meant to be it, or at the block."""
    close = next((name for name in node.value if nearest(name, ["name"])), None)
    if close:
        problems.add(node.value[close].where, f"unknown key {short_repr(close)} for {key}; did you mean 'name'?")
    else:
        problems.add(node.place, f"{key} needs a name: {key}: {{name: ...}}")
