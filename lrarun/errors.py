"""What can go wrong, as exceptions that carry their exit code.

The command line catches :class:`LrarunError`, prints its message and exits
with its code; any other exception is a bug and exits with 1.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


class LrarunError(Exception):
    """A failure with a message that is fit to be shown as it is."""

    exit_code = 1


class UsageError(LrarunError):
    """The command was asked for something that it cannot mean."""

    exit_code = 2


# Characters of an offending line that are shown at most.
SNIPPET_WIDTH = 100


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """The part of a line around a column (from 1), and the column within that part."""
    # One character stays one column: tabs and whatever a terminal would act on become blanks.
    text = "".join(character if character.isprintable() else " " for character in line)
    start = max(0, min(column - 1 - SNIPPET_WIDTH // 2, len(text) - SNIPPET_WIDTH))
    part, column = text[start : start + SNIPPET_WIDTH], column - start
    if start + SNIPPET_WIDTH < len(text):
        part += "..."
    return ("..." + part, column + 3) if start else (part, column)


@dataclass(frozen=True)
class Problem:
    """One mistake in a spec file; lines and columns count from 1, in characters, and are None of a file as a whole."""

    file: str
    line: int | None
    column: int | None
    message: str
    snippet: str = ""

    def __str__(self) -> str:
        if self.line is None or self.column is None:
            return f"{self.file}: {self.message}"
        place = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if not self.snippet.strip():
            return place
        text, column = _excerpt(self.snippet, self.column)
        return f"{place}\n    {text}\n    {' ' * (column - 1)}^"


class SpecError(UsageError):
    """One or more mistakes in a spec, in the order of the file.

    Attributes:
        problems: the mistakes.
        more: how many more there are beyond those.
    """

    def __init__(self, problems: list[Problem], more: int = 0):
        self.problems, self.more = problems, more
        lines = [str(problem) for problem in problems]
        if more:
            lines.append(f"and {more} more mistakes")
        super().__init__("\n".join(lines))


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


class DoesNotHold(LrarunError):
    """A comparison with the paper, or one of its claims, fails."""

    exit_code = 5


def how_to_install(extra: str) -> str:
    """The command that installs an extra for the running Python, and where to type it.

    ``-e`` keeps an editable install editable, so that runs go on noting their git commit.
    """
    return f"{_python()} -m pip install -e '.[{extra}]' (in lrarun's repository)"


def _python() -> str:
    """This Python as one would type it here."""
    if shutil.which("python") == sys.executable:
        return "python"
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
