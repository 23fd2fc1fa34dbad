"""Tables of runs that fit a terminal: what runs have in common once above, what tells them apart in every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrarun.report.columns import broken, ruled, width_of

LEAST_FOR_SETTINGS = 24  # columns for the settings that ids hide, before a table is split


@dataclass(frozen=True)
class Row:
    """One run in a table.

    Attributes:
        run_id: its id; the table has the digest at its end, which names it too.
        settings: those that the id shows, by key (:func:`lrarun.results.readable.shown_settings`).
        differs: the settings in which it differs from runs with similar ids, in words.
        cells: what else is to be shown, by heading; a heading may have two lines.
        note: what stands below the table, if anything.
    """

    run_id: str
    settings: Mapping[str, str]
    differs: str
    cells: Mapping[str, str]
    note: str = ""


def run_tables(rows: Sequence[Row], width: int) -> str:
    """Return runs as one table or, where it would be wider than ``width``, as one for each data set, rule, ...

    No line is longer, and none is broken within a word that fits into it.
    """
    from lrarun.results.readable import in_common, in_words

    common = in_common([row.settings for row in rows])
    above = [broken(f"In common: {in_words(common)}.", width)] if common and len(rows) > 1 else []
    return "\n\n".join([*above, *_blocks(rows, width, common if len(rows) > 1 else {})])


def _blocks(rows: Sequence[Row], width: int, said: Mapping[str, str]) -> list[str]:
    from lrarun.results.readable import in_common, in_words
    from lrarun.results.settings import differing

    settings = [row.settings for row in rows]
    keys = [key for key in differing(settings) if key not in said] if len(rows) > 1 else []
    table = _table(rows, keys, width, last=not keys)
    if table is None:
        parts: dict[str, list[Row]] = {}
        for row in rows:
            parts.setdefault(row.settings.get(keys[0], ""), []).append(row)
        return [block for part in parts.values() for block in _blocks(part, width, said)]
    own = {key: value for key, value in in_common(settings).items() if key not in said}
    head = [broken(in_words(own), width)] if own else []
    notes = [broken(f"{_digest(row)}: {row.note}", width, "  ") for row in rows if row.note]
    return ["\n".join([*head, table, *notes])]


def _table(rows: Sequence[Row], keys: Sequence[str], width: int, last: bool) -> str | None:
    """Lay runs out; None if the table is too wide and can be split (``last`` says that it can't)."""
    from lrarun.results.readable import IN_THE_ID

    heads = ["run", *(IN_THE_ID[key] for key in keys), *_cell_heads(rows)]
    body = [
        [_digest(row), *(row.settings.get(key, "") for key in keys), *(row.cells[head] for head in _cell_heads(rows))]
        for row in rows
    ]
    if any(row.differs for row in rows):
        used = sum(max(map(width_of, column)) + 2 for column in zip(heads, *body))
        room = width - used
        if room < LEAST_FOR_SETTINGS and not last:
            return None
        place = 1 + len(keys)
        heads.insert(place, "differs in")
        for cells, row in zip(body, rows):
            cells.insert(place, broken(row.differs, max(12, room), long=True))
    shown = ruled([heads, *body])
    return shown if last or width_of(shown) <= width else None


def _cell_heads(rows: Sequence[Row]) -> list[str]:
    """Return the headings under which some row has something."""
    return [head for head in rows[0].cells if any(row.cells[head] for row in rows)]


def _digest(row: Row) -> str:
    return row.run_id.rpartition("-")[2]
