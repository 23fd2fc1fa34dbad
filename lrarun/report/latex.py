"""A table in LaTeX: a caption and a tabular in one environment."""

from __future__ import annotations

from collections.abc import Mapping

from lrarun.report.wording import replaced

ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "%_&#${}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
)
SIGNS = {"±": "$\\pm$", "DTP-sigma": "DTP-$\\sigma$", "n = ": "$n$ = "}


def latex_table(caption: str, body: str, marks: Mapping[str, str] | None = None) -> str:
    """Wrap a tabular in a table environment; needs the package booktabs.

    Args:
        caption: as plain text.
        body: a tabular from tabulate, which escapes its cells but leaves signs as they are.
        marks: further signs -> how LaTeX writes them.
    """
    lines = [
        "% Needs \\usepackage{booktabs}.",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{caption.translate(ESCAPED)}}}",
        body,
        "\\end{table}",
    ]
    return replaced("\n".join(lines), {**SIGNS, **(marks or {})}.items()) + "\n"
