"""From nodes of a spec to the settings of a dataclass, with every mistake at its place.

The types and bounds are those of the dataclass's fields (:mod:`lrarun.settings`);
pydantic checks them, strictly: ``true`` is no number, ``"3"`` and ``3.0`` are no integers.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from lrarun.located import Node, Place, Problems, Source, node_of, shown
from lrarun.settings import UnknownName, nearest, settings_of


T = TypeVar("T")

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


def _bounded(hint: Any, bounds: dict[str, Any]) -> Any:
    """A type with bounds on the numbers in it: itself, the members of a union, the items of a tuple."""
    if hint in (int, float):
        return Annotated[hint, Field(**bounds)]
    parts: Any = tuple(part if part is ... else _bounded(part, bounds) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return tuple[parts]
    if get_origin(hint) in (Union, types.UnionType):
        return Union[parts]
    return hint


@functools.cache
def model_of(kind: type) -> type[BaseModel]:
    """The pydantic model of a dataclass's settings."""
    hints = get_type_hints(kind)
    fields: dict[str, Any] = {
        field.name: (_bounded(hints[field.name], field.metadata["bounds"]), field.default)
        for field in settings_of(kind)
    }
    return create_model(kind.__name__, __config__=_STRICT, **fields)


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
    problems.add(node.place, f"{name} {_complaint(detail, node)}{hint}")


def bad_default(kind: type) -> str | None:
    """What is wrong with the default of one of a dataclass's settings, or None if each is a value that it allows."""
    problems, nowhere = Problems(), Source("", "")
    for field in settings_of(kind):
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        settings_in(kind, {field.name: node_of(default, Place(nowhere, 0))}, "a rule", problems)
    return f"the default of {problems.error().problems[0].message}" if problems else None


def unknown_key(name: str, what: str, known: list[str]) -> str:
    """The message about a key that is not known, with the nearest that is."""
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"known are {', '.join(known) or 'none'}"
    return f"unknown key {shown(name)} for {what}; {hint}"


_TYPES = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a name",
    "tuple_type": "a list",
    "none_required": "empty",
}
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _complaint(detail: Any, node: Node) -> str:
    kind, got = detail["type"], said(node)
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, not {got}"
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"must be {words} {detail['ctx'][bound]:.10g}, not {got}"
    if kind == "literal_error":
        return f"must be {detail['ctx']['expected']}, not {got}"
    return f"is not valid: {detail['msg']} (it is {got})"


def sweep_hint(key: str, node: Node) -> str:
    """What to write in place of a list where one value is wanted; nothing where there is no list."""
    if not isinstance(node.value, list) or not node.value:
        return ""
    values = ", ".join("..." if isinstance(part.value, (list, dict)) else str(part.value) for part in node.value)
    return f"; for a run of each, write sweep: {{{key}: [{values if len(values) < 60 else '...'}]}}"


def said(node: Node) -> str:
    """What stands at a node, in words fit for 'must be ..., not ...'."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "empty"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return f"the text {shown(node.value)}" if isinstance(node.value, str) else shown(node.value)


def look_up(get: Callable[[str], T], node: Node, what: str, problems: Problems) -> T | None:
    """``get(name)`` for the name at a node; None, and a mistake, where it isn't a name or not known."""
    if not isinstance(node.value, str):
        problems.add(node.place, f"{what} must be a name, not {said(node)}")
        return None
    try:
        return get(node.value)
    except UnknownName as error:
        problems.add(node.place, str(error))
        return None
