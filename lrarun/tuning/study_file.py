"""A study's file: ``RESULTS/studies/<study id>/study.json`` holds what each round proposed, in order."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lrarun.errors import UsageError
from lrarun.files import to_json, write_atomic
from lrarun.specs.space import Proposal

LOG = logging.getLogger(__name__)
STUDY = "study.json"


@dataclass(frozen=True)
class StudyFile:
    """The stored proposals of a study.

    Attributes:
        folder: the study's folder, named by its id; created when something is stored.
    """

    folder: Path

    def proposals(self) -> list[Proposal]:
        """Return the stored proposals; none without a file, nor from a damaged one, of which it warns."""
        path = self.folder / STUDY
        try:
            return [dict(trial) for trial in json.loads(path.read_text(encoding="utf-8"))["trials"]]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (ValueError, KeyError, TypeError) as error:
            LOG.warning("lrarun: %s is damaged (%s); its trials are proposed anew", path, error)
            return []

    def store(self, proposals: Sequence[Proposal]) -> None:
        """Write the file whole or not at all.

        Raises:
            UsageError: it cannot be stored.
        """
        with self._storing():
            write_atomic(self.folder / STUDY, to_json({"study": self.folder.name, "trials": proposals}) + "\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from storing in this block.

        Raises:
            UsageError: the folder cannot be made.
        """
        with self._storing():
            self.folder.mkdir(parents=True, exist_ok=True)
        held = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Say in one message that the study cannot be stored."""
        try:
            yield
        except OSError as error:
            raise UsageError(
                f"{self.folder}: the study cannot be stored there ({error.strerror or error})."
                " Mend that, or name another folder with --results or LRARUN_RESULTS"
            ) from error
