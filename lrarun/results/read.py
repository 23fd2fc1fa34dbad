"""Read what runs left on disk. Needs neither the engine nor a data set.

A run is a folder ``RESULTS/<run id>/`` with at least ``run.json``. :mod:`lrarun.results.run_folder` lists what
is in it, and :mod:`lrarun.runs.run` writes it. :mod:`lrarun.results.log` reads its epochs.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrarun.errors import UsageError
from lrarun.results import run_folder
from lrarun.results.left_out import Damaged, Unreadable, warn_of, warn_of_damage, warn_of_misplaced
from lrarun.results.result import INTERRUPTED, PRUNED, RUNNING, STATES, Result

STORED = tuple(state for state in STATES if state != PRUNED)


@dataclass(frozen=True)
class Contents:
    """What is in a results folder.

    Attributes:
        results: every run, ordered by its folder's name.
        damaged: the folders whose ``run.json`` can't be used, each with how it is.
        misplaced: runs whose id is not their folder's name, such as copies; they must not count beside the run itself.
    """

    results: list[Result]
    damaged: dict[Path, Damaged]
    misplaced: list[Result]


def contents_of(results: Path) -> Contents:
    """Return what is directly under a results folder, without a warning; nothing if the folder is absent.

    Raises:
        UsageError: the folder can't be read.
    """
    found = Contents([], {}, [])
    try:
        with os.scandir(results) as entries:
            folders = sorted(entry.path for entry in entries if os.path.isdir(entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError as error:
        raise UsageError(f"{results.absolute()}: cannot be read: {error.strerror or error}") from error
    for folder in map(Path, folders):
        try:
            result = load_result(folder)
        except Damaged as damage:
            found.damaged[folder] = damage
            continue
        if result is not None:
            (found.results if result.run_id == folder.name else found.misplaced).append(result)
    return found


def read_results(results: Path) -> list[Result]:
    """Return every run directly under a results folder, ordered by folder name; none if the folder is absent.

    Warns of damaged ones, and leaves out runs whose id is not their folder's name, such as copies, with one warning.

    Raises:
        UsageError: the folder can't be read.
    """
    found = contents_of(results)
    warn_of(found.damaged, found.misplaced)
    return found.results


def read_result(folder: Path) -> Result | None:
    """Return the run in a folder, or None where there is no readable ``run.json``.

    Warns of a damaged one. Warns too of a run whose id is not the folder's name and returns None for it:
    such a copy must not count beside the run itself.
    """
    result = read_any_name(folder)
    if result is None or result.run_id == folder.name:
        return result
    warn_of_misplaced([result])
    return None


def read_any_name(folder: Path) -> Result | None:
    """Return the run in a folder, whatever the folder's name; else as :func:`read_result`."""
    try:
        return load_result(folder)
    except Damaged as damage:
        warn_of_damage(folder, damage)
        return None


def load_result(folder: Path) -> Result | None:
    """Return the run in a folder, whatever the folder's name, without a warning; None without a ``run.json``.

    Raises:
        Damaged: its ``run.json`` holds no run.
        Unreadable: this process can't read it.
    """
    result = _as_stored(folder)
    if result is None or result.state != RUNNING or is_locked(_lock_folder(folder)):
        return result
    result = _as_stored(folder)  # its process may have stored its end before it gave up the lock
    return replace(result, state=INTERRUPTED) if result is not None and result.state == RUNNING else result


def _lock_folder(folder: Path) -> Path:
    """Return the folder whose lock is held while the run in a folder is trained: for ``.new``, the one above it."""
    return folder.parent if folder.name in (run_folder.NEW, run_folder.DONE) else folder


def _as_stored(folder: Path) -> Result | None:
    """Return the run in a folder with the state that its ``run.json`` says; else as :func:`load_result`."""
    try:
        return _from_record(folder, json.loads((folder / run_folder.RUN).read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise Damaged("is a folder") from error
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged("is damaged") from error


def _from_record(folder: Path, record: Any) -> Result:
    if not isinstance(record["spec"], Mapping):
        raise TypeError("a spec is a mapping")
    state = record["state"]
    if state not in STORED:
        raise ValueError("no state of a run")
    if state == INTERRUPTED and record.get(PRUNED):
        state = PRUNED
    run_id = record.get("run_id", folder.name)
    if not isinstance(run_id, str):
        raise TypeError("a run's id is a string")
    return Result(run_id, folder, state, record["spec"], record)


def is_locked(folder: Path) -> bool:
    """Return whether a living process trains the run in a folder, and so holds its lock. Writes nothing."""
    try:
        with open(folder / run_folder.LOCK, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
