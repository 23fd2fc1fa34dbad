"""``lrarun figure``: the paper's figures from our runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.completing import spec_files
from lrarun.cli.support.hints import train_command
from lrarun.cli.support.options import PICTURES, WholeNumber, data_dir_option, quiet_option, results_option, set_option

if TYPE_CHECKING:
    from lrarun.api.figures import Drawing

NUMBERS = ("1a", "1b", "2", "3")
SUFFIXES = ("png", "svg")


def read_formats(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """``png,svg`` as a tuple; None where nothing is said."""
    if text is None:
        return None
    formats = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    unknown = [part for part in formats if part not in SUFFIXES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(SUFFIXES)}.")
    return formats


@click.command()
@click.argument("number", type=click.Choice(NUMBERS))
@results_option
@click.option(
    "--spec",
    "files",
    type=click.Path(path_type=Path),
    metavar="SPEC.yaml",
    multiple=True,
    shell_complete=spec_files,
    help="Show the runs of this spec file in place of the paper's. May be given several times.",
)
@set_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Folder to write into, or a file whose name ends in .png or .svg."
    f"  [default: {PICTURES} in the results folder]",
)
@click.option(
    "--format",
    "formats",
    callback=read_formats,
    metavar="png,svg",
    help="Formats to write, separated by commas.  [default: both, or what --out says]",
)
@data_dir_option
@click.option(
    "--samples",
    type=WholeNumber(min=10),
    default=2500,
    show_default=True,
    help="Figure 2: how many of the test images to show.",
)
@quiet_option
def figure(
    number: str,
    results: Path,
    files: tuple[Path, ...],
    overrides: tuple[str, ...],
    out: Path | None,
    formats: tuple[str, ...] | None,
    data_dir: Path | None,
    samples: int,
    quiet: bool,
) -> None:
    """Draw a figure of the paper from our runs.

    As PNG and SVG, into the folder where `lrarun report` looks for pictures.

    \b
    1a  angle between LRA-E's updates and backprop's (needs the probe `angle`)
    1b  validation NLL and total discrepancy (needs the probe `discrepancy`)
    2   t-SNE of the top hidden layers on the test images (needs weights)
    3   validation accuracy of DTP and DTP-sigma by kind of initial weights

    Prints the files written. Runs that are missing are named, the figure is drawn
    without them, and the exit code is 4. The runs of each figure are trained by
    experiments/figure1.yaml, figure2.yaml and figure3.yaml.

    \b
    Examples:
      lrarun train experiments/figure1.yaml && lrarun figure 1a
      lrarun figure 2 --samples 10000 --out figure2.svg
      lrarun figure 3 --spec mine.yaml
    """
    if overrides and not files:
        raise click.UsageError("--set changes the runs of --spec; give one.")
    paths = targets(out or results / PICTURES, number, formats)
    from lrarun.report.figures.files import check_libraries, save, styled

    check_libraries(number)
    from lrarun.api.figures import draw
    from lrarun.cli.support.downloads import download_progress
    from lrarun.data.load import load
    from lrarun.report.cells import well_formed
    from lrarun.results.read import read_results
    from lrarun.specs.build import load_specs

    specs = [spec.to_dict() for file in files for spec in load_specs(file, overrides)] if files else None
    with styled():
        drawing = draw(
            number, well_formed(read_results(results)), specs, samples=samples,
            load=lambda name: load(name, data_dir, download_progress(quiet)),
        )  # fmt: skip
        if drawing.figure is not None:
            for path in paths:
                save(drawing.figure, path)
                click.echo(path)
    check_complete(drawing, number, results, files, overrides)


def targets(out: Path, number: str, formats: tuple[str, ...] | None) -> list[Path]:
    """The files to write."""
    suffix = out.suffix[1:].lower()
    if suffix not in SUFFIXES:
        if suffix.isalpha() and not out.is_dir():
            raise click.UsageError(f"--out {out}: figures are written as .png or .svg, or both into a folder.")
        return [out / f"figure-{number}.{format}" for format in formats or SUFFIXES]
    if formats not in (None, (suffix,)):
        raise click.UsageError(f"--out {out} is a file in one format; leave --format out, or name a folder.")
    return [out]


def check_complete(
    drawing: Drawing, number: str, results: Path, files: Sequence[Path], overrides: Sequence[str]
) -> None:
    """Names what the figure lacks, and raises ``Incomplete`` if it lacks something."""
    from lrarun.errors import Incomplete

    if not drawing.lacking:
        return
    for line in drawing.lacking:
        click.echo(line, err=True)
    train = train_command(files or [f"experiments/figure{number[0]}.yaml"], overrides, results)
    count = f"{len(drawing.lacking)} run{'s' * (len(drawing.lacking) > 1)}"
    outcome = "nothing is drawn" if drawing.figure is None else "the figure is drawn without"
    raise Incomplete(f"{count} missing or incomplete in {results}, {outcome}; train with: {train}")
