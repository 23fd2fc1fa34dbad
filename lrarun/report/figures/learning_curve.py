"""One run's learning curve as a picture, in the figures' style; needs matplotlib, from the extra ``plots``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrarun.report.figures.curves import THIN, marked
from lrarun.report.figures.files import check_libraries, picture_type, save, styled
from lrarun.report.figures.layout import legend_below, over_epochs, panels, unique
from lrarun.report.figures.style import GREY, look
from lrarun.results.log import read_log
from lrarun.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save_curve(result: Result, path: Path) -> None:
    """Write a run's learning curve: the losses in nats, and the validation error in percent, by epoch.

    Args:
        result: the run.
        path: the picture; its ending chooses the format (png, pdf, svg, ...). A pipe or a device gets PNG.

    Raises:
        UsageError: the ending names no format, matplotlib is missing, or the file can't be written.
    """
    check_libraries()
    picture_type(path)
    with styled():
        save(draw_curve(result), path)


def draw_curve(result: Result) -> Figure:
    """Draw the figure; call it within :func:`lrarun.report.figures.files.styled`."""
    log, epochs = read_log(result.folder), int(result.spec["epochs"])
    colour, marker = look(result.spec["algorithm"]["name"])
    how = {"color": colour, "marker": marker}
    figure, (losses, errors) = panels(1, 2, (8.0, 3.2))
    draw_column(losses, log, "train_nll", epochs, 1, label="training", linestyle=(0, (5, 2)), **how, **THIN)
    draw_column(losses, log, "validation_nll", epochs, 0, label="validation", **how)
    draw_column(errors, log, "validation_error", epochs, 0, label="validation", **how)
    if result.best_epoch:
        errors.axvline(result.best_epoch, color=GREY, linewidth=1, zorder=1, label="epoch that is scored")
    losses.set(ylabel="negative log likelihood (nats)")
    errors.set(ylabel="validation error (%)")
    for axes in (losses, errors):
        over_epochs(axes, epochs)
    figure.suptitle(result.run_id, wrap=True)
    found = unique([losses, errors])
    legend_below(figure, list(found.values()), list(found), rows=1)
    return figure


def draw_column(
    axes: Axes, log: Sequence[dict[str, float]], column: str, epochs: int, rank: int, **keywords: Any
) -> None:
    """Draw a column of a log over its epochs, with some markers."""
    values = [row.get(column, float("nan")) for row in log]
    axes.plot([row["epoch"] for row in log], values, markevery=marked(len(log), epochs, rank), **keywords)
