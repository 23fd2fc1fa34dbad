"""Hear how a download, or the drawing of Figure 2, goes on."""

from __future__ import annotations


class Progress:
    """A receiver of the progress of a download, or of Figure 2.

    This one is silent; the command line has one that prints. What it is told of a download is
    about bytes; of anything else it is told each step as it begins.
    """

    def note(self, text: str) -> None:
        """Take one line: what the download tries next, or how it failed."""

    def start(self, label: str, total: int | None) -> None:
        """Begin a transfer of ``total`` bytes, None if unknown; end the one before."""

    def advance(self, count: int) -> None:
        """Count ``count`` more bytes."""

    def step(self, text: str) -> None:
        """Begin a step of unknown length; end the one before."""

    def stop(self) -> None:
        """End the transfer or step, complete or not. May be called again."""
