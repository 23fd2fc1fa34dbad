"""Read a run's epochs from its ``log.csv``, and say what the file lacks."""

from __future__ import annotations

import contextlib
import csv
import logging
import math
from collections.abc import Sequence
from pathlib import Path

from lrarun.results import run_folder
from lrarun.results.left_out import Damaged
from lrarun.results.read import is_locked, load_result
from lrarun.results.result import Result

LOG = logging.getLogger(__name__)


def read_log(folder: Path) -> list[dict[str, float]]:
    """Return a run's epochs, one mapping per row of ``log.csv``: ``epoch`` is an int, all else a float.

    Leaves out rows that are not whole. The last row may be torn, if a process was killed while it wrote it. Warns of
    rows that can't be read, and of what :func:`read_log_and_gaps` finds. An absent file, or one that is no log, has no
    rows.
    """
    log, lacking = read_log_and_gaps(folder)
    if lacking:
        LOG.warning("lrarun: %s", lacking)
    return log


def read_log_and_gaps(folder: Path) -> tuple[list[dict[str, float]], str]:
    """Return a run's epochs as :func:`read_log`, and what the log lacks of the epochs that ``run.json`` states.

    Nothing lacks while a process is training the run: ``run.json`` and the log change one after the other.
    """
    stated = _stated_epochs(folder)  # first: an epoch is in the log before it is in run.json
    try:
        lines = (folder / run_folder.LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        lines = []
    rows = list(csv.reader(lines))
    records = []
    for row in rows[1:]:
        with contextlib.suppress(ValueError, KeyError):
            record = {name: float(value) for name, value in zip(rows[0], row, strict=True)}
            records.append(record | {"epoch": int(record["epoch"])})
    present = {record["epoch"] for record in records}
    absent = [epoch for epoch in range(1, stated + 1) if epoch not in present]
    if absent and not is_locked(folder):
        return records, _what_lacks(folder, absent, stated)
    if len(records) < len(rows) - 2:
        LOG.warning("lrarun: %s: %s is damaged; %d of its rows can be read", folder.name, run_folder.LOG, len(records))
    return records, ""


def last_validation_error(result: Result) -> float | None:
    """Return the validation error in percent after a run's last epoch; None if its log does not have that epoch."""
    log, _ = read_log_and_gaps(result.folder)
    if not log or log[-1]["epoch"] != result.epoch:
        return None
    error = log[-1].get("validation_error", math.nan)
    return error if math.isfinite(error) else None


def _stated_epochs(folder: Path) -> int:
    """Return how many epochs a run has done by its ``run.json``; 0 without a sound one."""
    try:
        result = load_result(folder)
    except Damaged:
        return 0
    return result.epoch if result else 0


def _what_lacks(folder: Path, absent: Sequence[int], stated: int) -> str:
    which = f"epoch {absent[0]}" if len(absent) == 1 else f"{len(absent)} of {stated} epochs"
    how = f"{run_folder.LOG} lacks {which}" if (folder / run_folder.LOG).exists() else f"{run_folder.LOG} is missing"
    again = "" if run_folder.is_reference(folder) else "; train the run again with --force"
    return f"{folder.name}: {how}{again}"
