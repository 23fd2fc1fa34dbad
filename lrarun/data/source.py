"""A place to download a data set from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from lrarun.data.progress import Progress

ANSWER_TIMEOUT = 5.0  # seconds for a source to answer, where nothing is downloaded
LARGEST = 1 << 26  # bytes; every published file is much smaller

Keep = Callable[[str, IO[bytes]], None]


class Unavailable(Exception):
    """A source could not deliver the data set; the message says why in a few words."""


@dataclass(frozen=True)
class Source:
    """A place to download from.

    Attributes:
        label: its name in messages.
        take: ``take(files, keep, progress)`` passes the bytes of each file, raw or gzipped, to ``keep(file, stream)``,
            or raises :class:`Unavailable`.
        ask: raises :class:`Unavailable` unless it has the data set. Downloads none of it.
    """

    label: str
    take: Callable[[Sequence[str], Keep, Progress], None]
    ask: Callable[[], None]
