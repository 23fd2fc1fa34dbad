"""What to type next, as messages say it: commands that work as they stand, from where the user is, or none."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lrarun.cli.support.global_options import PLUGINS
from lrarun.cli.support.options import is_of_reference
from lrarun.shipped import shipped_file, typed_name

if TYPE_CHECKING:
    import pandas as pd

    from lrarun.report.claims.claim import CheckedClaim
    from lrarun.report.summary.rows import Summary
    from lrarun.results.result import Result

TRAIN = "lrarun train "  # how a claim that needs runs says so
WRITING = ("train", "clean")  # commands that write into the results folder, so not into the reference results
WITH_DATA = ("train", "status", "clean", "figure")  # commands that take --data-dir


def train_command(files: Iterable[Path | str], overrides: Sequence[str] = (), results: Path | None = None) -> str:
    """Return ``train with: lrarun train ...`` for specs; empty without one, and for one from a pipe.

    Args:
        files: spec files, or names of shipped ones.
        overrides: what was given with ``--set``.
        results: the folder in question.
    """
    known = [str(path) for path in files]
    if not known or "-" in known:
        return ""
    return f"train with: {command('train', known, overrides, results)}{remark(results)}"


def command(
    name: str,
    files: Iterable[Path | str],
    overrides: Sequence[str] = (),
    results: Path | None = None,
    more: Sequence[str] = (),
) -> str:
    """Return a command for specs, with the options that this command has and that one needs too.

    Reference results are read there and not written to: a command that trains is for the usual folder.
    """
    words = ["lrarun", name, *map(str, files), *more]
    words += [word for override in overrides for word in ("--set", override)]
    ctx = click.get_current_context()
    if name not in WRITING and is_of_reference(ctx):
        words += ["--reference"]
    elif results is not None and _was_given(ctx, "results") and not (name == "train" and _is_reference(results)):
        words += ["--results", str(results)]
    if name in WITH_DATA and _was_given(ctx, "data_dir"):
        words += ["--data-dir", str(ctx.params["data_dir"])]
    if _was_given(ctx, "plugin") or (ctx.parent is not None and _was_given(ctx.parent, "plugin")):
        files_of_rules = [part for part in os.environ.get(PLUGINS, "").split(os.pathsep) if part]
        words += [word for path in files_of_rules for word in ("--plugin", _as_short(path))]
    return shlex.join(words)


def shipped_spec(name: str) -> str:
    """Return what to type for a shipped spec here: its name, unless a file in this folder has it."""
    path = shipped_file(name)
    return name if path is None else typed_name(path)


def words_for(results: Path) -> str:
    """Return what messages call the folder of the runs: its path, or that it is the reference."""
    return "the reference results" if is_of_reference() else str(results)


def see_reference(results: Path, name: str, *more: str) -> str:
    """Return a line with the command that shows the same of the results that lrarun ships; empty if these are they.

    Args:
        results: the folder in question.
        name: the command.
        more: its arguments.
    """
    if _is_reference(results):
        return ""
    words = shlex.join(["lrarun", name, *more, "--reference"])
    return f"\nlrarun ships results of the paper's runs; to see them: {words}"


def remark(results: Path | None) -> str:
    """Return, in parentheses, that what is missing is not trained into a folder of reference results; else nothing."""
    if results is None or not _is_reference(results):
        return ""
    which = words_for(results)
    return f" (no run is trained into {which}{'' if is_of_reference() else ', which holds reference results'})"


def with_commands(checked: Iterable[CheckedClaim], results: Path) -> list[CheckedClaim]:
    """Return checked claims whose ``needs`` is a command that works as it stands."""
    return [
        replace(one, claim=replace(one.claim, needs=command("train", files, (), results)))
        if (files := training_files(one))
        else one
        for one in checked
    ]


def training_files(one: CheckedClaim) -> list[str]:
    """Return the spec files that provide a claim's results; none if it needs something else."""
    needs = one.claim.needs
    return list(map(shipped_spec, needs.removeprefix(TRAIN).split())) if needs.startswith(TRAIN) else []


