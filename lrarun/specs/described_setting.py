"""A setting in words, as ``lrarun describe`` shows it: its type, range, default and help, from a dataclass's field."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lrarun.settings import settings_of

TRUTH = "true or false"
TYPES = {tuple[int, ...]: "list of integers", int: "integer", float: "number", bool: TRUTH, str: "text"}


@dataclass(frozen=True)
class Setting:
    """One field of a spec, a rule, an optimizer, ...

    Attributes:
        type: in words; empty if there are choices.
        choices: the allowed values, if there is a list of them.
        default: the value if a spec gives none; None for one that must be given, and for one that may be null.
        bounds: any of ``ge, gt, le, lt``.
        help: what it means.
        paper: what the paper says about it, what lrarun assumes, and why.
    """

    name: str
    type: str
    choices: tuple[Any, ...]
    default: Any
    bounds: Mapping[str, float]
    help: str
    paper: str


def described_settings(kind: type) -> tuple[Setting, ...]:
    """Describe the fields of a dataclass that a spec may set, from their annotations and metadata."""
    hints = typing.get_type_hints(kind)
    return tuple(_setting(each, hints[each.name]) for each in settings_of(kind))


def _setting(each: Any, hint: Any) -> Setting:
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    words = "" if choices else _type_in_words(hint)
    meta = each.metadata
    return Setting(each.name, words, choices, each.default, dict(meta["bounds"]), meta["help"], meta["paper"])


def _type_in_words(hint: Any) -> str:
    """Return a type as a reader of specs knows it: ``integer``, ``number, list of numbers or mapping to numbers``."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        *most, last = map(_type_in_words, parts)
        return f"{', '.join(most)} or {last}"
    if origin is tuple:
        return f"list of {_type_in_words(parts[0])}s"
    if origin is dict:
        return f"mapping to {_type_in_words(parts[1])}s"
    return TYPES.get(hint) or str(hint).replace("typing.", "")


def allowed(setting: Setting) -> str:
    """Return a setting's type and range in words: ``number > 0``, ``gaussian | cauchy``."""
    if setting.choices:
        return " | ".join(map(str, setting.choices))
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    ranges = [f"{signs[name]} {bound:.10g}" for name, bound in setting.bounds.items()]
    return " ".join([setting.type, " and ".join(ranges)]).strip()
