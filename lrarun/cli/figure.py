"""``lrarun figure``: the paper's figures from our runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import tell
from lrarun.cli.support.next_commands import anew_command, see_reference, shipped_spec, train_command, words_for
from lrarun.cli.support.options import (
    WholeNumber,
    data_dir_option,
    json_option,
    quiet_option,
    results_option,
    set_option,
    spec_option,
    specs_in,
)
from lrarun.cli.support.paths import OF_REFERENCE, UserPath, folder_of_pictures, suffix_of
from lrarun.cli.support.printing import is_stdout, print_json
from lrarun.files import is_special
from lrarun.report.web.pictures import FIGURES

if TYPE_CHECKING:
    from lrarun.api.figures import Drawing

NUMBERS = ("1a", "1b", "2", "3")
SUFFIXES = ("png", "svg")


def read_formats(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Return ``png,svg`` as a tuple; None where the option is absent."""
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
@spec_option
@set_option
@click.option(
    "--out",
    "-o",
    type=UserPath(allow_dash=True),
    metavar="PATH",
    help="Folder to write into, or a file whose name ends in .png or .svg; - for stdout."
    f"  [default: {FIGURES} in the results folder; with --reference, {OF_REFERENCE}]",
)
@click.option(
    "--format",
    "formats",
    callback=read_formats,
    metavar="png,svg",
    help="Formats to write, separated by commas.  [default: both, or the format of --out]",
)
@data_dir_option
@click.option(
    "--samples",
    type=WholeNumber(min=10),
    default=2500,
    show_default=True,
    help="Figure 2: number of test images to show.",
)
@quiet_option
@json_option
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
    as_json: bool,
) -> None:
    """Draw a figure of the paper from our runs.

    Writes PNG and SVG into the folder where `lrarun report` looks for pictures. With --spec,
    a picture of other runs than the paper's has the spec file's name in its own.

    \b
    1a  angle between LRA-E's updates and backprop's (needs the probe `angle`)
    1b  validation NLL and total discrepancy (needs the probe `discrepancy`)
    2   t-SNE of the top hidden layers on the test images (needs weights)
    3   validation accuracy of DTP and DTP-sigma by kind of initial weights

    Prints the names of the files. If runs are missing, names them, draws the figure
    without them, and exits with 4. The runs of each figure are those of the specs
    figure1, figure2 and figure3.

    \b
    Examples:
      lrarun figure 1a --reference
      lrarun train figure1 && lrarun figure 1a
      lrarun figure 2 --samples 10000 --out figure2.svg
      lrarun figure 3 --spec mine.yaml
    """
    place, specs = out or folder_of_pictures(results), specs_in(files, overrides)
    if as_json and any(map(is_stdout, targets(place, number, formats))):
        raise click.UsageError("--json prints the names of files; with it, --out can't be stdout.")
    targets(place, number, formats)  # a mistake in --out is said before anything is read or drawn
    from lrarun.api import figures
    from lrarun.cli.support.downloads import download_progress

    drawing = figures.figure(
        number, results, specs, data_dir=data_dir, samples=samples, progress=download_progress(quiet)
    )
    written = []
    if drawing.figure is not None:
        named = number if drawing.paper else f"{number}-{stem(files)}"
        for path, format in targets(place, named, formats).items():
            drawing.save(path, format)
            written.append(path)
            if not as_json and not is_stdout(path):
                click.echo(path)
    if as_json:
        print_json({"figure": number, "files": written, "lacking": drawing.lacking})
    check_complete(drawing, number, results, files, overrides)


def stem(files: Sequence[Path], most: int = 3) -> str:
    """Return a part of a file's name for some spec files: ``mine``, ``one-two``."""
    names = [re.sub(r"[^\w.]+", "-", path.stem).strip("-.") or "specs" for path in files]
    return "-".join([*names[:most], *([f"and-{len(names) - most}-more"] if len(names) > most else [])])[:100]


def targets(out: Path, number: str, formats: tuple[str, ...] | None) -> dict[Path, str]:
    """Return the files to write, each with its format; in a folder, named by the figure and by other runs' specs."""
    if str(out) == "-" or is_special(out):
        format, *more = formats or SUFFIXES[:1]
        if more:
            raise click.UsageError(f"--out {out} takes one picture; name one format with --format.")
        return {Path("/dev/stdout") if str(out) == "-" else out: format}
    suffix = suffix_of(out)[1:]
    if suffix not in SUFFIXES or out.is_dir():
        if suffix and not out.is_dir():
            raise click.UsageError(f"--out {out}: figures are written as .png or .svg, or both into a folder.")
        return {out / f"figure-{number}.{format}": format for format in formats or SUFFIXES}
    if formats not in (None, (suffix,)):
        raise click.UsageError(f"--out {out} names a file of one format; leave out --format, or name a folder.")
    return {out: suffix}


def check_complete(
    drawing: Drawing, number: str, results: Path, files: Sequence[Path], overrides: Sequence[str]
) -> None:
    """Name what the figure lacks, and raise ``Incomplete`` if it lacks something."""
    from lrarun.errors import Incomplete
    from lrarun.report.wording import plural

    if not drawing.lacking:
        return
    for line in drawing.lacking:
        tell(line)
    specs = files or [Path(shipped_spec(f"figure{number[0]}"))]
    trainable = len(drawing.lacking) > len(drawing.damaged) + drawing.diverged
    hints = [train_command(specs, overrides, results)] if trainable else []
    if drawing.diverged == len(drawing.lacking):
        hints.append("all of them diverged, and would again")
    if drawing.damaged:
        hints.append(anew_command(drawing.damaged, specs, overrides, results))
    outcome = "nothing is drawn" if drawing.figure is None else "the figure is drawn without"
    count = plural(len(drawing.lacking), "run")
    what = f"{count} missing or incomplete in {words_for(results)}, {outcome}"
    # Reference results have no weights, which Figure 2 needs.
    few = see_reference(results, "figure", number) if drawing.figure is None and not files and number != "2" else ""
    raise Incomplete("; ".join(filter(None, (what, *dict.fromkeys(hints)))) + few)
