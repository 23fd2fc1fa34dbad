"""The learning rule that a spec file may have beside it: ``angle/transposed.py`` for ``angle/transposed.yaml``."""

from __future__ import annotations

from pathlib import Path

from lrarun.algorithms import plugins
from lrarun.shipped import EXPERIMENTS, root, typed_name


def plugin_of(path: Path) -> str:
    """Return what to type after ``--plugin`` for the rule beside a spec file; empty without one, or if it is loaded."""
    rule = path.with_suffix(".py")
    if not rule.is_file() or rule.absolute() in plugins.files():
        return ""
    return typed_name(rule) if rule.is_relative_to(root() / EXPERIMENTS) else str(rule)
