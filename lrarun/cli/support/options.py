"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from lrarun.cli.support.behaviour import set_quiet
from lrarun.cli.support.completing import run_ids, spec_files

F = TypeVar("F", bound=Callable[..., Any])

PICTURES = "figures"  # in the results folder: where figures are put, and where the report looks for them


class WholeNumber(click.IntRange):
    """An integer within bounds, called so in messages."""

    name = "whole number"


results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    envvar="LRARUN_RESULTS",
    show_envvar=True,
    metavar="DIR",
    help="Folder that holds the runs' folders.",
)

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LRARUN_DATA_DIR",
    show_envvar=True,
    metavar="DIR",
    help="Where to look for data sets first.",
)

quiet_option = click.option(
    "--quiet", "-q", is_flag=True, is_eager=True, callback=set_quiet, help="Say only what went wrong."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

specs_argument = click.argument(
    "specs",
    nargs=-1,
    required=True,
    metavar="SPEC.yaml...",
    type=click.Path(path_type=Path),
    shell_complete=spec_files,
)

optional_specs_argument = click.argument(
    "specs", nargs=-1, metavar="[SPEC.yaml...]", type=click.Path(path_type=Path), shell_complete=spec_files
)

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of every spec, dotted for nested ones. Can be given several times.",
)


def check_folder(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """An option's file, unless the folder that it would be written into is not there."""
    if path is not None and str(path) != "-" and not path.parent.is_dir():
        raise click.BadParameter(f"{path.parent} is no folder; make it, or name another place.")
    return path


def check_results(results: Path) -> None:
    """Raises ``Incomplete`` if the user named a results folder that is not there; that the usual one is not is fine."""
    ctx = click.get_current_context()
    if results.is_dir() or ctx.get_parameter_source("results") == ParameterSource.DEFAULT:
        return
    from lrarun.errors import Incomplete

    raise Incomplete(f"{results}: no such folder; name the one that holds the runs with --results or LRARUN_RESULTS")


def run_argument(name: str) -> Callable[[F], F]:
    """An argument that names one run."""
    return click.argument(name, metavar="RUN", shell_complete=run_ids)
