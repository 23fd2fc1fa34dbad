"""How commands lay out what they print: wrapped, aligned, in colour where that is wanted."""

from __future__ import annotations

import dataclasses
import json
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


def heading(text: str) -> str:
    """Return a line to stand above a block."""
    return click.style(text, bold=True)


def print_json(value: Any) -> None:
    """Print data for programs on stdout; dataclasses become objects."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def write(content: str | bytes, out: Path | None) -> None:
    """Write to a file, whole or not at all; None or ``-`` is stdout.

    Raises:
        LrarunError: the file can't be written.
    """
    if out is None or str(out) == "-":
        click.echo(content, nl=False)
        return
    from lrarun.errors import LrarunError
    from lrarun.files import write_atomic

    try:
        write_atomic(out, content)
    except OSError as error:
        raise LrarunError(f"{out}: cannot be written: {error.strerror}") from error


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses and mappings as objects, sequences as lists, the rest as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


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
