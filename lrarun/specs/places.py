"""Where each value of a spec stands in its file, and the mistakes found: FILE:LINE:COLUMN."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from lrarun.errors import Problem, SpecError

MAX_PROBLEMS = 100

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, eq=False)
class Source:
    """The text of a spec file or of a ``--set`` option.

    Attributes:
        name: what messages call it: the file's path, or the option.
        text: all of it.
        rank: orders the mistakes of several sources.
    """

    name: str
    text: str
    rank: int = 0

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def line(self, offset: int) -> int:
        """Return the line of an offset, from 1."""
        return bisect_right(self._starts, offset)

    def problem(self, offset: int, message: str) -> Problem:
        """Return a mistake at an offset into the text, with its line, column and snippet."""
        line = self.line(offset)
        start = self._starts[line - 1]
        snippet = _LINE_BREAK.split(self.text[start:], maxsplit=1)[0]
        return Problem(self.name, line, offset - start + 1, message, snippet)


class Place(NamedTuple):
    """A point in a source: an offset in characters from its beginning."""

    source: Source
    offset: int

    @property
    def line(self) -> int:
        """The line in the source, from 1."""
        return self.source.line(self.offset)


@dataclass(frozen=True)
class Node:
    """A value and where it stands.

    Attributes:
        value: None, bool, int, float, str, a list of nodes, or a dict from str to nodes.
        place: where the value starts.
        key: where its key starts, for the value of a mapping's key.
    """

    value: Any
    place: Place
    key: Place | None = None

    @property
    def where(self) -> Place:
        """The place of the key, or of the value where there is none."""
        return self.key or self.place

    def plain(self) -> Any:
        """Return the value without places; lists become tuples."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return tuple(node.plain() for node in self.value)
        return self.value


def node_of(value: Any, place: Place) -> Node:
    """Turn a plain value into nodes that all stand at one place."""
    if isinstance(value, dict):
        return Node({key: node_of(part, place) for key, part in value.items()}, place, place)
    if isinstance(value, (list, tuple)):
        return Node([node_of(part, place) for part in value], place, place)
    return Node(value, place, place)


class Problems:
    """The mistakes found so far: one per place, the first found there."""

    def __init__(self) -> None:
        self._messages: dict[Place, str] = {}

    def __bool__(self) -> bool:
        return bool(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, place: Place, message: str) -> None:
        """Add a mistake, unless there is one at that place already."""
        self._messages.setdefault(place, message)

    def raise_any(self) -> None:
        """Raise all mistakes, if there are any.

        Raises:
            SpecError: there are.
        """
        if self:
            raise self.error()

    def error(self) -> SpecError:
        """Return all mistakes in the order of the sources; those beyond ``MAX_PROBLEMS`` only as a count."""
        found = sorted(self._messages, key=lambda place: (place.source.rank, place.offset))
        problems = [place.source.problem(place.offset, self._messages[place]) for place in found[:MAX_PROBLEMS]]
        return SpecError(problems, more=len(found) - len(problems))

    def fatal(self, place: Place, message: str) -> SpecError:
        """Add a mistake after which reading can't go on, and return all of them."""
        self.add(place, message)
        return self.error()
