"""How the command line is built: commands know the library and what they share, not each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lrarun import cli
from lrarun.cli import COMMANDS

FOLDER = Path(cli.__file__).parent
MODULES = {module for module, _ in COMMANDS.values()}


def commands_imported_by(source: str) -> set[str]:
    """The command modules that a module's text imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = {0: "", 1: "lrarun.cli."}.get(node.level, "") + (node.module or "")
            found |= {base} | {f"{base.rstrip('.')}.{alias.name}" for alias in node.names}
    return {name for name in MODULES if any(f"{path}.".startswith(f"lrarun.cli.{name}.") for path in found)}


@pytest.mark.parametrize(
    "source, found",
    [
        ("from lrarun.cli.table import table", {"table"}),
        ("def f():\n    from lrarun.cli import claims", {"claims"}),
        ("import lrarun.cli.status as s", {"status"}),
        ("from .show import page", {"show"}),
        ("from . import diff", {"diff"}),
        ("from lrarun.cli import INTERRUPTED\nfrom lrarun.cli.support.next_commands import command", set()),
        ("from lrarun.report.tables import render", set()),
    ],
)
def test_the_reader_of_imports_sees_what_it_should(source, found):
    assert commands_imported_by(source) == found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_command_imports_no_other_command(module):
    source = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    assert not commands_imported_by(source) - {module}


def test_what_commands_share_imports_no_command():
    for path in (FOLDER / "support").glob("*.py"):
        assert not commands_imported_by(path.read_text(encoding="utf-8")), path.name
