"""Put a table read from stdin between the table markers of a page: ``make readme-table``."""

from __future__ import annotations

import sys
from pathlib import Path

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


def table_in(page: str) -> str:
    """Return what is between the markers, without the blank lines around it.

    Raises:
        ValueError: unless the page has each marker once.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page must hold {BEGIN} and {END} once each")
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip("\n")


def with_table(page: str, table: str) -> str:
    """Return the page with another table between its markers.

    Raises:
        ValueError: the table is empty, or as in :func:`table_in`.
    """
    if not table.strip():
        raise ValueError("no table on stdin")
    table_in(page)
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table.strip(chr(10))}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Rewrite the page that the first argument names."""
    page = Path(sys.argv[1])
    try:
        page.write_text(with_table(page.read_text(), sys.stdin.read()))
    except ValueError as error:
        sys.exit(f"{page}: {error}")


if __name__ == "__main__":
    main()
