"""What runs left on disk, read back. Needs neither the engine nor a data set.

A run is a folder ``RESULTS/<run id>/`` with at least ``run.json``; see
:mod:`lrarun.runs` for who writes it.
"""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrarun.errors import Incomplete, UsageError
from lrarun.settings import nearest

LOG = logging.getLogger(__name__)

FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED = "finished", "running", "interrupted", "failed", "diverged"
STATES = (FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED)


@dataclass(frozen=True)
class Result:
    """One run as its folder tells it.

    Attributes:
        run_id: the folder's name.
        folder: where it is.
        state: one of :data:`STATES`.
        spec: the resolved spec, a mapping as in ``spec.yaml``.
        record: all of ``run.json``: ``epoch`` (epochs done), ``best_epoch``,
            ``validation_error``, ``train_error``, ``test_error`` (percent, absent until
            finished), ``seconds``, ``reason`` (if failed or diverged), ``provenance``.
    """

    run_id: str
    folder: Path
    state: str
    spec: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def finished(self) -> bool:
        """Whether the run came to its end and has scores."""
        return self.state == FINISHED


def read_result(folder: Path) -> Result | None:
    """The run in a folder, or None where there is no readable ``run.json``; a damaged one is warned of."""
    try:
        record = json.loads((folder / "run.json").read_bytes())
        return Result(folder.name, folder, record["state"], record["spec"], record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        LOG.warning("lrarun: %s: run.json is damaged; the run counts as missing", folder.name)
        return None


def read_results(results: Path) -> list[Result]:
    """Every run directly under a results folder, by run id; an absent folder holds none."""
    try:
        with os.scandir(results) as entries:
            folders = sorted(entry.path for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []
    found = (read_result(Path(folder)) for folder in folders)
    return [result for result in found if result is not None]


def find_result(results: Path, run: str) -> Result:
    """The one run that is meant by its id, the beginning of it, its digest at the end, or its folder.

    Args:
        results: the folder that holds the runs' folders.
        run: what the user wrote.

    Raises:
        UsageError: several runs are meant.
        Incomplete: there is none.
    """
    exact = [read_result(folder) for folder in (results / run, Path(run))]
    named = next((result for result in exact if result is not None), None)
    if named is not None:
        return replace(named, run_id=named.folder.resolve().name)
    every = read_results(results)
    found = [result for result in every if result.run_id.startswith(run) or result.run_id.endswith(f"-{run}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{run!r} begins {len(found)} run ids; write more of it:\n{_listed(found)}")
    if not every:
        raise Incomplete(f"no runs in {results}; train some, or name another folder with --results")
    close = nearest(run, [result.run_id for result in every])
    hint = f"did you mean {close}?" if close else f"there are {len(every)}, for example:\n{_listed(every)}"
    raise Incomplete(f"no run {run!r} in {results}; {hint}")


def _listed(results: Sequence[Result], most: int = 8) -> str:
    lines = [f"  {result.run_id}" for result in results[:most]]
    return "\n".join([*lines, f"  and {len(results) - most} more"] if len(results) > most else lines)


def read_log(folder: Path) -> list[dict[str, float]]:
    """A run's epochs, one mapping per row of ``log.csv``: ``epoch`` (an int), the rest floats.

    A row that is not whole, such as the last one of a process that was killed while it
    wrote, is left out; an absent file, or one that is no log, has no rows. More damage
    than that is warned of.
    """
    try:
        lines = (folder / "log.csv").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    rows = list(csv.reader(lines))
    records = []
    for row in rows[1:]:
        with contextlib.suppress(ValueError, KeyError):
            record = {name: float(value) for name, value in zip(rows[0], row, strict=True)}
            records.append(record | {"epoch": int(record["epoch"])})
    if len(records) < len(rows) - 2:
        LOG.warning("lrarun: %s: log.csv is damaged; %d of its rows can be read", folder.name, len(records))
    return records


def settings_of_run(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved spec as one flat mapping, by the keys that a sweep would use.

    >>> settings_of_run({"depth": 3, "algorithm": {"name": "lra-e", "beta": 0.1}, "probes": [{"name": "angle"}]})
    {'depth': 3, 'algorithm': 'lra-e', 'algorithm.beta': 0.1, 'probes': 'angle'}
    """
    flat: dict[str, Any] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping):
            flat[key] = value.get("name")
            flat |= {f"{key}.{name}": part for name, part in value.items() if name != "name"}
        elif isinstance(value, list):
            flat[key] = " ".join(_word(part) for part in value)
        else:
            flat[key] = value
    return flat


def _word(part: Any) -> str:
    """One entry of a list on few characters: ``angle`` or ``angle(every=2)``."""
    if not isinstance(part, Mapping):
        return str(part)
    rest = ",".join(f"{name}={value}" for name, value in part.items() if name != "name")
    return f"{part.get('name')}({rest})" if rest else str(part.get("name"))
