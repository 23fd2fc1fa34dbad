"""What can go wrong, as exceptions that carry their exit code.

The command line catches :class:`LrarunError`, prints its message and exits
with its code; any other exception is a bug and exits with 1.
"""

from __future__ import annotations

from dataclasses import dataclass


class LrarunError(Exception):
    """A failure with a message that is fit to be shown as it is."""

    exit_code = 1


class UsageError(LrarunError):
    """The command was asked for something that it cannot mean."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One mistake in a spec file; lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str
    snippet: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if not self.snippet:
            return place
        return f"{place}\n    {self.snippet}\n    {' ' * (self.column - 1)}^"


class SpecError(UsageError):
    """One or more mistakes in a spec; all of them, in the order of the file."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class DataError(UsageError):
    """A data set that is damaged, of another shape, or not where it was said to be."""


class FetchError(LrarunError):
    """No source of a data set could be reached."""


class RunsFailed(LrarunError):
    """At least one run failed, diverged or was killed."""

    exit_code = 3


class Incomplete(LrarunError):
    """Results that were asked for are missing or unfinished."""

    exit_code = 4
