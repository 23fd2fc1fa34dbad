"""What to type next, as messages say it: commands that work as they stand, from where the user is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

EXPERIMENTS = "experiments"  # the folder of the specs that come with the repository


def train_command(files: Iterable[Path | str], overrides: Sequence[str] = (), results: Path | None = None) -> str:
    """``lrarun train`` for specs, into the folder that this command was asked about, and what is to be known of it.

    Args:
        files: spec files.
        overrides: what was given with ``--set``.
        results: the folder in question.
    """
    return command("train", files, overrides, results) + remark(files, results)


def command(name: str, files: Iterable[Path | str], overrides: Sequence[str] = (), results: Path | None = None) -> str:
    """A command for specs, with ``--results`` if this one has it."""
    words = ["lrarun", name, *map(str, files)]
    words += [word for override in overrides for word in ("--set", override)]
    if results is not None and not _is_reference(results) and _was_given("results"):
        words += ["--results", str(results)]
    return shlex.join(words)


def remark(files: Iterable[Path | str], results: Path | None = None) -> str:
    """Why a command that trains specs may not do what one expects, in parentheses; empty if it will."""
    absent = [path for path in map(Path, files) if path.parts[:1] == (EXPERIMENTS,) and not path.exists()]
    parts = []
    if absent:
        names = ", ".join(map(str, absent))
        parts.append(f"{names}: not in this folder; {EXPERIMENTS}/ comes with lrarun's repository")
    if results is not None and _is_reference(results):
        parts.append(f"no run is trained into {results}, which holds reference results")
    return f" ({'; '.join(parts)})" if parts else ""


def _was_given(option: str) -> bool:
    """Whether an option stands on the command line; what the environment says, it says to the next command too."""
    ctx = click.get_current_context()
    return ctx.get_parameter_source(option) == ParameterSource.COMMANDLINE


def _is_reference(results: Path) -> bool:
    from lrarun.results.layout import is_reference

    return is_reference(results)
