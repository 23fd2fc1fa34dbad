"""Finds the learning rules; there is no list of them.

It imports every module of this package, every entry point of the group
``lrarun.algorithms`` and every file in ``LRARUN_PLUGINS``. Each concrete
:class:`Algorithm` in them is known by its ``name``.
"""

from __future__ import annotations

import contextlib
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
    """Return the concrete learning rules that a module defines."""
    return [kind for kind in _defined_in(module) if not inspect.isabstract(kind)]


class BadRule(UsageError, ValueError):
    """A learning rule that can't be used, with the reason."""


@functools.cache
def algorithms() -> dict[str, type[Algorithm]]:
    """Return every known learning rule by name, this package's first.

    Raises:
        BadRule: two rules have the same name, or a class lacks what a rule needs.
        UsageError: a plugin file or another package's rule can't be imported.
    """
    found: list[type[Algorithm]] = []
    for info in pkgutil.iter_modules(package.__path__):
        found += rules_in(importlib.import_module(f"{package.__name__}.{info.name}"))
    # Standard output is for a command's data; what a module prints as it is imported is a message.
    with contextlib.redirect_stdout(sys.stderr):
        found += [_from_package(point) for point in entry_points(group=ENTRY_POINTS)]
        found += [kind for module in plugins.modules() for kind in _from_plugin(module)]
    table: dict[str, type[Algorithm]] = {}
    for kind in map(_checked, found):
        if kind.name in table:
            raise BadRule(
                f"two learning rules are named {kind.name!r}: {_origin(table[kind.name])} and {_origin(kind)}"
            )
        table[kind.name] = kind
    return table


def _from_package(point: EntryPoint) -> type[Algorithm]:
    """Return the class that another package's entry point names."""
    package = point.dist.name if point.dist else "a package"
    try:
        kind = point.load()
    except Exception as error:
        raise UsageError(
            f"the learning rule {point.value} of {package} can't be imported: {type(error).__name__}: {error};"
            f" repair or uninstall {package}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Algorithm)):
        raise BadRule(f"{point.value}, an entry point of {package}, is no subclass of Algorithm")
    return kind


def _from_plugin(module: ModuleType) -> list[type[Algorithm]]:
    """Return a plugin's learning rules, of which there must be one."""
    rules = rules_in(module)
    if not rules:
        abstract = [kind for kind in _defined_in(module) if inspect.isabstract(kind)]
        lacks = [f"{kind.__name__} lacks {_missing(kind)}" for kind in abstract]
        raise BadRule(
            f"plugin {module.__file__}: no learning rule in it"
            f" ({'; '.join(lacks) or 'a rule is a class that inherits from Algorithm'})"
        )
    return rules


def _defined_in(module: ModuleType) -> list[type[Algorithm]]:
    """Return the subclasses of Algorithm that a module defines, abstract ones too."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Algorithm)]
    return [kind for kind in kinds if kind.__module__ == module.__name__]


def _missing(kind: type[Algorithm]) -> str:
    """Return the names of the methods that an abstract class lacks."""
    return ", ".join(sorted(kind.__abstractmethods__))


def _checked(kind: type[Algorithm]) -> type[Algorithm]:
    """Return the class if it can be used as a rule; check what is easily forgotten."""
    for attribute in ("name", "title"):
        if not isinstance(getattr(kind, attribute, None), str):
            raise BadRule(f"{_origin(kind)} lacks a {attribute}: {attribute}: ClassVar[str] = ...")
    if inspect.isabstract(kind):
        raise BadRule(f"{_origin(kind)} lacks {_missing(kind)}")
    if any(isinstance(value, dataclasses.Field) for value in vars(kind).values()):
        raise BadRule(f"{_origin(kind)} has settings, but @dataclass(frozen=True, kw_only=True) is missing above it")
    _check_step(kind)
    if from_outside(kind):
        _check_settings(kind)  # of this package's rules, tests check the settings
    return kind


def from_outside(kind: type[Algorithm]) -> bool:
    """Return whether a rule is a plugin's or another package's, not one of lrarun's own."""
    return plugins.file_of(kind) is not None or not kind.__module__.startswith(f"{package.__name__}.")


def _check_step(kind: type[Algorithm]) -> None:
    """Raise BadRule unless ``step`` takes the training loop's arguments."""
    more = {"carried": None} if kind.carry is not Algorithm.carry else {}
    signature = inspect.signature(kind.step)
    try:
        signature.bind(None, *STEP, **more)
    except TypeError:
        wanted = ", ".join(["self", *STEP, *(f"{name}=None" for name in more)])
        raise BadRule(f"{_origin(kind)}: step must be step({wanted}), not step{signature}") from None


def _check_settings(kind: type[Algorithm]) -> None:
    """Raise BadRule for a field without a default, or with one that a spec could not give."""
    for field in dataclasses.fields(kind):
        if field.default is field.default_factory is dataclasses.MISSING:
            hint = f'{field.name}: ... = setting(DEFAULT, "what it is")'
            raise BadRule(f"{_origin(kind)}: the field {field.name!r} has no default; write a setting as {hint}")
    try:
        wrong = bad_default(kind)
    except Exception as error:  # an annotation is no type, or not one that a setting may have
        raise BadRule(f"{_origin(kind)}: its settings' types can't be used: {type(error).__name__}: {error}") from error
    if wrong:
        raise BadRule(f"{_origin(kind)}: {wrong}")


def _origin(kind: type) -> str:
    """Return a class's name for messages: with its file if it is a plugin's, else with its module."""
    if plugins.file_of(kind):
        return f"plugin {sys.modules[kind.__module__].__file__}: {kind.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def get_algorithm(name: str) -> type[Algorithm]:
    """Return a learning rule by name; raises ``UnknownName`` (a KeyError) if there is none."""
    return lookup("algorithm", algorithms(), name, "; a rule in a file of your own needs --plugin FILE.py")
