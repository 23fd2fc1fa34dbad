"""From nodes of a spec to the settings of a dataclass, with every mistake at its place.

The types and bounds are those of the dataclass's fields (:mod:`lrarun.settings`);
pydantic checks them, strictly: ``true`` is no number, ``"3"`` and ``3.0`` are no integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from lrarun.settings import UnknownName, complaint, in_words, model_of, nearest, short_repr
from lrarun.specs.places import Node, Problems

T = TypeVar("T")


def settings_in(
    kind: type, entries: Mapping[str, Node], what: str, problems: Problems, swept: str | None = None
) -> dict[str, Any] | None:
    """The value of each setting of a dataclass; defaults where the entries are silent.

    Args:
        entries: nodes by setting.
        what: what messages call the dataclass, for example ``optimizer 'adam'``.
        problems: takes every mistake: unknown names, wrong types, values out of bounds.
        swept: what stands before a setting's name where it is swept; None if it cannot be.

    Returns:
        The settings, or None if there was a mistake.
    """
    model = model_of(kind)
    try:
        made = model.model_validate({key: node.plain() for key, node in entries.items()})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report(detail, entries, what, kind, swept, problems)
        return None
    return {name: getattr(made, name) for name in model.model_fields}


def _report(
    detail: Any, entries: Mapping[str, Node], what: str, kind: type, swept: str | None, problems: Problems
) -> None:
    name = str(detail["loc"][0])
    node = entries[name]
    if detail["type"] == "extra_forbidden":
        named = ["name"] if hasattr(kind, "name") else []
        problems.add(node.where, unknown_key(name, what, [*named, *model_of(kind).model_fields]))
        return
    hint = sweep_hint(swept + name, node) if swept is not None and isinstance(node.value, list) else ""
    for step in detail["loc"][1:]:
        # Beyond the items of a list, pydantic's path names the members of a union.
        if isinstance(node.value, list) and isinstance(step, int):
            node = node.value[step]
    problems.add(node.place, f"{name} {complaint(detail, node.value)}{hint}")


def unknown_key(name: str, what: str, known: list[str]) -> str:
    """The message about a key that is not known, with the nearest that is."""
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"known are {', '.join(known) or 'none'}"
    return f"unknown key {short_repr(name)} for {what}; {hint}"


def sweep_hint(key: str, node: Node) -> str:
    """What to write in place of a list where one value is wanted; nothing where there is no list."""
    if not isinstance(node.value, list) or not node.value:
        return ""
    values = ", ".join("..." if isinstance(part.value, (list, dict)) else str(part.value) for part in node.value)
    return f"; for a run of each, write sweep: {{{key}: [{values if len(values) < 60 else '...'}]}}"


def look_up(get: Callable[[str], T], node: Node, what: str, problems: Problems) -> T | None:
    """``get(name)`` for the name at a node; None, and a mistake, where it isn't a name or not known."""
    if not isinstance(node.value, str):
        problems.add(node.place, f"{what} must be a name, not {in_words(node.value)}")
        return None
    try:
        return get(node.value)
    except UnknownName as error:
        problems.add(node.place, str(error))
        return None
