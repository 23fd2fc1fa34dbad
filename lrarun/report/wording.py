"""Words that pages, tables and messages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def plural(count: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``, ``10,000 runs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shortened(text: str, most: int = 60) -> str:
    """Return a text on one line of at most ``most`` characters, cut between words where it has any."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    return (line[: most - 3].rpartition(" ")[0] or line[: most - 4]) + " ..."


def replaced(content: str, pairs: Iterable[Sequence[str]]) -> str:
    """Replace each of the pairs in a string, one after the other."""
    for old, new in pairs:
        content = content.replace(old, new)
    return content


def p_value(p: float) -> str:
    """Return a p value as people write it: ``0.03``, ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
