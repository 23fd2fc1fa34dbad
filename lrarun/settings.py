"""Hyper-parameters as documented dataclass fields, and the names they go by in a spec.

A learning rule, an optimizer or an initial scheme is a frozen dataclass whose
fields are its settings. ``setting`` makes such a field and keeps beside it what a
reader needs: what it means, what the paper prints, which values it may have. The
spec reader validates against it and ``lrarun describe`` prints it.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:  # importing pydantic takes longer than answering --help
    from pydantic import BaseModel

T = TypeVar("T")

BOUNDS = ("ge", "gt", "le", "lt")


def setting(default: Any, help: str, *, paper: str = "", **bounds: float) -> Any:
    """A dataclass field that describes itself.

    Args:
        default: the value used when a spec does not give one.
        help: one sentence, in the field's terms, with units where there are any.
        paper: what the paper prints or leaves open, what is used instead, and why.
        bounds: any of ``ge``, ``gt``, ``le``, ``lt``: the allowed range.

    Raises:
        TypeError: for a bound of another name.
    """
    unknown = set(bounds) - set(BOUNDS)
    if unknown:
        raise TypeError(f"unknown bounds {sorted(unknown)}; known are {BOUNDS}")
    return dataclasses.field(default=default, metadata={"help": help, "paper": paper, "bounds": bounds})


def settings_of(kind: type) -> list[dataclasses.Field]:
    """The fields of a dataclass that a spec may set, in their order."""
    return [field for field in dataclasses.fields(kind) if "help" in field.metadata]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to a mistyped one, whatever its capitals, or None if none is close."""
    names = {each.lower(): each for each in sorted(known)}
    matches = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return names[matches[0]] if matches else None


class UnknownName(KeyError):
    """A name that is in no registry; ``str()`` of it is a whole message."""

    def __init__(self, what: str, name: str, known: Iterable[str], more: str = ""):
        self.what, self.name, self.known, self.more = what, name, sorted(known), more
        super().__init__(name)

    def __str__(self) -> str:
        close = nearest(self.name, self.known)
        hint = f"did you mean {close!r}?" if close else f"known are {', '.join(self.known) or 'none'}{self.more}"
        return f"unknown {self.what} {self.name!r}; {hint}"


def lookup(what: str, table: Mapping[str, T], name: str, more: str = "") -> T:
    """``table[name]``, or an :class:`UnknownName` that names the nearest entry; if none is near, all, and ``more``."""
    try:
        return table[name]
    except KeyError:
        raise UnknownName(what, name, table, more) from None


@functools.cache
def model_of(kind: type) -> type[BaseModel]:
    """The pydantic model that checks a dataclass's settings, strictly: ``true`` is no number, ``3.0`` no integer."""
    from pydantic import ConfigDict, create_model

    strict = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    hints = get_type_hints(kind)
    fields: dict[str, Any] = {
        field.name: (_bounded(hints[field.name], field.metadata["bounds"]), field.default)
        for field in settings_of(kind)
    }
    return create_model(kind.__name__, __config__=strict, **fields)


def _bounded(hint: Any, bounds: dict[str, Any]) -> Any:
    """A type with bounds on the numbers in it: itself, the members of a union, the items of a tuple."""
    from pydantic import Field

    if hint in (int, float):
        return Annotated[hint, Field(**bounds)]
    parts: Any = tuple(part if part is ... else _bounded(part, bounds) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return tuple[parts]
    if get_origin(hint) in (Union, types.UnionType):
        return Union[parts]  # noqa: UP007
    return hint


def bad_default(kind: type) -> str | None:
    """What is wrong with the default of one of a dataclass's settings, or None if the settings allow each default."""
    from pydantic import ValidationError

    for field in settings_of(kind):
        try:
            model_of(kind).model_validate({field.name: field.default})
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            return f"the default of {field.name} {complaint(detail, field.default)}"
    return None


_TYPES = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a name",
    "tuple_type": "a list",
    "none_required": "empty",
}
_BOUND_WORDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def complaint(detail: Any, value: Any) -> str:
    """One of pydantic's errors in a spec's terms: ``must be at least 1, not 0``.

    Args:
        detail: an entry of ``ValidationError.errors()``.
        value: what was refused.
    """
    kind, got = detail["type"], in_words(value)
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, not {got}"
    if kind in _BOUND_WORDS:
        words, bound = _BOUND_WORDS[kind]
        return f"must be {words} {detail['ctx'][bound]:.10g}, not {got}"
    if kind == "literal_error":
        return f"must be {detail['ctx']['expected']}, not {got}"
    return f"is not valid: {detail['msg']} (it is {got})"


def in_words(value: Any) -> str:
    """A spec's value as the second half of 'must be ..., not ...'."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return f"the text {short_repr(value)}" if isinstance(value, str) else short_repr(value)


def short_repr(value: Any) -> str:
    """A value on one line, of at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
