"""The paper's figures as files: which figures logs are enough for, the style, and reproducible writing."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lrarun.errors import UsageError, how_to_install
from lrarun.files import is_special, write_named
from lrarun.report.figures.curves import draw_angle, draw_discrepancy, draw_initial_weights
from lrarun.report.figures.series import Line
from lrarun.report.figures.stored import metadata
from lrarun.report.figures.style import RC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = ("png", "svg", "pdf", "eps", "gif", "jpeg", "jpg", "ps", "svgz", "tif", "tiff", "webp")
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
    """Raise ``UsageError`` unless the libraries for pictures, or for the given figure, are installed and load."""
    needed = {"matplotlib": "matplotlib"} | ({"sklearn": "scikit-learn"} if number == "2" else {})
    absent = [name for module, name in needed.items() if importlib.util.find_spec(module) is None]
    if absent:
        raise UsageError(f"pictures need {' and '.join(absent)}; install them with: {how_to_install('plots')}")
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:  # of the command line, lrarun.__main__ chooses the backend
        raise UsageError(f"matplotlib refuses its settings, such as MPLBACKEND: {error}") from error


@contextmanager
def styled() -> Iterator[None]:
    """Apply the project's style over matplotlib's defaults; make and save figures within it."""
    from matplotlib import style

    with style.context(["default", RC]):
        yield


def picture_type(path: Path) -> str:
    """Return the format that a file's ending chooses; of a pipe or a device, PNG.

    Raises:
        UsageError: it is that of no picture.
    """
    if is_special(path):
        return "png"
    if (format := path.suffix[1:].lower()) not in PICTURES:
        raise UsageError(f"{path}: no known type of picture; end the name in one of .{', .'.join(PICTURES)}")
    return format


def save(figure: Figure, path: Path, text: str = "", format: str = "png") -> None:
    """Write a figure in the format of its suffix, see :func:`lrarun.files.write_named`.

    Equal figures give equal bytes.

    Args:
        figure: matplotlib's.
        path: the file; its folder is created if it does not exist.
        text: a caption to store in the file, which the report shows (PNG and SVG).
        format: used if the name has no suffix, or is that of a pipe or a device.

    Raises:
        UsageError: the suffix is of no picture, or the file can't be written.
    """
    buffer = io.BytesIO()
    if path.suffix and not is_special(path):
        format = picture_type(path)
    about = {**METADATA.get(format, {}), **(metadata(format, text) if text else {})} or None
    figure.savefig(buffer, format=format, metadata=about)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_named(path, buffer.getvalue())
    except BrokenPipeError:
        raise  # nobody reads it any more, which is no failure
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}") from error
