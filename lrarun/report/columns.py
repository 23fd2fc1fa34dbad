"""Plain tables for a terminal whose every column counts: cells of several lines, two blanks between columns."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence


def ruled(table: Sequence[Sequence[str]]) -> str:
    """Lay out rows whose cells may have several lines, the first row as headings above a rule.

    tabulate's tables leave two more blanks beside each heading, which a narrow terminal does not have.
    """
    widths = [max(map(width_of, column)) for column in zip(*table)]
    lines = [line for row in table for line in _lines(row, widths)]
    place = max(len(cell.splitlines()) for cell in table[0])
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([*lines[:place], rule, *lines[place:]])


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = itertools.zip_longest(*(cell.splitlines() or [""] for cell in row), fillvalue="")
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in parts]


def width_of(text: str) -> int:
    """Return the length of a text's longest line."""
    return max(map(len, text.splitlines()), default=0)


def broken(text: str, width: int, indent: str = "", long: bool = False) -> str:
    """Break a text between words into lines of a width.

    Args:
        text: a paragraph.
        width: characters.
        indent: what every line but the first begins with.
        long: break words that are longer than a line, too.
    """
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=long, break_on_hyphens=False)
