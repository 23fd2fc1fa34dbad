"""The report's table of settings: one row per setting, whatever the runs are of."""

from __future__ import annotations

from lrarun.report.summary.render import above, columns_of, legend
from lrarun.report.summary.rows import Summary
from lrarun.report.web.markup import Html, caption, scrolled, tag
from lrarun.report.wording import plural

# More would make the page too large for a phone.
ROWS = 300


def settings_section(summary: Summary) -> Html:
    """Return what the settings have in common, and the table of what differs with errors over seeds."""
    if not summary.rows:
        return tag("p", "There are no runs.", class_="empty")
    shown = Summary(summary.keys, summary.rows[:ROWS], summary.over)
    columns = columns_of(shown)
    head = [tag("th", column.head, scope="col", class_="number" if column.number else None) for column in columns]
    body = [
        tag("tr", *(
            tag("td" if at else "th", text, scope=None if at else "row", class_="number" if column.number else None)
            for at, (column, text) in enumerate(zip(columns, texts))))
        for texts in zip(*(column.cells for column in columns))
    ]  # fmt: skip
    table = tag("table", caption(legend(shown), "settings-table"), tag("thead", tag("tr", *head)), tag("tbody", *body))
    more = len(summary.rows) - len(shown.rows)
    note = tag("p", f"{plural(more, 'more setting')} not shown.") if more else ""
    return tag("div", *(tag("p", line) for line in above(shown)), scrolled(table, "settings-table"), note)
