"""How commands lay out what they print: wrapped, aligned, in colour where that is wanted."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

WIDEST = 100  # columns of running text; longer lines are hard to read


def width() -> int:
    """Return the columns to fill: the terminal's, up to :data:`WIDEST`."""
    return max(40, min(WIDEST, shutil.get_terminal_size().columns))


def terminal_width() -> int | None:
    """Return the width of the terminal that stdout is; None if it is a file or a pipe, where nothing need fit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def hanging(text: str) -> str:
    """Return a line of output as it is or, on a terminal that is too narrow for it, broken between words."""
    from lrarun.report.columns import broken

    most = terminal_width()
    return text if most is None or len(text) <= most else broken(text, most, "    ")


def heading(text: str) -> str:
    """Return a line to stand above a block."""
    return click.style(text, bold=True)


def print_json(value: Any) -> None:
    """Print data for programs on stdout, with escapes where its encoding lacks a character."""
    from lrarun.files import to_json

    text = to_json(value, ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = to_json(value)
    click.echo(text)


def write(content: str | bytes, out: Path | None) -> None:
    """Write to a file that the user named, text as UTF-8; None or ``-`` is stdout.

    Raises:
        LrarunError: the file can't be written.
    """
    from lrarun.errors import LrarunError
    from lrarun.files import write_named

    if out is None or str(out) == "-":
        click.echo(content.encode() if isinstance(content, str) else content, nl=False)
        return
    try:
        write_named(out, content)
    except BrokenPipeError:
        raise  # nobody reads it any more, which is no failure
    except OSError as error:
        raise LrarunError(f"{out}: cannot be written: {error.strerror}") from error


def is_stdout(out: Path | None) -> bool:
    """Return whether a file that the user named is stdout, so that nothing else may be printed there."""
    from lrarun.files import descriptor

    return out is None or str(out) == "-" or descriptor(out) == 1


def wrapped(text: str, indent: int = 0) -> str:
    """Return a paragraph wrapped to the terminal's width; words that are too long stay whole."""
    space = " " * indent
    return textwrap.fill(
        text, width(), initial_indent=space, subsequent_indent=space, break_long_words=False, break_on_hyphens=False
    )


def columns(rows: Iterable[Sequence[str]], indent: int = 2) -> str:
    """Return rows of two texts, the second wrapped beside the first, or below it if there is little room beside it."""
    rows = list(rows)
    first = max((len(row[0]) for row in rows), default=0) + indent + 2
    if first > width() // 2:
        return "\n".join(f"{' ' * indent}{name}\n{wrapped(text, indent + 4)}".rstrip() for name, text in rows)
    lines = []
    for name, text in rows:
        body = textwrap.wrap(text, max(20, width() - first), break_long_words=False, break_on_hyphens=False) or [""]
        lines.append((" " * indent + name).ljust(first) + body[0])
        lines += [" " * first + line for line in body[1:]]
    return "\n".join(line.rstrip() for line in lines)


def size(count: float) -> str:
    """Return bytes in a unit that fits: ``47.0 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):  # noqa: B007
        if count < 1000:
            break
        count /= 1000
    else:
        unit = "TB"
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


def flow(value: Any) -> str:
    """Return a plain value on one line, as a spec has it; numbers to six digits."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
