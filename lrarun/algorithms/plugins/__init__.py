"""Learning rules in files of one's own, without a package: ``LRARUN_PLUGINS=my_rule.py``.

A file that the variable names is imported as ``lrarun.algorithms.plugins.<its name>``. The folders
of these files are on this package's path, so that any process with the same variable,
such as one that was started to train, finds a rule by that name when it is sent one.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from lrarun.errors import UsageError

VARIABLE = "LRARUN_PLUGINS"  # files, separated as in PATH
_OWN = list(__path__)
_digests: dict[Path, str] = {}  # of each file as it was imported


def files() -> list[Path]:
    """The files that the variable names, absolute, each once, in order.

    Raises:
        UsageError: one of them is missing or no Python file, or two have one name.
    """
    named = [Path(part).expanduser().absolute() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    by_module: dict[str, Path] = {}
    for path in dict.fromkeys(named):
        if path.suffix != ".py" or not path.stem.isidentifier():
            raise UsageError(f"plugin {path}: must be a Python file whose name can be imported, such as my_rule.py")
        if not path.is_file():
            raise UsageError(f"plugin {path}: there is no such file; it is named with --plugin or in {VARIABLE}")
        if path.stem in by_module:
            raise UsageError(f"plugins {by_module[path.stem]} and {path} have one name; rename one")
        by_module[path.stem] = path
    return list(by_module.values())


def modules() -> list[ModuleType]:
    """The plugin files, imported.

    Raises:
        UsageError: as :func:`files` does, or a file can't be imported.
    """
    found = files()
    __path__[:] = _OWN + list(dict.fromkeys(str(path.parent) for path in found))
    importlib.invalidate_caches()
    return [_imported(path) for path in found]


def _imported(path: Path) -> ModuleType:
    name, digest = f"{__name__}.{path.stem}", _digest(path)
    held = sys.modules.get(name)
    if held is not None and (Path(held.__file__ or "") != path or _digests.setdefault(path, digest) != digest):
        del sys.modules[name]  # a file of that name in another folder, or what this one held before
        # Compiled code is told from newer source by time in seconds and size, which a quick edit may leave.
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    if name not in sys.modules:
        _digests[path] = digest
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise UsageError(f"plugin {_place(path, error)}: {type(error).__name__}: {error}") from error


def _place(path: Path, error: Exception) -> str:
    """The file and, where it can be told, the line in it that the error is about."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def digests() -> dict[str, str]:
    """File name -> SHA-256 of each plugin file's content as it was imported, for a run's provenance.

    A file that is edited while runs are trained by what it held before must not be taken for their rule.
    """
    return {path.name: _digests.setdefault(path, _digest(path)) for path in files()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add(path: str | Path) -> None:
    """Names a file beside those that are named already, in this process and those that it starts."""
    before = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    named = [os.path.abspath(os.path.expanduser(part)) for part in [*before, path]]
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys(named))


def file_of(kind: type) -> str | None:
    """The name of the plugin file that a class comes from, or None for another class."""
    package, _, stem = kind.__module__.rpartition(".")
    return f"{stem}.py" if package == __name__ else None


# Where a process is sent a rule before it asks for any: the folders must be known by now.
__path__ += [
    str(Path(part).expanduser().absolute().parent) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part
]
