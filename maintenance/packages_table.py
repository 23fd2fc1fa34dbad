"""Print docs/architecture.md with its table of the packages written anew: ``make pages``.

A package's purpose is the first line of its docstring.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "lrarun"
BEGIN, END = "<!-- packages -->", "<!-- end -->"


def parts() -> dict[str, Path]:
    """Return the file that documents each package and top-level module of lrarun, by its name on the page."""
    packages = {f"{path.parent.name}/": path for path in sorted(PACKAGE.glob("*/__init__.py"))}
    modules = {path.name: path for path in sorted(PACKAGE.glob("*.py")) if not path.name.startswith("_")}
    return packages | modules


def purpose(path: Path) -> str:
    """Return the first line of a file's docstring, in Markdown."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.sub(r":\w+:(?=`)", "", said.partition("\n")[0]).replace("``", "`")


def page() -> str:
    """Return the page with a new table between its markers."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    rows = [f"| `{name}` | {purpose(path)} |" for name, path in parts().items()]
    table = "\n".join(["| in `lrarun/` | purpose |", "|---|---|", *rows])
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    sys.stdout.write(page())
