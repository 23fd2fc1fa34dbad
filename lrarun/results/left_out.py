"""Warn of runs in a results folder that count as missing: damaged ones, and copies under another name."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from lrarun.errors import indented
from lrarun.results import run_folder
from lrarun.results.result import Result

LOG = logging.getLogger(__name__)

RENAME = "a run's folder has its id as name: rename it, or move a copy to another place"


class Damaged(Exception):
    """A run's ``run.json`` is there and holds no run; the message says how it is."""


class Unreadable(Damaged):
    """A run's ``run.json`` is there and may be sound, but this process can't read it."""


def warn_of(damaged: Mapping[Path, Damaged], misplaced: Sequence[Result]) -> None:
    """Warn of the runs of a results folder that count as missing."""
    for folder, damage in damaged.items():
        warn_of_damage(folder, damage)
    warn_of_misplaced(misplaced)


def warn_of_damage(folder: Path, damage: Damaged) -> None:
    """Warn of a run whose ``run.json`` cannot be used, and say how to remove it if it is the user's."""
    removal = f"; to remove it: {shlex.join(['lrarun', 'clean', '--results', str(folder.parent)])}"
    if isinstance(damage, Unreadable) or run_folder.is_reference(folder):
        removal = ""
    LOG.warning("lrarun: %s: %s %s; the run counts as missing%s", folder.name, run_folder.RUN, damage, removal)


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
