"""Errors meant for the user, each with its exit code.

The command line catches :class:`LrarunError`, prints its message and exits with its code.
Any other exception is a bug and exits with 1.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class LrarunError(Exception):
    """A failure with a message meant for the user."""

    exit_code = 1


class UsageError(LrarunError):
    """The command line, a spec or a data set is wrong: the user has to change it."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One mistake in a spec file.

    Attributes:
        file: as the user named it, or the ``--set`` option.
        line, column: counted in characters from 1; None if the mistake is the file as a whole.
        message: what is wrong.
        snippet: the line.
    """

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


SNIPPET_WIDTH = 100  # the most characters of a line to show


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """Return the part of a line around a column (from 1), and the column within that part."""
    # One character stays one column: tabs and control characters become blanks.
    text = "".join(character if character.isprintable() else " " for character in line)
    start = max(0, min(column - 1 - SNIPPET_WIDTH // 2, len(text) - SNIPPET_WIDTH))
    part, column = text[start : start + SNIPPET_WIDTH], column - start
    if start + SNIPPET_WIDTH < len(text):
        part += "..."
    return ("..." + part, column + 3) if start else (part, column)


class SpecError(UsageError):
    """One or more mistakes in a spec.

    Attributes:
        problems: the mistakes, in the order of the file.
        more: how many mistakes there are beyond those.
    """

    def __init__(self, problems: list[Problem], more: int = 0):
        self.problems, self.more = problems, more
        lines = [str(problem) for problem in problems]
        if more:
            lines.append(f"and {more} more mistakes")
        super().__init__("\n".join(lines))


class NotInTables(UsageError):
    """Specs whose runs have no place in the paper's tables."""


class DataError(UsageError):
    """A data set is missing, damaged, or of the wrong shape."""


class FetchError(LrarunError):
    """No source could deliver a data set."""


class RunsFailed(LrarunError):
    """At least one run failed, diverged or was killed."""

    exit_code = 3


class Incomplete(LrarunError):
    """Results that the command needs are missing or unfinished."""

    exit_code = 4


class DoesNotHold(LrarunError):
    """A comparison with the paper, or one of its claims, fails."""

    exit_code = 5


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra for the running Python, and in a checkout the folder to type it in.

    ``-e`` keeps an editable install editable, so that runs still record their git commit. From anywhere else, an
    installed lrarun can be told only what the extra needs.
    """
    if (Path(__file__).parent.parent / "setup.cfg").is_file():
        return f"{_python()} -m pip install -e '.[{extra}]' (in lrarun's repository)"
    return shlex.join([_python(), "-m", "pip", "install", *requirements(extra)])


def requirements(extra: str) -> list[str]:
    """Return what an extra of the installed lrarun needs, as pip takes it: ``matplotlib>=3.8``."""
    import importlib.metadata

    declared = [line.partition(";") for line in importlib.metadata.requires("lrarun") or []]
    return [name.strip() for name, _, when in declared if re.search(rf"""extra == ['"]{extra}['"]""", when)]


def _python() -> str:
    """Return this Python as one would type it here."""
    if shutil.which("python") == sys.executable:
        return "python"
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def indented(lines: Sequence[str], most: int = 8) -> list[str]:
    """Return the first few lines, indented, and a line with how many more there are."""
    shown = [f"  {line}" for line in lines[:most]]
    return [*shown, f"  and {len(lines) - most} more"] if len(lines) > most else shown
