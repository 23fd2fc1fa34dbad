"""Where things stand in a figure: panels, axes of epochs, and legends that can cover no curve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lrarun.report.figures.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def panels(rows: int, columns: int, size: tuple[float, float], **keywords: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels, row by row; without pyplot, which would keep it alive until it is closed.

    Args:
        rows, columns: how many panels.
        size: of all panels, their labels and titles, in inches; a legend below adds to it.
        keywords: for ``Figure.subplots``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    return figure, list(figure.subplots(rows, columns, squeeze=False, **keywords).flat)


def over_epochs(axes: Axes, last: int) -> None:
    """Set an axis of whole epochs, from the first to the last that runs are to have."""
    from matplotlib.ticker import MaxNLocator

    margin = max(0.03 * last, 0.3)
    axes.set(xlabel="epoch", xlim=(1 - margin, last + margin))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def reference(axes: Axes, height: float, text: str) -> None:
    """Draw a grey line across, named beside the axes, where no curve is."""
    axes.axhline(height, color=GREY, linestyle=(0, (6, 2, 1, 2)), linewidth=1)
    axes.annotate(
        text,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        color=GREY,
    )


def unique(axes: Iterable[Axes]) -> dict[str, Any]:
    """Return the texts of the panels' legends with their handles, each text once."""
    return {text: handle for panel in axes for handle, text in zip(*panel.get_legend_handles_labels())}


def legend_below(figure: Figure, handles: Sequence[Any], texts: Sequence[str], rows: int = 2, **keywords: Any) -> None:
    """Add a legend below all panels in ``rows`` rows, or in more if it is too wide; the figure grows by it.

    Args:
        figure: of :func:`panels`.
        handles, texts: the entries, from top to bottom and then to the right.
        rows: at least.
        keywords: for ``Figure.legend``.
    """
    width, height = figure.get_size_inches()
    for columns in range(-(-len(texts) // rows), 0, -1):
        legend = figure.legend(handles, texts, loc="outside lower center", ncols=columns, **keywords)
        extent = legend.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        if extent.width <= width or columns == 1:
            break
        legend.remove()
    figure.set_size_inches(width, height + extent.height)
