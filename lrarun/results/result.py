"""A run, as its folder has it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED = "finished", "running", "interrupted", "failed", "diverged"
PRUNED = "pruned"  # run.json says: interrupted, and that it was pruned
STATES = (FINISHED, RUNNING, INTERRUPTED, PRUNED, FAILED, DIVERGED)
KILLED = "its process was killed"


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


def without_rounding_noise(measures: Mapping[str, Any]) -> dict[str, Any]:
    """Return measures with errors (percent) free of float noise: 14.8 for 14.799999999999999; all else as it is."""
    return {
        name: _short(value) if name.endswith("_error") and value is not None else value
        for name, value in measures.items()
    }


def _short(value: float) -> float:
    short = float(f"{value:.10g}")
    return short if math.isclose(short, value, rel_tol=1e-14) else value
