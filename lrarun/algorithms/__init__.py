"""The learning rules, found by looking rather than by a list.

Every module of this package and every entry point of the group
``lrarun.algorithms`` is imported; each concrete :class:`Algorithm` in it is known by
its ``name``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType

from lrarun.algorithms.base import Algorithm
from lrarun.settings import lookup

ENTRY_POINTS = "lrarun.algorithms"


def rules_in(module: ModuleType) -> list[type[Algorithm]]:
    """The concrete learning rules that a module defines."""
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Algorithm)
        and not inspect.isabstract(kind)
        and kind.__module__ == module.__name__
    ]


@functools.cache
def algorithms() -> dict[str, type[Algorithm]]:
    """Every known learning rule by name, the package's own first.

    Raises:
        ValueError: if two rules go by one name.
    """
    found: list[type[Algorithm]] = []
    for info in pkgutil.iter_modules(__path__):
        found += rules_in(importlib.import_module(f"{__name__}.{info.name}"))
    found += [point.load() for point in entry_points(group=ENTRY_POINTS)]
    table: dict[str, type[Algorithm]] = {}
    for kind in found:
        if kind.name in table:
            raise ValueError(f"two learning rules are named {kind.name!r}: {table[kind.name]} and {kind}")
        table[kind.name] = kind
    return table


def get_algorithm(name: str) -> type[Algorithm]:
    """The learning rule of that name; raises ``UnknownName`` (a KeyError) for another."""
    return lookup("algorithm", algorithms(), name)
