"""Columns of texts, and how they are laid out: what the table of settings and the comparison of two share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tabulate import tabulate


class Column(NamedTuple):
    """A column of texts: its heading, its cells, and whether they are aligned as numbers."""

    head: str
    cells: list[str]
    number: bool = True


def laid_out(columns: Sequence[Column], style: str) -> str:
    """Lay columns out with tabulate."""
    align = ["right" if column.number else "left" for column in columns]
    rows = list(zip(*(column.cells for column in columns)))
    return tabulate(rows, [column.head for column in columns], style, disable_numparse=True, colalign=align,
                    preserve_whitespace=False)  # fmt: skip


def wide(columns: Sequence[Column]) -> int:
    """Return how wide columns are when laid out: as wide as with their longest lines alone."""
    longest = [max((line for cell in column.cells for line in cell.splitlines()), key=len, default="")
               for column in columns]  # fmt: skip
    rows = [column._replace(cells=[line]) for column, line in zip(columns, longest)]
    return max(map(len, laid_out(rows, "simple").splitlines()), default=0)
