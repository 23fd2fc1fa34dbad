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

if TYPE_CHECKING:
    import pandas as pd

    from lrarun.report.claims.claim import CheckedClaim
    from lrarun.report.summary.rows import Summary
    from lrarun.results.read import Result

EXPERIMENTS = "experiments"  # the folder of the specs that come with the repository
TRAIN = "lrarun train "  # how a claim that needs runs says so
WITH_DATA = ("train", "status", "clean", "figure")  # commands that take --data-dir


def train_command(files: Iterable[Path | str], overrides: Sequence[str] = (), results: Path | None = None) -> str:
    """Return ``train with: lrarun train ...`` for specs, or where they are to be had if they are not here.

    Args:
        files: spec files.
        overrides: what was given with ``--set``.
        results: the folder in question.
    """
    known = [str(path) for path in files]
    absent = _absent(known)
    parts = []
    if len(absent) < len(known) and "-" not in known:  # nobody can type what came from a pipe
        here = [path for path in known if path not in absent]
        parts.append(f"train with: {command('train', here, overrides, results)}{_remark(results)}")
    if absent:
        parts.append(_where_from(absent))
    return "; ".join(parts)


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
    if results is not None and _was_given(ctx, "results") and not (name == "train" and _is_reference(results)):
        words += ["--results", str(results)]
    if name in WITH_DATA and _was_given(ctx, "data_dir"):
        words += ["--data-dir", str(ctx.params["data_dir"])]
    if _was_given(ctx, "plugin") or (ctx.parent is not None and _was_given(ctx.parent, "plugin")):
        files_of_rules = [part for part in os.environ.get(PLUGINS, "").split(os.pathsep) if part]
        words += [word for path in files_of_rules for word in ("--plugin", _as_short(path))]
    return shlex.join(words)


def missing_specs(files: Iterable[Path | str], results: Path) -> str:
    """Return, in parentheses, why what is missing may not be trained as one expects; empty if it can."""
    absent = _absent([str(path) for path in files])
    return f" ({_where_from(absent)})" if absent else _remark(results)


def _absent(files: Sequence[str]) -> list[str]:
    return [path for path in files if Path(path).parts[:1] == (EXPERIMENTS,) and not Path(path).exists()]


def _where_from(absent: Sequence[str]) -> str:
    names, verb = ", ".join(absent), "is" if len(absent) == 1 else "are"
    return f"{names} ({verb} in lrarun's repository, not in this folder)"


def _remark(results: Path | None) -> str:
    if results is not None and _is_reference(results):
        return f" (no run is trained into {results}, which holds reference results)"
    return ""


def with_commands(checked: Iterable[CheckedClaim], results: Path) -> list[CheckedClaim]:
    """Return checked claims whose ``needs`` is a command that works here, or says where its specs are to be had."""
    return [
        replace(one, claim=replace(one.claim, needs=_needs(files, results))) if (files := training_files(one)) else one
        for one in checked
    ]


def _needs(files: Sequence[str], results: Path) -> str:
    absent = _absent(files)
    return f"the runs of {_where_from(absent)}" if absent else command("train", files, (), results)


def training_files(one: CheckedClaim) -> list[str]:
    """Return the spec files that provide a claim's results; none if it needs something else."""
    needs = one.claim.needs
    return needs.removeprefix(TRAIN).split() if needs.startswith(TRAIN) else []


def check_cells(cells: pd.DataFrame, results: Path, files: Sequence[Path], overrides: Sequence[str]) -> None:
    """Raise ``Incomplete``, with the command that helps, if a table's cell that was asked for lacks a run."""
    from lrarun.errors import Incomplete
    from lrarun.report.wording import plural
    from lrarun.results.read import DIVERGED

    lacking = cells[cells["expected"] & (cells["outstanding"] > 0)]
    if lacking.empty:
        return
    where = f"{results}" if results.is_dir() else f"{results}, which does not exist"
    what = f"{len(lacking)} of {plural(cells['expected'].sum(), 'cell')} missing or unfinished in {where}"
    # The state is one that can still change, if any of a cell's runs has such a one.
    trainable = lacking[~lacking["state"].str.startswith(DIVERGED)]
    if trainable.empty:
        raise Incomplete(f"{what}; all that is outstanding diverged, and would again")
    tables = [f"{EXPERIMENTS}/table{number}.yaml" for number in trainable["table"].unique()]
    raise Incomplete("; ".join(filter(None, (what, train_command(files or tables, overrides, results)))))


def check_finished(found: Summary, results: Path, files: Sequence[Path], overrides: Sequence[str]) -> None:
    """Raise ``Incomplete``, with the command that helps, if runs of the specs have no score."""
    from lrarun.errors import Incomplete
    from lrarun.report.summary.rows import UNSCORED
    from lrarun.report.wording import plural
    from lrarun.results.read import DIVERGED

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
    from lrarun.report.cells import settings
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
    absent = _absent([str(path) for path in files])
    if absent or "-" in map(str, files):
        return _where_from(absent) if absent else ""
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
