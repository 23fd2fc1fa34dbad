"""HTML as strings in which text cannot become markup by accident."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

# Elements that have no end tag.
VOID = {"meta", "link", "img", "input", "br"}
# No character of these may stand in a page, escaped or not.
UNFIT = {code: "\ufffd" for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\t\n\r"}


class Html(str):
    """Markup, which goes into a page as it is; any other string is text and is escaped."""


def text(value: Any) -> Html:
    """Return a value as markup that shows it, whatever characters it has."""
    if isinstance(value, Html):
        return value
    # A lone surrogate, as in the name of a file that is not UTF-8, cannot be written.
    sound = str(value).encode("utf-8", "replace").decode("utf-8").translate(UNFIT)
    return Html(html.escape(sound, quote=True))


def join(parts: Iterable[Any], between: str = "") -> Html:
    """Join parts; those that are no markup are escaped."""
    return Html(between.join(text(part) for part in parts))


def tag(name: str, /, *content: Any, **attributes: Any) -> Html:
    """Return an element around its content.

    Args:
        name: of the element.
        content: markup as :class:`Html`, all else as text.
        attributes: ``stroke_width`` stands for ``stroke-width`` and ``class_`` for
            ``class``; None and False leave one out, True gives it no value.

    >>> tag("p", "2 < 3", class_="note")
    '<p class="note">2 &lt; 3</p>'
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    start = "".join(
        f" {key}" if value is True else f' {key}="{text(value)}"'
        for key, value in given.items()
        if value is not None and value is not False
    )
    end = "" if name in VOID else f"{join(content)}</{name}>"
    return Html(f"<{name}{start}>{end}")


def hidden(*content: Any) -> Html:
    """Return content for screen readers only."""
    return tag("span", *content, class_="sr-only")


def badge(verdict: str) -> Html:
    """Return a verdict as a label; its colour adds nothing to the word."""
    return tag("span", verdict, class_=f"badge {verdict}") if verdict else Html("")


def scrolled(table: Html, label: str) -> Html:
    """Return a table that scrolls within itself where the screen is narrow, by keyboard too.

    Args:
        table: the table.
        label: id of what names it.
    """
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_labelledby=label)


def caption(content: Any, id: str | None = None) -> Html:
    """Return a table's caption, which stays in sight when the table is scrolled."""
    return tag("caption", tag("span", content, id=id))


def heads(names: Iterable[Any]) -> Html:
    """Return a table's head of one row."""
    return tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))
