"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from lrarun.cli.support.completers import overrides as override_words
from lrarun.cli.support.completers import run_ids, spec_files
from lrarun.cli.support.global_options import set_quiet
from lrarun.cli.support.paths import UserPath, check_folder

if TYPE_CHECKING:
    from lrarun.specs.spec import Spec

F = TypeVar("F", bound=Callable[..., Any])
MORE_SPECS = "lrarun.more_specs"
REFERENCE = "lrarun.reference"  # whether --reference was given


def is_of_reference(ctx: click.Context | None = None) -> bool:
    """Return whether this command is about the reference results."""
    ctx = ctx or click.get_current_context(silent=True)
    return bool(ctx and ctx.meta.get(REFERENCE))


class WholeNumber(click.IntRange):
    """An integer within bounds, called so in messages."""

    name = "whole number"


def make_results_option(**more: Any) -> Callable[[F], F]:
    """Return the option for the folder of runs."""
    return click.option(
        "--results",
        type=UserPath(file_okay=False),
        default=Path("results"),
        show_default=True,
        envvar="LRARUN_RESULTS",
        show_envvar=True,
        metavar="DIR",
        help="Folder that holds the runs' folders.",
        **more,
    )


def choose_results(ctx: click.Context, param: click.Parameter, path: Path) -> Path:
    """Return the folder to read runs from: the one named, or with --reference, that of the reference results."""
    if ctx.resilient_parsing and not is_of_reference(ctx):
        return path
    from lrarun.shipped import reference, results_folder

    if not is_of_reference(ctx):
        return results_folder(path)
    if param.name and ctx.get_parameter_source(param.name) == ParameterSource.COMMANDLINE:
        raise click.UsageError("--reference and --results each name a folder of runs; leave one out.")
    return reference()


