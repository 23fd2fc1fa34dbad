"""What runs left on disk, read back. Needs neither the engine nor a data set.

A run is a folder ``RESULTS/<run id>/`` with at least ``run.json``; see
:mod:`lrarun.runs.run` for who writes it.
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

from lrarun.errors import Incomplete, UsageError
from lrarun.settings import nearest

LOG = logging.getLogger(__name__)

FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED = "finished", "running", "interrupted", "failed", "diverged"
RENAME = "a run's folder has its id as name: rename it, or move a copy to another place"
# In a results folder: what is in it, and below it, is published, and no run is written there.
REFERENCE = "REFERENCE-RESULTS.md"
SHORTEST = 4  # characters of a digest that name a run; fewer would by chance
STATES = (FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED)


@dataclass(frozen=True)
class Result:
    """One run as its folder tells it.

    Attributes:
        run_id: as ``run.json`` has it; the folder's name where it does not say.
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


def is_reference(results: Path) -> bool:
    """Whether a results folder is marked as one of reference results, itself or a folder that it is in."""
    return marker(results) is not None


def marker(results: Path) -> Path | None:
    """The file that marks a results folder, or one that it is in, as reference results."""
    place = results.resolve()
    files = (folder / REFERENCE for folder in (place, *place.parents))
    return next(filter(Path.is_file, files), None)


def refuse_reference(results: Path) -> None:
    """Raises ``UsageError`` if a results folder is one of reference results."""
    mark = marker(results)
    if mark:
        raise UsageError(f"{results}: reference results are kept as they are (marked by {mark});"
                         " name another folder with --results, or leave it out")


def read_result(folder: Path) -> Result | None:
    """The run in a folder, or None where there is no readable ``run.json``.

    A damaged one is warned of, and so is a run in a folder of another name than its id,
    which is None too: such a copy must not count beside the run itself.
    """
    result = _read(folder)
    if result is None or result.run_id == folder.name:
        return result
    LOG.warning("lrarun: %s", _misplaced([result]))
    return None


def read_results(results: Path) -> list[Result]:
    """Every run directly under a results folder, by run id; an absent folder holds none.

    Runs in folders of another name than their id, such as copies, are left out with one warning.

    Raises:
        UsageError: the folder may not be read.
    """
    try:
        with os.scandir(results) as entries:
            folders = sorted(entry.path for entry in entries if os.path.isdir(entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(f"{results.absolute()}: cannot be read: {error.strerror or error}") from error
    found = [result for result in map(_read, map(Path, folders)) if result is not None]
    misplaced = [result for result in found if result.run_id != result.folder.name]
    if misplaced:
        LOG.warning("lrarun: %s", _misplaced(misplaced))
    return [result for result in found if result.run_id == result.folder.name]


def _read(folder: Path) -> Result | None:
    """The run in a folder, whatever the folder's name."""
    try:
        record = json.loads((folder / "run.json").read_bytes())
        if not isinstance(record["spec"], Mapping):
            raise TypeError("a spec is a mapping")
        return Result(record.get("run_id", folder.name), folder, record["state"], record["spec"], record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        LOG.warning("lrarun: %s: run.json cannot be read (%s); the run counts as missing", folder.name, error.strerror)
    except (ValueError, KeyError, TypeError, AttributeError):
        LOG.warning("lrarun: %s: run.json is damaged; the run counts as missing", folder.name)
    return None


def _misplaced(results: Sequence[Result]) -> str:
    """What is said of runs in folders of another name than their id."""
    lines = [f"{result.folder} holds the run {result.run_id}" for result in results]
    if len(lines) == 1:
        return f"left out: {lines[0]}; {RENAME}"
    return "\n".join([f"left out, {len(lines)} folders that are not named as the run in them; {RENAME}:",
                      *listed(lines)])


def find_result(results: Path, run: str) -> Result:
    """The one run that is meant by its id, the digest at its end, the beginning of either, or its folder.

    Args:
        results: the folder that holds the runs' folders.
        run: what the user wrote.

    Raises:
        UsageError: several runs are meant.
        Incomplete: there is none.
    """
    named = next(filter(None, (_read(folder.resolve()) for folder in (results / run, Path(run)))), None)
    if named is not None:
        return named
    every = read_results(results)
    ids = {result.run_id: result for result in every}
    found = [run_id for run_id in ids if run_id.startswith(run) or run_id.endswith(f"-{run}")]
    if not found and len(run) >= SHORTEST:  # what begins no id may still begin a digest
        found = [run_id for run_id in ids if run_id.rpartition("-")[2].startswith(run)]
    if len(found) == 1:
        return ids[found[0]]
    if found:
        apart = telling({run_id: ids[run_id].spec for run_id in found})
        lines = [f"{run_id}  {apart[run_id]}".rstrip() for run_id in found]
        raise UsageError("\n".join([f"{run!r} means {len(found)} runs; write more of it:", *listed(lines)]))
    if not every:
        raise Incomplete(f"no runs in {results}; train some, or name another folder with --results")
    close = nearest(run, ids)
    if close:
        raise Incomplete(f"no run {run!r} in {results}; did you mean {close}?")
    lines = [f"no run {run!r} in {results}; there are {len(ids)}, for example:", *listed(list(ids))]
    raise Incomplete("\n".join(lines))


def listed(lines: Sequence[str], most: int = 8) -> list[str]:
    """The first few lines, indented, and how many more there are."""
    shown = [f"  {line}" for line in lines[:most]]
    return [*shown, f"  and {len(lines) - most} more"] if len(lines) > most else shown


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


def telling(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """In what runs differ whose ids read alike but for the digest: ``algorithm.beta=0.05``; empty for the others.

    Args:
        specs: run id -> resolved spec.
    """
    alike: dict[str, list[dict[str, Any]]] = {}
    settings = {run_id: settings_of_run(spec) for run_id, spec in specs.items()}
    for run_id, own in settings.items():
        alike.setdefault(run_id.rpartition("-")[0], []).append(own)
    varied = {name: _varied(group) for name, group in alike.items()}
    return {
        run_id: ", ".join(f"{key}={value}" for key, value in own.items() if key in varied[run_id.rpartition("-")[0]])
        for run_id, own in settings.items()
    }


def _varied(group: Sequence[Mapping[str, Any]]) -> set[str]:
    """The keys that have not one value in all."""
    return {key for own in group for key in own.keys() | group[0].keys() if own.get(key) != group[0].get(key)}


def as_counted(measures: Mapping[str, Any]) -> dict[str, Any]:
    """The errors in percent without digits that rounding left: 14.8 for 14.799999999999999; all else as it is."""
    return {name: _short(value) if name.endswith("_error") and value is not None else value
            for name, value in measures.items()}


def _short(value: float) -> float:
    short = float(f"{value:.10g}")
    return short if math.isclose(short, value, rel_tol=1e-14) else value


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
