"""A page of the documentation laid out for a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import Markdown

COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# A link to another page of the project leads nowhere in a terminal; one to the web is written out.
INNER_LINK = re.compile(r"\[([^\[\]]+)\]\((?!\w+:)[^()\s]*\)")


def for_terminal(text: str, width: int) -> str:
    """Return a page of Markdown as text with a terminal's styles, in lines of a width; without HTML comments."""
    from rich.console import Console

    console = Console(width=width, force_terminal=True)
    with console.capture() as captured:
        console.print(laid_out(INNER_LINK.sub(r"\1", COMMENT.sub("", text))))
    return captured.get()


def laid_out(text: str) -> Markdown:
    """Return Markdown as rich lays it out, but with whole headings in tables."""
    from rich.markdown import Markdown, TableElement
    from rich.table import Table
    from rich.text import Text

    class WholeHeadings(TableElement):
        """A table whose headings are broken at hyphens where it is too wide; rich alone cuts them off."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for part in super().__rich_console__(console, options):
                if isinstance(part, Table) and console.measure(part).maximum >= options.max_width:
                    for column in part.columns:
                        column.overflow = "fold"
                        if isinstance(column.header, Text):
                            column.header = Text("-\n").join(column.header.split("-"))
                yield part

    class Page(Markdown):
        elements = Markdown.elements | {"table_open": WholeHeadings}

    return Page(text, hyperlinks=False)
