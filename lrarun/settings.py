"""Hyper-parameters as documented dataclass fields, and the names they go by in a spec.

A learning rule, an optimizer or an initial scheme is a frozen dataclass whose
fields are its settings. ``setting`` makes such a field and keeps beside it what a
reader needs: what it means, what the paper prints, which values it may have. The
spec reader validates against it and ``lrarun describe`` prints it.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

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