def check_cells(
    cells: pd.DataFrame, results: Path, files: Sequence[Path], overrides: Sequence[str], shown: Sequence[str]
) -> None:
    """Raise ``Incomplete``, with the command that helps, if a table's cell that was asked for lacks a run.

    Args:
        cells: of the tables.
        results: the folder that they were filled from.
        files: the specs that were asked for; none for the paper's.
        overrides: what was given with ``--set``.
        shown: this command and its arguments, for one that shows the reference results where there are few runs.
    """
    from lrarun.errors import Incomplete
    from lrarun.report.wording import plural
    from lrarun.results.result import DIVERGED

    lacking = cells[cells["expected"] & (cells["outstanding"] > 0)]
    if lacking.empty:
        return
    where = words_for(results) if results.is_dir() else f"{results}, which does not exist"
    what = f"{len(lacking)} of {plural(cells['expected'].sum(), 'cell')} missing or unfinished in {where}"
    # The state is one that can still change, if any of a cell's runs has such a one.
    trainable = lacking[~lacking["state"].str.startswith(DIVERGED)]
    if trainable.empty:
        raise Incomplete(f"{what}; all that is outstanding diverged, and would again")
    tables = [shipped_spec(f"table{number}") for number in trainable["table"].unique()]
    told = "; ".join(filter(None, (what, train_command(files or tables, overrides, results))))
    empty = (cells["expected"] & cells["test_error"].isna()).sum()
    few = not files and 2 * empty > cells["expected"].sum()
    raise Incomplete(told + (see_reference(results, *shown) if few else ""))


def check_finished(found: Summary, results: Path, files: Sequence[Path], overrides: Sequence[str]) -> None:
    """Raise ``Incomplete``, with the command that helps, if runs of the specs have no score."""
    from lrarun.errors import Incomplete
    from lrarun.report.summary.rows import UNSCORED
    from lrarun.report.wording import plural
    from lrarun.results.result import DIVERGED

    counts = {state: sum(row.count(state) for row in found.rows) for state in UNSCORED}
    outstanding = sum(counts.values())
    if not outstanding:
        return
    known = outstanding + sum(len(row.runs) for row in found.rows)
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    what = f"{outstanding} of {plural(known, 'run')} without a score in {results}: {states}"
    if outstanding == counts[DIVERGED]:
        raise Incomplete(f"{what}, and would diverge again")
    raise Incomplete("; ".join(filter(None, (what, train_command(files, overrides, results)))))


def table_of(run: Result, number: str | None, results: Path) -> str:
    """Return the ``lrarun table`` that shows a run which is not the paper's; empty if its spec can't be read again."""
    from lrarun.errors import LrarunError
    from lrarun.report.repetitions import settings
    from lrarun.results.run_folder import SPEC
    from lrarun.specs.build import load_specs

    path = run.folder / SPEC
    try:
        found = [settings(spec.to_dict()) for spec in load_specs(path)] if path.is_file() else []
    except LrarunError:  # written by another version, say
        return ""
    more = [*([number] if number else []), "--spec", str(path)]
    return command("table", [], (), results, more) if found == [settings(run.spec)] else ""


def anew_command(
    runs: Sequence[Result], files: Sequence[Path | str], overrides: Sequence[str], results: Path, most: int = 3
) -> str:
    """Return ``train anew with: lrarun train --force ...`` for finished runs of which something is lost.

    Names the runs' own specs, so that nothing else is trained, or if they are many, the spec files that they are of.
    """
    from lrarun.results.run_folder import SPEC

    if _is_reference(results):
        return train_command(files, overrides, results)
    own = [run.folder / SPEC for run in runs]
    if len(own) <= most and all(path.is_file() for path in own):
        return f"train anew with: {command('train', own, (), results, ['--force'])}"
    if "-" in map(str, files):
        return ""
    return f"train anew with: {command('train', files, overrides, results, ['--force'])}"


def _as_short(path: str) -> str:
    """Return a path relative to the working folder if it is below it."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def _was_given(ctx: click.Context, option: str) -> bool:
    """Return whether an option stands on the command line; the environment reaches the next command by itself."""
    return ctx.get_parameter_source(option) == ParameterSource.COMMANDLINE


def _is_reference(results: Path) -> bool:
    from lrarun.results.run_folder import is_reference

    return is_reference(results)
