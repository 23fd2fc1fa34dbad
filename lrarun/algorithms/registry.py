"""The learning rules, found by looking rather than by a list.

Every module of this package, every entry point of the group ``lrarun.algorithms`` and
every file that ``LRARUN_PLUGINS`` names is imported; each concrete :class:`Algorithm` in
it is known by its ``name``.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import sys
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

import lrarun.algorithms as package
from lrarun.algorithms import plugins
from lrarun.algorithms.base import Algorithm
from lrarun.errors import UsageError
from lrarun.settings import bad_default, lookup

ENTRY_POINTS = "lrarun.algorithms"
STEP = ("params", "x", "y", "grads", "rng")  # the arguments of a rule's step


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


class BadRule(UsageError, ValueError):
    """A class that was found where a learning rule should be, and is none that can be used."""


@functools.cache
def algorithms() -> dict[str, type[Algorithm]]:
    """Every known learning rule by name, the package's own first.

    Raises:
        BadRule: two rules go by one name, or a class lacks what a rule needs.
        UsageError: a plugin file or another package's rule can't be imported.
    """
    found: list[type[Algorithm]] = []
    for info in pkgutil.iter_modules(package.__path__):
        found += rules_in(importlib.import_module(f"{package.__name__}.{info.name}"))
    found += [_from_package(point) for point in entry_points(group=ENTRY_POINTS)]
    found += [kind for module in plugins.modules() for kind in _from_plugin(module)]
    table: dict[str, type[Algorithm]] = {}
    for kind in map(_checked, found):
        if kind.name in table:
            both = f"{_called(table[kind.name])} and {_called(kind)}"
            raise BadRule(f"two learning rules are named {kind.name!r}: {both}")
        table[kind.name] = kind
    return table


def _from_package(point: EntryPoint) -> type[Algorithm]:
    """The class that another package's entry point names."""
    package = point.dist.name if point.dist else "a package"
    try:
        kind = point.load()
    except Exception as error:
        raise UsageError(
            f"the learning rule {point.value} of {package} can't be imported: {type(error).__name__}: {error};"
            f" mend or uninstall {package}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Algorithm)):
        raise BadRule(f"{point.value}, an entry point of {package}, is no subclass of Algorithm")
    return kind


def _from_plugin(module: ModuleType) -> list[type[Algorithm]]:
    rules = rules_in(module)
    if not rules:
        kinds = [kind for kind in vars(module).values() if inspect.isabstract(kind) and issubclass(kind, Algorithm)]
        own = [kind for kind in kinds if kind.__module__ == module.__name__]
        lacks = [f"{kind.__name__} lacks {', '.join(sorted(kind.__abstractmethods__))}" for kind in own]
        raise BadRule(
            f"plugin {module.__file__}: no learning rule in it"
            f" ({'; '.join(lacks) or 'a rule is a class that inherits from Algorithm'})"
        )
    return rules


def _checked(kind: type[Algorithm]) -> type[Algorithm]:
    """The class, if it can be used as a rule; what is asked here is what is easily forgotten."""
    for attribute in ("name", "title"):
        if not isinstance(getattr(kind, attribute, None), str):
            raise BadRule(f"{_called(kind)} lacks a {attribute}: {attribute}: ClassVar[str] = ...")
    if inspect.isabstract(kind):
        raise BadRule(f"{_called(kind)} lacks {', '.join(sorted(kind.__abstractmethods__))}")
    if any(isinstance(value, dataclasses.Field) for value in vars(kind).values()):
        raise BadRule(f"{_called(kind)} has settings, but @dataclass(frozen=True, kw_only=True) is missing above it")
    _check_step(kind)
    if plugins.file_of(kind) or not kind.__module__.startswith(f"{package.__name__}."):  # tests check the package's own
        _check_settings(kind)
    return kind


def _check_step(kind: type[Algorithm]) -> None:
    """Raises BadRule unless step can be called as the training loop does."""
    more = {"carried": None} if kind.carry is not Algorithm.carry else {}
    signature = inspect.signature(kind.step)
    try:
        signature.bind(None, *STEP, **more)
    except TypeError:
        wanted = ", ".join(["self", *STEP, *(f"{name}=None" for name in more)])
        raise BadRule(f"{_called(kind)}: step must be step({wanted}), not step{signature}") from None


def _check_settings(kind: type[Algorithm]) -> None:
    """Raises BadRule for a field without a default, or with one that a spec could not give."""
    for field in dataclasses.fields(kind):
        if field.default is field.default_factory is dataclasses.MISSING:
            hint = f'{field.name}: ... = setting(DEFAULT, "what it is")'
            raise BadRule(f"{_called(kind)}: the field {field.name!r} has no default; a setting is written {hint}")
    try:
        wrong = bad_default(kind)
    except Exception as error:  # of an annotation that is no type, or none of a setting
        raise BadRule(f"{_called(kind)}: its settings' types can't be used: {type(error).__name__}: {error}") from error
    if wrong:
        raise BadRule(f"{_called(kind)}: {wrong}")


def _called(kind: type) -> str:
    """A class as messages call it: with its file, if that is the user's."""
    if plugins.file_of(kind):
        return f"plugin {sys.modules[kind.__module__].__file__}: {kind.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def get_algorithm(name: str) -> type[Algorithm]:
    """The learning rule of that name; raises ``UnknownName`` (a KeyError) for another."""
    return lookup("algorithm", algorithms(), name, "; one in a file of your own needs --plugin FILE.py")
