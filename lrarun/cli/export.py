"""``lrarun export``: all results as one table, for pandas, R or a spreadsheet."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import say
from lrarun.cli.support.next_commands import train_command
from lrarun.cli.support.options import (
    json_option,
    layout_of,
    out_option,
    results_option,
    set_option,
    spec_option,
    specs_in,
)
from lrarun.cli.support.paths import format_of

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {".csv": "csv", ".parquet": "parquet", ".json": "json"}  # a file's ending -> its format


@click.command()
@click.option(
    "--format",
    "layout",
    type=click.Choice(["csv", "parquet", "json"]),
    help="parquet needs pyarrow.  [default: that of --out's ending, else csv]",
)
@click.option("--runs", "by_run", is_flag=True, help="One row per run, with its final scores, in place of its epochs.")
@out_option("File to write, whole or not at all.  [default: stdout]")
@results_option
@spec_option
@set_option
@json_option
def export(
    layout: str | None,
    by_run: bool,
    out: Path | None,
    results: Path,
    files: tuple[Path, ...],
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Export every epoch of every run as a table.

    Columns: run id, state, the spec's keys (algorithm, algorithm.beta, ...), epoch, and
    the log's columns. Errors are in percent, losses in nats, times in seconds. Exits
    with 4 if there are no runs, if runs of a spec are missing, or if a damaged log lacks
    epochs that its run has done; the others are written all the same.

    \b
    Examples:
      lrarun export > epochs.csv
      lrarun export --runs --reference
      lrarun export --out epochs.parquet
      lrarun export --spec mine.yaml --json
    """
    from lrarun.cli.support.printing import is_stdout, write
    from lrarun.results.frames import epochs_and_gaps, load_results

    layout = format_of(out, layout_of(layout, as_json), FORMATS)
    specs = specs_in(files, overrides)
    wanted = None if specs is None else [spec.run_id for spec in specs]
    if layout == "parquet" and is_stdout(out) and sys.stdout.isatty():
        raise click.UsageError("Parquet is binary and can't be shown on a terminal; add --out FILE.")
    frame, gaps = (load_results(results, wanted), []) if by_run else epochs_and_gaps(results, wanted)
    write(encoded(frame, layout), out)
    if not is_stdout(out):
        say(f"wrote {out}")
    check_whole(gaps)
    check_found(frame, results, wanted, files, overrides)


def check_whole(gaps: Sequence[str]) -> None:
    """Raise ``Incomplete`` if logs lack epochs that their runs have done."""
    if gaps:
        from lrarun.errors import Incomplete, indented
        from lrarun.report.wording import plural

        head = f"written without the epochs that {plural(len(gaps), 'damaged log')} lack:"
        raise Incomplete("\n".join([head, *indented(gaps)]))


def check_found(
    frame: pd.DataFrame,
    results: Path,
    wanted: Sequence[str] | None,
    files: Sequence[Path],
    overrides: Sequence[str],
) -> None:
    """Raise ``Incomplete``, with the command that helps, if runs that were asked for have no row."""
    absent = sorted({*(wanted or ())} - {*frame["run_id"]})
    if absent:
        from lrarun.errors import Incomplete
        from lrarun.report.wording import plural

        what = (
            f"written without {len(absent)} of {plural(len({*(wanted or ())}), 'run')}, of which {results} has nothing"
        )
        raise Incomplete("; ".join(filter(None, (what, train_command(files, overrides, results)))))


def encoded(frame: pd.DataFrame, layout: str) -> bytes:
    """Return a table in a file format."""
    if layout == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    if layout == "json":
        from lrarun.files import to_json

        return (to_json(frame.astype(object).where(frame.notna(), None).to_dict("records")) + "\n").encode()
    from lrarun.errors import UsageError, how_to_install

    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow", index=False)
    except ImportError:
        raise UsageError(f"--format parquet needs pyarrow; install it with: {how_to_install('export')}") from None
    return buffer.getvalue()
