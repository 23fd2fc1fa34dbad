"""Figure 2: hidden layers as points in the plane, by t-SNE (van der Maaten and Hinton 2008)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lrarun.report.figures.layout import legend_below, panels
from lrarun.report.figures.style import CLASS_COLOURS, GREY
from lrarun.results.timing import about

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES = {
    "fashion-mnist": (
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip
MOST_COMPARED = 1000  # points of a class, of which all pairs are compared
PERPLEXITY = 30.0
SEED = 0


@dataclass(frozen=True)
class Cloud:
    """One panel.

    Attributes:
        title: what it is of.
        values: hidden values, shape ``(n, units)``; None if there are none.
    """

    title: str
    values: np.ndarray | None


def choose_images(count: int, samples: int) -> np.ndarray:
    """Return which of ``count`` test images to show, in ascending order, shape ``(min(samples, count),)``.

    They are always the same, and fewer are among more.
    """
    order = np.random.default_rng(SEED).permutation(count)
    return np.sort(order[:samples])


def embed(values: np.ndarray) -> np.ndarray:
    """Embed ``values``, shape ``(n, units)``, in the plane so that neighbours stay neighbours; shape ``(n, 2)``.

    The same for the same values: the seed is fixed, and one thread adds up in one order.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # With few images each can have only few neighbours.
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    with threadpool_limits(1):
        return TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1).fit_transform(values)


def class_names(dataset: str) -> tuple[str, ...]:
    """Return the names of a data set's classes, by number; empty if they are only numbered."""
    return CLASSES.get(dataset, ())


def draw_clouds(
    clouds: Sequence[Cloud],
    labels: np.ndarray,
    names: Sequence[str],
    title: str,
    begun: Callable[[str], None] = lambda text: None,
) -> Figure:
    """Draw Figure 2: one panel per network, a colour per class, each number where its class is densest.

    Args:
        clouds: the panels, of the same images.
        labels: the images' classes, shape ``(n,)``.
        names: the classes' names, or none.
        title: which networks and which images.
        begun: is told each panel, which takes seconds to minutes, before it is computed.
    """
    columns = 2 if len(clouds) > 1 else 1
    rows = -(-len(clouds) // columns)
    figure, axes = panels(rows, columns, (0.4 + 3.6 * columns, 0.8 + 3.3 * rows))
    figure.suptitle(title, wrap=True)
    for panel in axes[len(clouds) :]:
        panel.set_visible(False)
    steps = Steps(sum(cloud.values is not None for cloud in clouds))
    for panel, cloud in zip(axes, clouds):
        # The plane of a t-SNE has no axes to read: only what is near what means something.
        panel.set(xticks=[], yticks=[], title=cloud.title)
        panel.spines[:].set(visible=True, color="#cccccc")
        if cloud.values is None:
            panel.text(0.5, 0.5, "no trained network", transform=panel.transAxes, ha="center", color=GREY)
        else:
            begun(steps.next(cloud.title))
            draw_points(panel, embed(cloud.values), labels)
    legend(figure, np.unique(labels).tolist(), names)
    return figure


class Steps:
    """What is said before each of ``count`` steps: which it is, and from the second on, about how long it all takes."""

    def __init__(self, count: int):
        self.count, self.begun, self.start = count, 0, time.monotonic()

    def next(self, title: str) -> str:
        """Return the words for the next step, which begins now."""
        text = f"Figure 2: t-SNE of {title}, {self.begun + 1} of {self.count}"
        if self.begun:
            each = (time.monotonic() - self.start) / self.begun
            text += f", {about(each * (self.count - self.begun))} left"
        self.begun += 1
        return text


def draw_points(panel: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    """Draw points, shape ``(n, 2)``, of classes, shape ``(n,)``, and each number where its class is densest."""
    for label in np.unique(labels):
        own = points[labels == label]
        # As pixels also in an SVG, which thousands of circles would make slow to open.
        panel.scatter(own[:, 0], own[:, 1], s=4, color=colour(label), linewidths=0, rasterized=True)
    box: Mapping[str, Any] = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": "black", "alpha": 0.85}
    for label in np.unique(labels):
        across, up = densest(points[labels == label])
        panel.text(across, up, str(label), ha="center", va="center", fontsize=8, fontweight="bold", bbox=dict(box))


def densest(points: np.ndarray) -> np.ndarray:
    """Return the centre of the smallest circle around one of the points, shape ``(n, 2)``, that holds a fifth.

    A median may lie between the parts of a class that is in several, on another class's number.
    """
    some = points[:MOST_COMPARED].astype(float)
    distances = np.hypot(*(some[:, None] - some).transpose(2, 0, 1))
    return some[np.quantile(distances, 0.2, axis=1).argmin()]


def colour(label: int) -> str:
    """Return a class's colour; beyond ten classes, colours repeat."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def legend(figure: Figure, labels: Sequence[int], names: Sequence[str]) -> None:
    """Add the classes' numbers, names and colours below the panels."""
    from matplotlib.lines import Line2D

    texts = [f"{label} {names[label]}" if label < len(names) else str(label) for label in labels]
    handles = [Line2D([], [], marker="o", linestyle="none", color=colour(label)) for label in labels]
    legend_below(figure, handles, texts, handlelength=1, columnspacing=1.2)