def set_reference(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Record --reference for :func:`choose_results`, which comes later."""
    if value:
        ctx.meta[REFERENCE] = True


def results_option(function: F) -> F:
    """Add the options for the runs that a command reads: a folder, or the reference results."""
    reference = click.option(
        "--reference",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=set_reference,
        help="Take the results that lrarun ships.",
    )
    return make_results_option(callback=choose_results)(reference(function))


# For commands that write into the folder, where the reference results have no place.
own_results_option = make_results_option()


def check_data_dir(path: Path | None) -> Path | None:
    """Return the data folder; refuse one that does not exist, even where this time no data is needed."""
    if path is not None and not path.is_dir():
        raise click.BadParameter(
            f"there is no folder {path}; name another, or make this one with: "
            f"lrarun data fetch --data-dir {shlex.quote(str(path))}",
            param_hint="'--data-dir' (env var: 'LRARUN_DATA_DIR')",
        )
    return path


def make_data_dir_option(help: str, **more: Any) -> Callable[[F], F]:
    """Return the option for the data folder."""
    return click.option(
        "--data-dir",
        type=UserPath(file_okay=False),
        envvar="LRARUN_DATA_DIR",
        show_envvar=True,
        metavar="DIR",
        help=help,
        **more,
    )


data_dir_option = make_data_dir_option(
    "Folder to search first for data sets.", callback=lambda ctx, param, path: check_data_dir(path)
)

jobs_option = click.option(
    "--jobs",
    "-j",
    "workers",
    type=WholeNumber(min=1),
    metavar="N",
    envvar="LRARUN_JOBS",
    show_envvar=True,
    help="Number of processes; 1 trains in this one.  [default: number of cores]",
)

scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    envvar="LRARUN_SCHEDULER",
    show_envvar=True,
    help="Train on the Dask cluster with this scheduler, such as tcp://10.0.0.1:8786.",
)

quiet_option = click.option(
    "--quiet", "-q", is_flag=True, is_eager=True, callback=set_quiet, help="Report errors only."
)

# Of a table that is printed. Charts and pages have choices of their own.
LAYOUTS = ("text", "markdown", "latex", "csv", "json")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def layout_of(layout: str | None, as_json: bool) -> str | None:
    """Return what ``--format`` says, or ``json`` with ``--json``.

    Raises:
        UsageError: both are given, and ``--format`` is another than ``json``.
    """
    if not as_json or layout == "json":
        return layout
    if click.get_current_context().get_parameter_source("layout") == ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--json and --format {layout} exclude each other; leave out one of the two.")
    return "json"


def _with_more_specs(
    ctx: click.Context, param: click.Parameter, given: tuple[Path, ...], required: bool = False
) -> tuple[Path, ...]:
    """Return the spec files of the argument and those of ``--spec``, which is read before it."""
    files = (*given, *ctx.meta.pop(MORE_SPECS, ()))
    if required and not files and not ctx.resilient_parsing:
        raise click.MissingParameter(ctx=ctx, param=param)
    return files


def _keep_more_specs(ctx: click.Context, param: click.Parameter, given: tuple[Path, ...]) -> None:
    ctx.meta[MORE_SPECS] = given


def _specs_argument(required: bool) -> Callable[[F], F]:
    """Return the argument for spec files, which ``--spec`` can name too, as where there is no such argument."""
    argument = click.argument(
        "specs",
        nargs=-1,
        metavar="SPEC..." if required else "[SPEC...]",
        type=UserPath(),
        callback=functools.partial(_with_more_specs, required=required),
        shell_complete=spec_files,
    )
    option = click.option(
        "--spec",
        "more_specs",
        **SPEC_OPTION | {"help": "The same as SPEC, as other commands have it."},
        callback=_keep_more_specs,
        is_eager=True,
        expose_value=False,
    )
    return lambda command: argument(option(command))


SPEC_OPTION: dict[str, Any] = {
    "type": UserPath(),
    "metavar": "SPEC",
    "multiple": True,
    "shell_complete": spec_files,
    "help": "Take the runs of this spec file, or shipped spec, and no others. Can be given several times.",
}
# ``-`` is standard input, see lrarun.specs.yaml_text.read_source.
specs_argument = _specs_argument(required=True)
optional_specs_argument = _specs_argument(required=False)
spec_option = click.option("--spec", "files", **SPEC_OPTION)

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=override_words,
    help="Set a key of every spec; dots reach nested keys. Can be given several times.",
)


def run_argument(name: str) -> Callable[[F], F]:
    """Return an argument that names one run."""
    return click.argument(name, metavar="RUN", shell_complete=run_ids)


def out_option(help: str, default: Path | None = None) -> Callable[[F], F]:
    """Return the option for the file that a command writes; ``-`` is stdout."""
    return click.option(
        "--out",
        "-o",
        type=UserPath(dir_okay=False, allow_dash=True),
        metavar="FILE",
        callback=check_folder,
        default=default,
        show_default=default is not None,
        help=help,
    )


def specs_in(files: tuple[Path, ...], overrides: tuple[str, ...]) -> list[Spec] | None:
    """Return the runs of spec files with what ``--set`` replaces; None, for all runs, without a file.

    Raises:
        UsageError: there is a ``--set`` but no file, a folder in place of a file, or an invalid spec.
    """
    if not files:
        if overrides:
            raise click.UsageError("--set changes the runs of a spec file; name one.")
        return None
    from lrarun.errors import UsageError
    from lrarun.shipped import shipped_file
    from lrarun.specs.build import load_specs

    for path in files:
        if path.is_dir() and shipped_file(path) is None:
            raise UsageError(f"{path} is a folder; expected a spec file. For the runs in it: --results {path}")
    return [spec for path in files for spec in load_specs(path, overrides)]


def check_results(results: Path) -> None:
    """Raise ``Incomplete`` if the user named a results folder that does not exist; the default one need not."""
    ctx = click.get_current_context()
    if results.is_dir() or ctx.get_parameter_source("results") == ParameterSource.DEFAULT:
        return
    from lrarun.errors import Incomplete

    raise Incomplete(f"{results}: no such folder; name the folder of the runs with --results or LRARUN_RESULTS")
