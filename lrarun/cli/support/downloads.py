"""The progress of downloads and of Figure 2: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from typing import Any

import click

from lrarun.data.progress import Progress


def download_progress(quiet: bool = False) -> Progress:
    """Return the progress display that suits stderr."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()


class Lines(Progress):
    """One line on stderr per note and step."""

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    def step(self, text: str) -> None:
        self.note(text)


class Bar(Lines):
    """Notes, and a bar for the current transfer or step."""

    def __init__(self) -> None:
        self._bar: Any = None  # rich's, imported only when there is something to show

    def start(self, label: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        self.stop()
        size = [] if total is None else [DownloadColumn(), TimeRemainingColumn()]
        bar = BarColumn(20 if total is None else 40)  # beside a step's words, within 80 columns
        self._bar = Rich(TextColumn("{task.description}"), bar, *size, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(label, total=total)
        self._bar.start()

    def step(self, text: str) -> None:
        self.start(text, None)

    def advance(self, count: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
