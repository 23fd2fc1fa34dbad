"""Results -> one HTML page, the same bytes for the same results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from lrarun import __version__
from lrarun.paper import Key
from lrarun.report.cells import Wanted
from lrarun.report.claims.claim import VERDICTS as CLAIM_VERDICTS
from lrarun.report.claims.claim import CheckedClaim
from lrarun.report.comparison import reproduced_by_choice
from lrarun.report.summary.rows import Summary
from lrarun.report.verdicts import VERDICTS
from lrarun.report.web.claims_section import claims_section
from lrarun.report.web.curves import panels
from lrarun.report.web.curves_section import curves_section, curves_style
from lrarun.report.web.markup import Html, badge, join, tag, text
from lrarun.report.web.pictures import Picture, pictures_section
from lrarun.report.web.runs_section import runs_section, tally
from lrarun.report.web.settings_section import settings_section
from lrarun.report.web.tables_section import tables_section
from lrarun.results.result import Result

# Makes the browser refuse to run or load anything, whatever text a result holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
# Id -> heading, in the page's order.
PARTS = {
    "tables": "The paper's tables",
    "settings": "Settings",
    "curves": "Learning curves",
    "figures": "Figures",
    "claims": "Claims",
    "runs": "Runs",
}


@dataclass(frozen=True)
class Made:
    """When and by what a page was made; what is empty is not known.

    Attributes:
        date: as 2026-01-31.
        commit: of lrarun's work tree.
        command: what was called.
    """

    date: str = ""
    commit: str = ""
    command: str = ""


@dataclass(frozen=True)
class Contents:
    """The contents of a report.

    Attributes:
        cells: from :func:`lrarun.report.cells.fill`, with verdicts; None where the paper's tables have no place for
            the runs.
        runs: all runs.
        wanted: which of them the cells take.
        titles: name -> title of rules that the paper does not have.
        checked: the paper's claims.
        pictures: shown as they are.
        draw: the command that draws a picture of these runs, if there is one to draw.
        only: the names of the spec files that the page is confined to; empty for all runs.
        settings: the runs as a table of settings; None for no such table.
        made: for the page's foot.
    """

    cells: pd.DataFrame | None
    runs: Sequence[Result]
    wanted: Mapping[Key, Wanted]
    titles: Mapping[str, str]
    checked: Sequence[CheckedClaim] = ()
    pictures: Sequence[Picture] = ()
    only: Sequence[str] = ()
    draw: str = ""
    settings: Summary | None = None
    made: Made = Made()


def render_page(contents: Contents) -> str:
    """Render the report as an HTML document that refers to nothing outside of it."""
    runs, wanted, titles, pictures = contents.runs, contents.wanted, contents.titles, contents.pictures
    shown = panels(runs, wanted, titles, every=bool(contents.only))
    whole = contents.cells is not None and not contents.only
    parts = {
        "tables": None if contents.cells is None else tables_section(contents.cells),
        "settings": None
        if contents.settings is None
        else settings_section(contents.settings, contents.cells is not None),
        "curves": curves_section(shown),
        "figures": pictures_section(pictures, contents.draw) if pictures or whole else None,
        "claims": claims_section(contents.checked) if contents.checked or whole else None,
        "runs": runs_section(runs, wanted, titles),
    }
    made = {id: part for id, part in parts.items() if part is not None}
    body = tag(
        "body",
        tag("a", "Skip to the results", href=f"#{next(iter(made))}", class_="skip"),
        header(contents, list(made)),
        tag("main", *(section(id, PARTS[id], part) for id, part in made.items())),
        footer(contents.made),
    )
    return f"<!DOCTYPE html>\n{tag('html', head(curves_style(shown)), body, lang='en')}\n"


def footer(made: Made) -> Html:
    """Return the page's foot: when, by which version and commit, and with which command it was made."""
    commit = (", commit ", tag("code", made.commit)) if made.commit else ()
    date = f" on {made.date}" if made.date else ""
    command = (" with ", tag("code", made.command)) if made.command else ()
    return tag(
        "footer",
        tag("p", f"Made{date} by lrarun {__version__}", *commit, *command, ". This page loads and runs nothing."),
    )


def head(curves: str) -> Html:
    """Return the document's head; ``curves`` are the styles of this page's curves."""
    style = (files("lrarun.report.web") / "page.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", "lrarun report"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(style)),
        tag("style", Html(curves)),
    )


def header(contents: Contents, parts: Sequence[str]) -> Html:
    """Return the page's title, links to its parts, and a summary of the results."""
    links = [tag("li", tag("a", PARTS[id], href=f"#{id}")) for id in parts]
    names = join((tag("code", name) for name in contents.only), ", ")
    papers = [
        tag("h1", "Learning rules beside backprop: our results and the paper's"),
        tag("p", "The experiments of Ororbia and Mali, ", tag("cite", "Biologically Motivated Algorithms for"
            " Propagating Local Target Representations"), ", run again with lrarun."),
    ]  # fmt: skip
    return tag(
        "header",
        *(papers if contents.cells is not None else [tag("h1", "Results of our runs")]),
        tag("p", "Shown are the runs of ", names, " alone.") if contents.only else "",
        tag("nav", tag("ul", *links), aria_label="Sections"),
        summary(contents),
    )  # fmt: skip


def summary(contents: Contents) -> Html:
    """Count the verdicts on cells and claims, and the states of runs."""
    items = []
    if contents.cells is not None:
        expected = contents.cells[contents.cells["expected"]]
        verdicts, chosen = counts(expected["verdict"], VERDICTS), reproduced_by_choice(expected)
        # `reproduced` comes first, and what is said of it behind it.
        items.append(("Cells", [*verdicts[:1], text(f"({chosen})"), *verdicts[1:]] if chosen else verdicts))
    if contents.checked:
        items.append(("Claims", counts((one.verdict for one in contents.checked), CLAIM_VERDICTS)))
    items.append(("Runs", [text(tally(contents.runs))]))
    return tag("dl", *(part for name, what in items for part in (tag("dt", name), tag("dd", *what))), class_="tally")


def counts(verdicts: Iterable[str], order: Sequence[str]) -> list[Html]:
    """Count each verdict."""
    found = Counter(verdicts)
    return [tag("span", f"{found[name]} ", badge(name)) for name in order if found[name]]


def section(id: str, title: str, content: Html) -> Html:
    """Return a part of the page."""
    return tag("section", tag("h2", title, id=f"{id}-title"), content, id=id, aria_labelledby=f"{id}-title")
