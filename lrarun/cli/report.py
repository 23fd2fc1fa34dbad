"""``lrarun report``: all results as one web page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lrarun.cli.support.next_commands import check_cells, with_commands
from lrarun.cli.support.options import (
    is_of_reference,
    out_option,
    results_option,
    set_option,
    spec_option,
    specs_in,
)
from lrarun.cli.support.paths import OF_REFERENCE, UserPath, folder_of_pictures, format_of
from lrarun.report.web.pictures import FIGURES


@click.command()
@out_option("File to write; - for stdout.", default=Path("report.html"))
@results_option
@click.option(
    "--figures",
    type=UserPath(exists=True, file_okay=False),
    metavar="DIR",
    help="Folder with PNG and SVG pictures to show."
    f"  [default: {FIGURES} in the results folder, if it exists; with --reference, {OF_REFERENCE}; with --spec, none]",
)
@spec_option
@set_option
def report(out: Path, results: Path, figures: Path | None, files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Write all results as one web page.

    The page has the tables with the paper's numbers and verdicts, learning curves, figures,
    the paper's claims, and each run's settings and provenance. It needs no network and
    no other file, and shows what is missing as missing. Prints the name of the file; exits
    with 4 if results are missing or unfinished.

    \b
    Examples:
      lrarun report
      lrarun report --reference --out reference.html
      lrarun report --spec quick
    """
    format_of(out, None, {".html": "html", ".htm": "html"})
    specs = specs_in(files, overrides)
    from lrarun.api.page import contents
    from lrarun.cli.support.printing import is_stdout, write
    from lrarun.report.web.page import render_page

    if is_of_reference() and not files and figures is None and folder_of_pictures(results).is_dir():
        figures = folder_of_pictures(results)
    found = contents(results, specs, figures, tuple(map(str, files)))
    found = replace(found, checked=with_commands(found.checked, results))
    write(render_page(found), out)
    if not is_stdout(out):
        click.echo(out)
    check_cells(found.cells, results, files, overrides, ("report",))
