"""A figure of the paper from runs: finds what it shows, has it drawn, and says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrarun.data.dataset import Dataset
from lrarun.errors import Incomplete, UsageError
from lrarun.nn.arrays import Params
from lrarun.report.figures.embedding import Cloud, choose_images, class_names, draw_clouds
from lrarun.report.figures.files import CURVES
from lrarun.report.figures.series import (
    Line,
    descriptions,
    legend_names,
    lines,
    over_seeds,
    probes_of,
    shared,
    subject,
)  # fmt: skip
from lrarun.results.read import DIVERGED, Result
from lrarun.runs.weights import read_parameters, top_hidden
from lrarun.specs.paper_runs import figure_specs, rule_titles

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure and what it lacks.

    Attributes:
        figure: None if there is nothing to draw.
        lacking: the runs that it should show and can't, each with the reason.
    """

    figure: Figure | None
    lacking: tuple[str, ...]


def draw(
    number: str,
    results: Sequence[Result],
    specs: Sequence[Mapping[str, Any]] | None,
    load: Callable[[str], Dataset],
    samples: int,
) -> Drawing:
    """Figure ``1a``, ``1b``, ``2`` or ``3``; call it within :func:`lrarun.report.figures.files.styled`.

    Args:
        number: which.
        results: all runs there are.
        specs: resolved specs of the runs to show; None for those of the paper's figure, with all their seeds.
        load: name of a data set -> the data set. Called for Figure 2 alone, if there is something to show.
        samples: how many test images Figure 2 shows.

    Raises:
        UsageError: if the figure can't show such runs.
    """
    probe = CURVES[number].probe if number in CURVES else None
    chosen = figure_specs(number) if specs is None else specs
    chosen = [spec for spec in chosen if probe is None or probe in probes_of(spec)]
    if not chosen:
        raise UsageError(f"none of the specs has the probe {probe!r}; add 'probes: [{probe}]' and train them")
    found = lines(chosen, results, every_seed=specs is None, probe=probe)
    return draw_curves(number, found) if number in CURVES else draw_representations(found, load, samples)


def draw_curves(number: str, found: Sequence[Line]) -> Drawing:
    """A figure for which logs are enough."""
    kind = CURVES[number]
    lacking, drawable = [], False
    for line, name in zip(found, descriptions([line.spec for line in found], rule_titles())):
        reasons = list(line.outstanding)
        absent = [column for column in kind.columns if over_seeds(line.runs, column).empty]
        if absent and not reasons:
            reasons.append(f"nothing in its log under {absent[0]}")
        drawable |= not absent
        lacking += [f"{name}: {reason}" for reason in reasons]
    return Drawing(kind.draw(found, rule_titles()) if drawable else None, tuple(lacking))


def draw_representations(found: Sequence[Line], load: Callable[[str], Dataset], samples: int) -> Drawing:
    """Figure 2; raises ``UsageError`` if the runs are of several data sets."""
    specs = [line.spec for line in found]
    name, *others = dict.fromkeys(spec["dataset"] for spec in specs)
    if others:
        raise UsageError(f"Figure 2 shows one data set, the specs are for {name} and {', '.join(others)}")
    trained, lacking = {}, []
    for place, (line, text) in enumerate(zip(found, descriptions(specs, rule_titles()))):
        try:
            trained[place] = weights_of(line)
        except Incomplete as error:
            lacking.append(f"{text}: {error}")
    if not trained:
        return Drawing(None, tuple(lacking))
    dataset = load(name)
    index = choose_images(len(dataset.test_labels), samples)
    values = {place: top_hidden(run, params, dataset, index) for place, (run, params) in trained.items()}
    names = legend_names(specs, rule_titles(), shared(specs))
    clouds = [Cloud(title, values.get(place)) for place, title in enumerate(names)]
    images = f"{len(index):,} of {len(dataset.test_labels):,} test images"
    title = f"{subject(specs)}\nTop hidden layer, t-SNE of {images}"
    figure = draw_clouds(clouds, dataset.test_labels[index], class_names(name), title)
    return Drawing(figure, tuple(lacking))


def weights_of(line: Line) -> tuple[Result, Params]:
    """The first seed's run that has its weights, and these.

    Raises:
        Incomplete: if there is none; the message is the reason alone.
    """
    reasons = list(line.outstanding)
    for run in line.runs:
        if run.state == DIVERGED:
            reasons.append(DIVERGED)
        elif run.finished:
            try:
                return run, read_parameters(run)
            except Incomplete as error:
                reasons.append(str(error))
    raise Incomplete(reasons[0])
