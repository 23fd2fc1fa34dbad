"""``lrarun export``: all results as one table, for pandas, R or a spreadsheet."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.options import check_folder, results_option
from lrarun.errors import LrarunError, UsageError, how_to_install

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@click.option(
    "--format",
    "layout",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="parquet needs pyarrow.",
)
@click.option("--runs", "by_run", is_flag=True, help="One row per run, with its final scores, in place of its epochs.")
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    callback=check_folder,
    help="Write to a file, whole or not at all, in place of stdout.",
)
@results_option
def export(layout: str, by_run: bool, out: Path | None, results: Path) -> None:
    """Export every epoch of every run as a table.

    Columns: run id, state, the spec's keys (algorithm, algorithm.beta, ...), epoch, and
    the log's columns. Errors are in percent, losses in nats, times in seconds. Exits
    with 4 if there are no runs.

    \b
    Examples:
      lrarun export > epochs.csv
      lrarun export --runs --results results/reference
      lrarun export --format parquet --out epochs.parquet
    """
    from lrarun.results.frames import load_epochs, load_results

    if layout == "parquet" and out is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is no text for a terminal; give --out FILE.")
    frame = (load_results if by_run else load_epochs)(results)
    content = encoded(frame, layout)
    if out is None:
        click.echo(content, nl=False)
        return
    from lrarun.files import write_atomic

    try:
        write_atomic(out, content)
    except OSError as error:
        raise LrarunError(f"{out}: cannot be written: {error.strerror}") from error


def encoded(frame: pd.DataFrame, layout: str) -> bytes:
    """A table in a file format."""
    if layout == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow", index=False)
    except ImportError:
        raise UsageError(f"--format parquet needs pyarrow; install it with: {how_to_install('export')}") from None
    return buffer.getvalue()
