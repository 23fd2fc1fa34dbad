"""``lrarun report``: all results as one web page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lrarun.cli.support.next_commands import check_cells, check_finished, command, with_commands
from lrarun.cli.support.options import (
    is_of_reference,
    json_option,
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
@json_option
def report(
    out: Path,
    results: Path,
    figures: Path | None,
    files: tuple[Path, ...],
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write all results as one web page.

    The page has a row per setting, learning curves, and each run's settings and provenance.
    Where runs are the paper's, it also has the tables with the paper's numbers and verdicts,
    the paper's claims, and figures. It needs no network and no other file. Prints the name of
    the file; exits with 4 if results are missing or unfinished.

    \b
    Examples:
      lrarun report
      lrarun report --reference --out reference.html
      lrarun report --spec quick
      lrarun report --spec mine.yaml --out mine.html
    """
    format_of(out, None, {".html": "html", ".htm": "html"})
    specs = specs_in(files, overrides)
    from lrarun.cli.support.printing import is_stdout, print_json, write

    if as_json and is_stdout(out):
        raise click.UsageError("--json prints the file's name; with it, --out can't be stdout.")
    from lrarun.api.figures import drawable
    from lrarun.api.page import contents
    from lrarun.report.web.page import render_page

    if is_of_reference() and not files and figures is None and folder_of_pictures(results).is_dir():
        figures = folder_of_pictures(results)
    shown = [word for path in files for word in ("--spec", str(path))]
    shown += ["--figures", str(figures)] if figures else []
    made_with = command("report", [], overrides, results, shown)
    found = contents(results, specs, figures, tuple(map(str, files)), made_with)
    found = replace(found, checked=with_commands(found.checked, results))
    if found.draw:  # with the options that this command has
        found = replace(found, draw=command("figure", drawable(found.runs)[:1], (), results))
    write(render_page(found), out)
    if as_json:
        print_json({"file": out})
    elif not is_stdout(out):
        click.echo(out)
    if found.cells is not None:
        check_cells(found.cells, results, files, overrides, ("report",))
    if files and found.settings is not None:
        check_finished(found.settings, results, files, overrides)
