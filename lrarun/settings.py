"""Settings: hyper-parameters as fields of a dataclass that describe themselves.

A learning rule, an optimizer, an initial scheme and a spec are frozen dataclasses whose fields
are their settings. ``setting`` makes such a field, with what it means, what the paper says, and
which values are allowed. Specs are checked against it and ``lrarun describe`` prints it.

The module goes from the field (:func:`setting`) to its check (:func:`model_of`), to the words for
a refused value (:func:`complaint`), to names that are not known (:class:`UnknownName`).
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

# pydantic's types of errors -> the words for them.
EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a name",
    "tuple_type": "a list",
    "none_required": "empty",
}
LIMITS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


# --- fields


def setting(default: Any, help: str, *, paper: str = "", later: bool = False, **bounds: float) -> Any:
    """Return a dataclass field that describes itself.

    Args:
        default: the value if a spec gives none.
        help: one sentence, in the field's terms, with units if there are any.
        paper: what the paper prints or leaves open, what lrarun uses instead, and why.
        later: whether runs were made before the setting was added. Its default is what they did, and a run
            id holds it only where it has another value: so theirs stay as they are.
        bounds: any of ``ge``, ``gt``, ``le``, ``lt``: the allowed range.

    Raises:
        TypeError: a bound has another name.
    """
    unknown = set(bounds) - set(BOUNDS)
    if unknown:
        raise TypeError(f"unknown bounds {sorted(unknown)}; known are {BOUNDS}")
    metadata = {"help": help, "paper": paper, "bounds": bounds, "later": later}
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(kind: type) -> list[dataclasses.Field]:
    """Return the fields of a dataclass that a spec may set, in their order."""
    return [field for field in dataclasses.fields(kind) if "help" in field.metadata]


def is_silent(field: dataclasses.Field, value: Any) -> bool:
    """Return whether a setting was added later and has its default, so that a run id leaves it out."""
    return bool(field.metadata.get("later")) and value == field.default


class FrozenDict(dict[str, Any]):
    """A mapping as the value of a setting: it can be hashed, and nobody changes it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self):
        return FrozenDict, (dict(self),)


# --- checks


@functools.cache
def model_of(kind: type) -> type[BaseModel]:
    """Return the pydantic model of a dataclass's settings. It is strict: ``true`` is no number, ``3.0`` no integer."""
    from pydantic import ConfigDict, create_model

    strict = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    hints = get_type_hints(kind)
    fields: dict[str, Any] = {
        field.name: (_bounded(hints[field.name], field.metadata["bounds"]), field.default)
        for field in settings_of(kind)
    }
    return create_model(kind.__name__, __config__=strict, **fields)


def _bounded(hint: Any, bounds: dict[str, Any]) -> Any:
    """Put bounds on the numbers in a type: on itself, the members of a union, the items of a tuple or a mapping."""
    from pydantic import Field

    if hint in (int, float):
        return Annotated[hint, Field(**bounds)]
    parts: Any = tuple(part if part is ... else _bounded(part, bounds) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return tuple[parts]
    if get_origin(hint) is dict:
        return dict[parts[0], parts[1]]  # type: ignore[valid-type]
    if get_origin(hint) in (Union, types.UnionType):
        return Union[parts]  # noqa: UP007
    return hint


def bad_default(kind: type) -> str | None:
    """Return what is wrong with the first default that a dataclass's own settings forbid, or None."""
    from pydantic import ValidationError

    for field in settings_of(kind):
        try:
            model_of(kind).model_validate({field.name: field.default})
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            return f"the default of {field.name} {complaint(detail, field.default)}"
    return None


# --- words for values


def complaint(detail: Any, value: Any) -> str:
    """Put one of pydantic's errors into words: ``must be at least 1, not 0``.

    Args:
        detail: an item of ``ValidationError.errors()``.
        value: the refused value.
    """
    kind, got = detail["type"], in_words(value)
    if kind in EXPECTED:
        return f"must be {EXPECTED[kind]}, not {got}"
    if kind in LIMITS:
        words, bound = LIMITS[kind]
        return f"must be {words} {detail['ctx'][bound]:.10g}, not {got}"
    if kind == "literal_error":
        return f"must be {detail['ctx']['expected']}, not {got}"
    return f"is not valid: {detail['msg']} (it is {got})"


def in_words(value: Any) -> str:
    """Return a value of a spec as messages name it: the end of 'must be ..., not ...'."""
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
    """Return a value on one line, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- names


def lookup(what: str, table: Mapping[str, T], name: str, more: str = "") -> T:
    """Return ``table[name]``.

    Args:
        what: what messages call the thing, for example ``optimizer``.
        more: what to add to a message that lists all known names.

    Raises:
        UnknownName: the table has no such name.
    """
    try:
        return table[name]
    except KeyError:
        raise UnknownName(what, name, table, more) from None


class UnknownName(KeyError):
    """A name that is in no registry. Its text is a whole message: it suggests the nearest name, or lists all."""

    def __init__(self, what: str, name: str, known: Iterable[str], more: str = ""):
        self.what, self.name, self.known, self.more = what, name, sorted(known), more
        super().__init__(name)

    def __str__(self) -> str:
        close = nearest(self.name, self.known)
        hint = f"did you mean {close!r}?" if close else f"known are {', '.join(self.known) or 'none'}{self.more}"
        return f"unknown {self.what} {self.name!r}; {hint}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to a mistyped one, ignoring capitals, or None if none is close."""
    names = {each.lower(): each for each in sorted(known)}
    matches = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return names[matches[0]] if matches else None
