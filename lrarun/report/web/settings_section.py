"""The report's table of settings: one row per setting, whatever the runs are of."""

from __future__ import annotations

from lrarun.report.summary.render import above, columns_of, legend
from lrarun.report.summary.rows import Summary
from lrarun.report.web.markup import Html, caption, scrolled, tag
from lrarun.report.wording import plural

# More would make the page too large for a phone.
ROWS = 300
OPEN_ROWS = 40  # a longer table is folded where the paper's tables stand above it


def settings_section(summary: Summary, folded: bool = False) -> Html:
    """Return what the settings have in common, and the table of what differs with errors over seeds.

    Args:
        summary: the settings.
        folded: whether a long table is to be unfolded first.
    """
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
    table = tag("table", caption(legend(shown), "settings-table"), tag("thead", tag("tr", *head)), tag("tbody", *body),
                class_="settings")  # fmt: skip
    more = len(summary.rows) - len(shown.rows)
    note = tag("p", f"{plural(more, 'more setting')} not shown.") if more else ""
    parts = [*(tag("p", line) for line in above(shown)), scrolled(table, "settings-table"), note]
    if folded and len(shown.rows) > OPEN_ROWS:
        return tag("details", tag("summary", f"{plural(len(summary.rows), 'setting')}, errors over seeds"), *parts)
    return tag("div", *parts)
