"""The rule of docs/extending.md, whole and with mistakes in it."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parent.parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
RULE = re.search(r"```python\n# sign_symmetry.py\n(.*?)```", PAGE, re.DOTALL)[1]
WRITE = 'write_gradients(grads, l, delta, z[l - 1], "mean")'
RETURN = 'return {"nll": nll(z[L], y)}'


def with_mistake(right: str, wrong: str) -> str:
    """The rule with one part of it replaced."""
    assert RULE.count(right) == 1, right
    return RULE.replace(right, wrong)


def line_of(content: str, part: str) -> int:
    """The line of a file's content, from 1, that has a part."""
    (line,) = [number for number, text in enumerate(content.splitlines(), 1) if part in text]
    return line
