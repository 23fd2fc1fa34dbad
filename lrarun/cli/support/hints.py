"""What to type next, as messages say it: commands that work as they stand, from where the user is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    import pandas as pd

    from lrarun.report.claims.claim import CheckedClaim

EXPERIMENTS = "experiments"  # the folder of the specs that come with the repository
TRAIN = "lrarun train "  # how a claim that needs runs says so


def train_command(files: Iterable[Path | str], overrides: Sequence[str] = (), results: Path | None = None) -> str:
    """Return ``lrarun train`` for specs, into the folder that this command was asked about, and a remark on it.

    Args:
        files: spec files.
        overrides: what was given with ``--set``.
        results: the folder in question.
    """
    return command("train", files, overrides, results) + remark(files, results)


def command(name: str, files: Iterable[Path | str], overrides: Sequence[str] = (), results: Path | None = None) -> str:
    """Return a command for specs, with ``--results`` if this command has it."""
    words = ["lrarun", name, *map(str, files)]
    words += [word for override in overrides for word in ("--set", override)]
    if results is not None and not _is_reference(results) and _was_given("results"):
        words += ["--results", str(results)]
    return shlex.join(words)


def remark(files: Iterable[Path | str], results: Path | None = None) -> str:
    """Return why a command that trains specs may not do what one expects, in parentheses; empty if it will."""
    absent = [path for path in map(Path, files) if path.parts[:1] == (EXPERIMENTS,) and not path.exists()]
    parts = []
    if absent:
        names = ", ".join(map(str, absent))
        parts.append(f"{names}: not in this folder; {EXPERIMENTS}/ comes with lrarun's repository")
    if results is not None and _is_reference(results):
        parts.append(f"no run is trained into {results}, which holds reference results")
    return f" ({'; '.join(parts)})" if parts else ""


def with_commands(checked: Iterable[CheckedClaim], results: Path) -> list[CheckedClaim]:
    """Return checked claims whose ``needs`` is a command that works here."""
    return [
        replace(one, claim=replace(one.claim, needs=command("train", training_files(one), (), results)))
        if training_files(one)
        else one
        for one in checked
    ]


def training_files(one: CheckedClaim) -> list[str]:
    """Return the spec files that provide a claim's results; none if it needs something else."""
    needs = one.claim.needs
    return needs.removeprefix(TRAIN).split() if needs.startswith(TRAIN) else []


def check_cells(cells: pd.DataFrame, results: Path, files: Sequence[Path], overrides: Sequence[str]) -> None:
    """Raise ``Incomplete``, with the command that helps, if a table's cell that was asked for lacks a run."""
    from lrarun.errors import Incomplete
    from lrarun.report.wording import plural

    lacking = cells[cells["expected"] & (cells["outstanding"] > 0)]
    if lacking.empty:
        return
    tables = [f"{EXPERIMENTS}/table{number}.yaml" for number in lacking["table"].unique()]
    where = f"{results}" if results.is_dir() else f"{results}, which does not exist"
    raise Incomplete(
        f"{len(lacking)} of {plural(cells['expected'].sum(), 'cell')} missing or unfinished in {where};"
        f" train them with: {train_command(files or tables, overrides, results)}"
    )


def _was_given(option: str) -> bool:
    """Return whether an option stands on the command line; the environment reaches the next command by itself."""
    ctx = click.get_current_context()
    return ctx.get_parameter_source(option) == ParameterSource.COMMANDLINE


def _is_reference(results: Path) -> bool:
    from lrarun.results.layout import is_reference

    return is_reference(results)
