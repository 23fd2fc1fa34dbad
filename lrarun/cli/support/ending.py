"""The table that training ends with: its runs, one row per setting."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import is_quiet
from lrarun.cli.support.next_commands import command

if TYPE_CHECKING:
    from lrarun.report.summary.rows import Summary
    from lrarun.scheduling.outcome import Outcome

MOST = 40  # rows; a longer table is for a command of its own


def show_settings(outcomes: Sequence[Outcome], files: Sequence[Path], overrides: Sequence[str], results: Path) -> None:
    """Print the runs of a training as a table on stderr, and how to see it again; nothing if none is finished.

    A terminal that was closed is no failure.
    """
    if is_quiet():
        return
    from lrarun.api.summary import summary_of
    from lrarun.report.repetitions import well_formed
    from lrarun.report.summary.render import render_summary

    runs = well_formed(outcome.result for outcome in outcomes if outcome.result is not None)
    found = summary_of(runs, [outcome.spec for outcome in outcomes])
    if not any(row.runs for row in found.rows):
        return
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    said = ["", render_summary(found, "text", width, MOST), *again(found, files, overrides, results)]
    with suppress(OSError):
        click.echo("\n".join(said), err=True)


def again(found: Summary, files: Sequence[Path], overrides: Sequence[str], results: Path) -> list[str]:
    """Return the commands that show the same again, and beside the paper's numbers; none for a spec from a pipe."""
    if not all(path.is_file() for path in files):
        return []
    lines = [f"To see this again, sort it or compare two rows: {command('summary', files, overrides, results)}"]
    if of_paper(found):
        lines.append(f"Beside the paper's numbers: {command('table', [], (), results)}")
    return lines


def of_paper(found: Summary) -> bool:
    """Return whether a finished run is one of the paper's tables."""
    from lrarun.api.tables import by_protocol
    from lrarun.report.repetitions import settings

    runs = [run for row in found.rows for run in row.runs[:1]]
    papers = {settings(want.spec) for want in by_protocol(runs).values() if want.spec}
    return any(settings(run.spec) in papers for run in runs)
