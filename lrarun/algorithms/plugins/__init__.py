"""Learning rules in single files, without a package: ``LRARUN_PLUGINS=my_rule.py``.

Each file that the variable names is imported as ``lrarun.algorithms.plugins.<file name>``.
The files' folders are on this package's path. A process with the same variable, such as a
worker, can therefore unpickle a rule that it is sent.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
import warnings
from pathlib import Path
from types import ModuleType

from lrarun.errors import UsageError

VARIABLE = "LRARUN_PLUGINS"  # files, separated as in PATH
# Where rules imported from before lrarun.rules. lrarun.network and lrarun.losses have moved, and warn by themselves.
OLD_PATHS = {"lrarun.algorithms.base", "lrarun.settings"}
_OWN = list(__path__)
_digests: dict[Path, str] = {}  # of each file as it was imported


def _named() -> list[Path]:
    """Return the absolute paths that the variable names."""
    parts = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(os.path.abspath(os.path.expanduser(part))) for part in parts if part.strip()]


def files() -> list[Path]:
    """Return the plugin files as absolute paths, each once, in order.

    Raises:
        UsageError: a file is missing or is not a Python file, or two files have the same name.
    """
    by_module: dict[str, Path] = {}
    for path in dict.fromkeys(_named()):
        if path.suffix != ".py" or not path.stem.isidentifier():
            raise UsageError(f"plugin {path}: must be a Python file whose name can be imported, such as my_rule.py")
        if not path.is_file():
            raise UsageError(f"plugin {path}: there is no such file; check --plugin and {VARIABLE}")
        if path.stem in by_module:
            raise UsageError(f"plugins {by_module[path.stem]} and {path} have the same name; rename one")
        by_module[path.stem] = path
    return list(by_module.values())


def modules() -> list[ModuleType]:
    """Import the plugin files.

    Raises:
        UsageError: as in :func:`files`, or a file can't be imported.
    """
    found = files()
    __path__[:] = _OWN + list(dict.fromkeys(str(path.parent) for path in found))
    importlib.invalidate_caches()
    return [_imported(path) for path in found]


def _imported(path: Path) -> ModuleType:
    """Import one file, anew if its content has changed since."""
    name, digest = f"{__name__}.{path.stem}", _digest(path)
    loaded = sys.modules.get(name)
    if loaded is not None and (Path(loaded.__file__ or "") != path or _digests.setdefault(path, digest) != digest):
        del sys.modules[name]
        # Python compares compiled code with its source by whole seconds and size: a quick edit may change neither.
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    if name in sys.modules:
        return sys.modules[name]
    _digests[path] = digest
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise UsageError(f"plugin {_place(path, error)}: {type(error).__name__}: {error}") from error
    _warn_of_old_paths(path)
    return module


def _place(path: Path, error: Exception) -> str:
    """Return the file and, if it is known, the line in it that caused the error."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _warn_of_old_paths(path: Path) -> None:
    """Warn of each line that imports from a path that lrarun.rules replaces."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        else:
            continue
        for old in sorted(names & OLD_PATHS):
            message = f"importing from {old} is deprecated: import from lrarun.rules"
            warnings.warn_explicit(message, DeprecationWarning, str(path), node.lineno)


def digests() -> dict[str, str]:
    """Return file name -> SHA-256 of each plugin file's content as it was imported.

    A run's provenance holds them. A file that is edited during training does not change them.
    """
    return {path.name: _digests.setdefault(path, _digest(path)) for path in files()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add(path: str | Path) -> None:
    """Add a file to the variable, for this process and those that it starts."""
    before = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = os.pathsep.join([before, str(path)])
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys(map(str, _named())))


def file_of(kind: type) -> str | None:
    """Return the name of the plugin file that a class comes from, or None for any other class."""
    package, _, stem = kind.__module__.rpartition(".")
    return f"{stem}.py" if package == __name__ else None


# A process may be sent a rule before it looks for any: unpickling needs the folders now.
__path__ += [str(path.parent) for path in _named()]
