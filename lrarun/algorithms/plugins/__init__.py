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
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from lrarun.errors import UsageError

VARIABLE = "LRARUN_PLUGINS"  # files, separated as in PATH
# Where rules imported from before lrarun.rules. lrarun.network and lrarun.losses have moved, and warn by themselves.
OLD_PATHS = {"lrarun.algorithms.base", "lrarun.settings"}
_OWN = list(__path__)
_digests: dict[Path, str] = {}  # of each file as it was imported
_helpers: dict[Path, list[Path]] = {}  # plugin file -> the files beside it that it imports


def _parts() -> list[str]:
    """Return the paths that the variable names, as they stand there."""
    return [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part.strip()]


def _named() -> list[Path]:
    """Return them as absolute paths."""
    return [Path(os.path.abspath(os.path.expanduser(part))) for part in _parts()]


def _if_relative() -> str:
    """Return what more to check, if the variable has a path that means another file in each folder."""
    relative = not all(os.path.isabs(os.path.expanduser(part)) for part in _parts())
    return ", whose paths should be absolute: a relative one is looked for in the working folder" if relative else ""


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
            raise UsageError(f"plugin {path}: there is no such file; check --plugin and {VARIABLE}{_if_relative()}")
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
    beside = helpers(path)
    edited = [file for file in beside if file in _digests and _digests[file] != _digest(file)]
    loaded = sys.modules.get(name)
    if loaded is not None and (
        Path(loaded.__file__ or "") != path or _digests.setdefault(path, digest) != digest or edited
    ):
        _forget({path, *edited} if Path(loaded.__file__ or "") == path else {Path(loaded.__file__ or ""), path})
    if name in sys.modules:
        return sys.modules[name]
    _digests[path] = digest
    _helpers[path] = beside
    _digests.update({file: _digest(file) for file in beside})
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UsageError(f"plugin {_place(path, error)}: {type(error).__name__}: {error}") from error
    _warn_of_old_paths(path)
    return module


def _forget(files: set[Path]) -> None:
    """Forget the modules that were imported from files, so that their content is read again."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) and Path(str(module.__file__)) in files:
            del sys.modules[name]
            package, _, stem = name.rpartition(".")
            if package == __name__:
                globals().pop(stem, None)  # `from lrarun.algorithms.plugins import helper` would find it here
    for path in files:
        # Python compares compiled code with its source by whole seconds and size: a quick edit may change neither.
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _place(path: Path, error: BaseException) -> str:
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
    """Return file name -> SHA-256 of each plugin file's content as it was imported, and of the files that it imports.

    A run's provenance holds them. A file that is edited during training does not change them. A file ``helper.py``
    beside ``rule.py``, which imports it, is called ``rule.py: helper.py``.
    """
    found = {}
    for path in files():
        found[path.name] = _digests.setdefault(path, _digest(path))
        if path not in _helpers:
            _helpers[path] = helpers(path)
        for helper in _helpers[path]:
            found[_helper_name(path, helper)] = _digests.setdefault(helper, _digest(helper))
    return found


def changed(file: str, before: Mapping[str, str]) -> bool:
    """Return whether a plugin file, or one that it imports, differs from its digest in a run's provenance.

    Args:
        file: the plugin file's name.
        before: :func:`digests` as the run recorded them. If it recorded files but none of this name, the rule was in
            another one, and has changed unless that one's content was the same. A file beside the plugin's that is
            not recorded counts as unchanged; so does everything if nothing was recorded.
    """
    now = {name: digest for name, digest in digests().items() if name == file or name.startswith(f"{file}: ")}
    if before and file not in before:
        return now.get(file) not in {digest for name, digest in before.items() if ": " not in name}
    return any(name in before and before[name] != digest for name, digest in now.items())


def helpers(path: Path) -> list[Path]:
    """Return the files beside a plugin file that it imports, directly or through one another, in alphabetical order.

    Reads the import statements, those in functions too. An import of another place, such as an installed package, is
    none of them.
    """
    found: set[Path] = set()
    to_read = [path]
    while to_read:
        try:
            tree = ast.parse(to_read.pop().read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        beside = {file for name in _imported_names(tree) for file in _files_beside(path.parent, name)} - found - {path}
        found |= beside
        to_read += beside
    return sorted(found)


def _imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that import statements may load, without this package's own name before them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]
        else:
            continue
        own = [name.removeprefix(f"{__name__}.") for name in names if name]
        yield from (name for name in own if name.partition(".")[0] != "lrarun")


def _files_beside(folder: Path, name: str) -> list[Path]:
    """Return the files of a module and of the packages above it, if the outermost stands in the folder."""
    parts = name.split(".")
    places = [folder.joinpath(*parts[: end + 1]) for end in range(len(parts))]
    files = [file for place in places for file in (place.with_name(f"{place.name}.py"), place / "__init__.py")]
    return [file for file in files if file.is_file()]


def _helper_name(path: Path, helper: Path) -> str:
    return f"{path.name}: {helper.relative_to(path.parent).as_posix()}"


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
