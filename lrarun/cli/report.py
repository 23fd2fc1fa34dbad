"""``lrarun report``: all results as one web page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.completing import spec_files
from lrarun.cli.support.options import PICTURES, check_folder, results_option, set_option

if TYPE_CHECKING:
    from lrarun.report.claims.check import Checked
    from lrarun.report.web.page import Contents
    from lrarun.report.web.pictures import Picture
    from lrarun.results.read import Result


@click.command()
@click.option(
    "--out",
    "-o",
    callback=check_folder,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="File to write; - for stdout.",
)
@results_option
@click.option(
    "--figures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with PNG and SVG pictures to show."
    f"  [default: {PICTURES} in the results folder, if there; with --spec, none]",
)
@click.option(
    "--spec",
    "files",
    type=click.Path(path_type=Path),
    metavar="SPEC.yaml",
    multiple=True,
    shell_complete=spec_files,
    help="Show the runs of this spec file alone, not the paper's protocol. May be given several times.",
)
@set_option
def report(out: Path, results: Path, figures: Path | None, files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Write all results as one web page.

    It has the tables with the paper's numbers and verdicts, learning curves, figures,
    the paper's claims, and each run's settings and provenance. It needs no network and
    no other file, and shows what is missing as missing. Prints the file written; exits
    with 4 if results are missing or unfinished.

    \b
    Examples:
      lrarun report
      lrarun report --results results/reference --out report.html
      lrarun report --spec experiments/quick.yaml
    """
    if overrides and not files:
        raise click.UsageError("--set changes the runs of --spec; give one.")
    from lrarun.cli.table import check_complete
    from lrarun.report.web.page import render_page

    contents = gather(results, figures, files, overrides)
    write(out, render_page(contents))
    check_complete(contents.cells, results, files, overrides)


def gather(results: Path, figures: Path | None, files: tuple[Path, ...], overrides: tuple[str, ...]) -> Contents:
    """All that the page shows."""
    from lrarun.cli.claims import with_commands
    from lrarun.cli.table import by_protocol, by_spec, specs_in
    from lrarun.report.cells import fill, well_formed
    from lrarun.report.claims.check import check, load_claims
    from lrarun.report.claims.evidence import Measured
    from lrarun.report.verdicts import add_verdicts
    from lrarun.report.web.page import Contents
    from lrarun.report.web.pictures import read_pictures
    from lrarun.results.read import read_results
    from lrarun.runs.staleness import superseded
    from lrarun.specs.paper_runs import paper_spec, rule_titles, target_products

    runs = well_formed(read_results(results))
    specs = specs_in(files, overrides)
    if files:
        runs = runs_of(specs, runs)
    wanted = by_spec(specs) if files else by_protocol(runs)
    cells = add_verdicts(fill(runs, wanted, superseded(runs)))
    checked = check(with_commands(load_claims(), results), Measured(runs, paper_spec), target_products)
    if files:
        checked = [one for one in checked if speaks_of_runs(one)]
    shown = read_pictures(figures) if figures else [] if files else pictures(results)
    return Contents(cells, runs, wanted, rule_titles(), checked, shown, tuple(map(str, files)))


def speaks_of_runs(one: Checked) -> bool:
    """Whether a claim says something about the runs that there are."""
    from lrarun.report.cells import MISSING

    return one.claim.kind != "products" and any(part.verdict != MISSING for part in one.comparisons)


def runs_of(specs: Sequence[Mapping[str, Any]], runs: Sequence[Result]) -> list[Result]:
    """The runs of specs, whatever their probes."""
    from lrarun.report.cells import settings

    wanted = {(settings(spec), spec["seed"]) for spec in specs}
    return [run for run in runs if (settings(run.spec), run.spec["seed"]) in wanted]


def pictures(results: Path) -> list[Picture]:
    """Those of the folder that ``lrarun figure`` writes into."""
    from lrarun.report.web.pictures import read_pictures

    folder = results / PICTURES
    return read_pictures(folder) if folder.is_dir() else []


def write(out: Path, page: str) -> None:
    """Puts the page where it is wanted, whole or not at all."""
    from lrarun.errors import LrarunError
    from lrarun.files import write_atomic

    if str(out) == "-":
        click.echo(page, nl=False)
        return
    try:
        write_atomic(out, page)
    except OSError as error:
        raise LrarunError(f"{out}: cannot be written: {error.strerror}") from error
    click.echo(out)
