"""Read what runs left on disk. Needs neither the engine nor a data set.

A run is a folder ``RESULTS/<run id>/`` with at least ``run.json``. :mod:`lrarun.results.layout` lists what
is in it, and :mod:`lrarun.runs.run` writes it.
"""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrarun.errors import UsageError
from lrarun.results import layout

LOG = logging.getLogger(__name__)

FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED = "finished", "running", "interrupted", "failed", "diverged"
STATES = (FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED)
RENAME = "a run's folder has its id as name: rename it, or move a copy to another place"


@dataclass(frozen=True)
class Result:
    """One run, as read from its folder.

    Attributes:
        run_id: as ``run.json`` has it; the folder's name where it does not say.
        folder: the run's folder.
        state: one of :data:`STATES`.
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
        """Why the run failed, diverged or was interrupted."""
        return self.record.get("reason")

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
    def numbers_version(self) -> int | None:
        """The version of the engine's numbers, see ``lrarun.specs.spec.NUMBERS_VERSION``."""
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


def read_result(folder: Path) -> Result | None:
    """Return the run in a folder, or None where there is no readable ``run.json``.

    Warns of a damaged one. Warns too of a run whose id is not the folder's name and returns None for it:
    such a copy must not count beside the run itself.
    """
    result = read_any_name(folder)
    if result is None or result.run_id == folder.name:
        return result
    LOG.warning("lrarun: %s", _misplaced([result]))
    return None


def read_results(results: Path) -> list[Result]:
    """Return every run directly under a results folder, ordered by folder name; none if the folder is absent.

    Leaves out runs whose id is not their folder's name, such as copies, with one warning.

    Raises:
        UsageError: the folder can't be read.
    """
    try:
        with os.scandir(results) as entries:
            folders = sorted(entry.path for entry in entries if os.path.isdir(entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(f"{results.absolute()}: cannot be read: {error.strerror or error}") from error
    every = [result for result in map(read_any_name, map(Path, folders)) if result is not None]
    misplaced = [result for result in every if result.run_id != result.folder.name]
    if misplaced:
        LOG.warning("lrarun: %s", _misplaced(misplaced))
    return [result for result in every if result.run_id == result.folder.name]


def read_any_name(folder: Path) -> Result | None:
    """Return the run in a folder, whatever the folder's name; else as :func:`read_result`."""
    try:
        return _from_record(folder, json.loads((folder / layout.RUN).read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        LOG.warning(
            "lrarun: %s: %s cannot be read (%s); the run counts as missing", folder.name, layout.RUN, error.strerror
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        LOG.warning("lrarun: %s: %s is damaged; the run counts as missing", folder.name, layout.RUN)
    return None


def _from_record(folder: Path, record: Any) -> Result:
    if not isinstance(record["spec"], Mapping):
        raise TypeError("a spec is a mapping")
    return Result(record.get("run_id", folder.name), folder, record["state"], record["spec"], record)


def _misplaced(results: Sequence[Result]) -> str:
    """Return the warning about runs whose ids are not their folders' names."""
    lines = [f"{result.folder} holds the run {result.run_id}" for result in results]
    if len(lines) == 1:
        return f"left out: {lines[0]}; {RENAME}"
    head = f"left out, {len(lines)} folders that are not named as the run in them; {RENAME}:"
    return "\n".join([head, *indented(lines)])


def indented(lines: Sequence[str], most: int = 8) -> list[str]:
    """Return the first few lines, indented, and a line with how many more there are."""
    shown = [f"  {line}" for line in lines[:most]]
    return [*shown, f"  and {len(lines) - most} more"] if len(lines) > most else shown


def read_log(folder: Path) -> list[dict[str, float]]:
    """Return a run's epochs, one mapping per row of ``log.csv``: ``epoch`` is an int, all else a float.

    Leaves out rows that are not whole. The last row may be torn, if a process was killed while it wrote it;
    warns if more than that is damaged. An absent file, or one that is no log, has no rows.
    """
    try:
        lines = (folder / layout.LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    rows = list(csv.reader(lines))
    records = []
    for row in rows[1:]:
        with contextlib.suppress(ValueError, KeyError):
            record = {name: float(value) for name, value in zip(rows[0], row, strict=True)}
            records.append(record | {"epoch": int(record["epoch"])})
    if len(records) < len(rows) - 2:
        LOG.warning("lrarun: %s: %s is damaged; %d of its rows can be read", folder.name, layout.LOG, len(records))
    return records


def without_rounding_noise(measures: Mapping[str, Any]) -> dict[str, Any]:
    """Return measures with errors (percent) free of float noise: 14.8 for 14.799999999999999; all else as it is."""
    return {
        name: _short(value) if name.endswith("_error") and value is not None else value
        for name, value in measures.items()
    }


def _short(value: float) -> float:
    short = float(f"{value:.10g}")
    return short if math.isclose(short, value, rel_tol=1e-14) else value
