"""What runs left on disk, read back. Needs neither the engine nor a data set.

A run is a folder ``RESULTS/<run id>/`` with at least ``run.json``; see
:mod:`lrarun.runs` for who writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """The run in a folder, or None where there is no readable ``run.json``."""
    try:
        record = json.loads((folder / "run.json").read_bytes())
        return Result(folder.name, folder, record["state"], record["spec"], record)
    except (OSError, ValueError, KeyError, TypeError):
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
