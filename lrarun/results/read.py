"""Read what runs left on disk. Needs neither the engine nor a data set.

A run is a folder ``RESULTS/<run id>/`` with at least ``run.json``. :mod:`lrarun.results.run_folder` lists what
is in it, and :mod:`lrarun.runs.run` writes it. :mod:`lrarun.results.log` reads its epochs.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrarun.errors import UsageError
from lrarun.results import run_folder

LOG = logging.getLogger(__name__)

FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED = "finished", "running", "interrupted", "failed", "diverged"
PRUNED = "pruned"  # run.json says: interrupted, and that it was pruned
STATES = (FINISHED, RUNNING, INTERRUPTED, PRUNED, FAILED, DIVERGED)
STORED = tuple(state for state in STATES if state != PRUNED)
KILLED = "its process was killed"
RENAME = "a run's folder has its id as name: rename it, or move a copy to another place"


@dataclass(frozen=True)
class Result:
    """One run, as read from its folder.

    Attributes:
        run_id: as ``run.json`` has it; the folder's name where it does not say.
        folder: the run's folder.
        state: one of :data:`STATES`; ``pruned`` is an interrupted run that ``lrarun tune`` stopped as hopeless, and
            ``running`` one that a living process trains. One whose process was killed is ``interrupted``, although its
            ``run.json`` still says that it runs.
        spec: the resolved spec, a mapping as in ``spec.yaml``.
        record: all of ``run.json``. The properties give its entries by name; an entry that is absent, or of
            the wrong type, is None or empty there.
    """

    run_id: str
    folder: Path
    state: str
    spec: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def finished(self) -> bool:
        """Whether the run trained all its epochs and has scores."""
        return self.state == FINISHED

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._integer("epoch") or 0

    @property
    def epochs(self) -> int | None:
        """Epochs that the spec asks for."""
        asked = self.spec.get("epochs")
        return asked if isinstance(asked, int) else None

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation error, which is the one that is scored."""
        return self._integer("best_epoch")

    @property
    def validation_error(self) -> float | None:
        """Percent, at :attr:`best_epoch`."""
        return self._number("validation_error")

    @property
    def train_error(self) -> float | None:
        """Percent, at :attr:`best_epoch`; None until the run is finished."""
        return self._number("train_error")

    @property
    def test_error(self) -> float | None:
        """Percent, at :attr:`best_epoch`; None until the run is finished."""
        return self._number("test_error")

    @property
    def train_nll(self) -> float | None:
        """Negative log likelihood in nats, at :attr:`best_epoch`; None until the run is finished."""
        return self._number("train_nll")

    @property
    def test_nll(self) -> float | None:
        """Negative log likelihood in nats, at :attr:`best_epoch`; None until the run is finished."""
        return self._number("test_nll")

    @property
    def seconds(self) -> float | None:
        """Seconds spent in training."""
        return self._number("seconds")

    @property
    def reason(self) -> str | None:
        """Why the run failed, diverged, was interrupted or pruned."""
        killed = self.state == INTERRUPTED and self.record.get("state") == RUNNING
        return KILLED if killed else self.record.get("reason")

    @property
    def traceback(self) -> Sequence[str]:
        """The lines of the traceback of a run that failed in a rule's code; else none."""
        return self.record.get("traceback") or ()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, hardware and commit of the process that began the run."""
        made = self.record.get("provenance")
        return made if isinstance(made, Mapping) else {}

    @property
    def resumed(self) -> list[Any]:
        """The provenance of later processes, where it differs from that of the first."""
        later = self.record.get("resumed")
        return later if isinstance(later, list) else []

    @property
    def dataset_sha256(self) -> str | None:
        """The digest of the data set's content."""
        return self.record.get("dataset_sha256")

    @property
    def dataset_path(self) -> str | None:
        """Where a data set of the user's own was, absolute; None for a published one, and if it is not recorded."""
        path = self.record.get("dataset_path")
        return path if isinstance(path, str) else None

    @property
    def numbers_version(self) -> int | None:
        """The version of the engine's numbers, see ``lrarun.specs.run_id.NUMBERS_VERSION``."""
        return self.record.get("numbers_version")

    @property
    def started_at(self) -> str | None:
        """When training began, in ISO 8601."""
        return self.record.get("started")

    @property
    def finished_at(self) -> str | None:
        """When training was finished, in ISO 8601."""
        return self.record.get("finished")

    def _number(self, name: str) -> float | None:
        value = self.record.get(name)
        return value if isinstance(value, int | float) else None

    def _integer(self, name: str) -> int | None:
        value = self.record.get(name)
        return value if isinstance(value, int) else None


class Damaged(Exception):
    """A run's ``run.json`` is there and holds no run; the message says how it is."""


class Unreadable(Damaged):
    """A run's ``run.json`` is there and may be sound, but this process can't read it."""


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
    warn_of(found)
    return found.results


def warn_of(found: Contents) -> None:
    """Warn of the runs of a results folder that count as missing."""
    for folder, damage in found.damaged.items():
        _warn_of_damage(folder, damage)
    warn_of_misplaced(found.misplaced)


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
        _warn_of_damage(folder, damage)
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


def _warn_of_damage(folder: Path, damage: Damaged) -> None:
    removal = f"; to remove it: {shlex.join(['lrarun', 'clean', '--results', str(folder.parent)])}"
    if isinstance(damage, Unreadable) or run_folder.is_reference(folder):
        removal = ""
    LOG.warning("lrarun: %s: %s %s; the run counts as missing%s", folder.name, run_folder.RUN, damage, removal)


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


def warn_of_misplaced(results: Sequence[Result]) -> None:
    """Warn of runs whose ids are not their folders' names, with one warning for all."""
    if results:
        LOG.warning("lrarun: %s", _misplaced(results))


def _misplaced(results: Sequence[Result]) -> str:
    lines = [f"{result.folder} holds the run {result.run_id}" for result in results]
    if len(lines) == 1:
        return f"left out: {lines[0]}; {RENAME}"
    head = f"left out, {len(lines)} folders that are not named as the run in them; {RENAME}:"
    return "\n".join([head, *indented(lines)])


def indented(lines: Sequence[str], most: int = 8) -> list[str]:
    """Return the first few lines, indented, and a line with how many more there are."""
    shown = [f"  {line}" for line in lines[:most]]
    return [*shown, f"  and {len(lines) - most} more"] if len(lines) > most else shown


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


def without_rounding_noise(measures: Mapping[str, Any]) -> dict[str, Any]:
    """Return measures with errors (percent) free of float noise: 14.8 for 14.799999999999999; all else as it is."""
    return {
        name: _short(value) if name.endswith("_error") and value is not None else value
        for name, value in measures.items()
    }


def _short(value: float) -> float:
    short = float(f"{value:.10g}")
    return short if math.isclose(short, value, rel_tol=1e-14) else value
