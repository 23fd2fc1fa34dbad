"""The paper's figures as files: which figures logs are enough for, the style, and reproducible writing."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lrarun.errors import UsageError, how_to_install
from lrarun.files import atomic
from lrarun.report.figures.curves import draw_angle, draw_discrepancy, draw_initial_weights
from lrarun.report.figures.series import Line
from lrarun.report.figures.stored import metadata
from lrarun.report.figures.style import RC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")
# A file's metadata; a date or a version would make equal figures differ.
METADATA: Mapping[str, Mapping[str, str | None]] = {
    "png": {"Software": None}, "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None},
}  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """A figure that needs logs alone.

    Attributes:
        draw: lines and titles of rules -> the figure.
        columns: the columns that a log needs for its line to be drawn.
        probe: the probe that logs them; None if they are in every log.
    """

    draw: Callable[[Sequence[Line], Mapping[str, str]], Figure]
    columns: tuple[str, ...]
    probe: str | None = None


CURVES = {
    "1a": Curves(draw_angle, ("angle_mean", "angle_max"), "angle"),
    "1b": Curves(draw_discrepancy, ("discrepancy",), "discrepancy"),
    "3": Curves(draw_initial_weights, ("validation_error",)),
}


def check_libraries(number: str = "") -> None:
    """Raise ``UsageError`` unless the libraries for pictures, or for the given figure, are installed."""
    needed = {"matplotlib": "matplotlib"} | ({"sklearn": "scikit-learn"} if number == "2" else {})
    absent = [name for module, name in needed.items() if importlib.util.find_spec(module) is None]
    if absent:
        raise UsageError(f"pictures need {' and '.join(absent)}; install them with: {how_to_install('plots')}")


@contextmanager
def styled() -> Iterator[None]:
    """Apply the project's style over matplotlib's defaults; make and save figures within it."""
    from matplotlib import style

    with style.context(["default", RC]):
        yield


def save(figure: Figure, path: Path, text: str = "") -> None:
    """Write a figure in the format of its suffix, whole or not at all; equal figures give equal bytes.

    Args:
        figure: matplotlib's.
        path: the file.
        text: a caption to store in the file, which the report shows (PNG and SVG).

    Raises:
        UsageError: the file can't be written.
    """
    format = path.suffix[1:].lower()
    about = {**METADATA.get(format, {}), **(metadata(format, text) if text else {})} or None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as file:
            figure.savefig(file, format=format, metadata=about)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}") from error
