"""A figure of the paper from the runs of a results folder, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrarun.api.inputs import SpecLike, all_specs_of, runs_in
from lrarun.data.dataset import Dataset
from lrarun.data.load import load
from lrarun.data.locate import named_folder
from lrarun.data.progress import Progress
from lrarun.errors import Incomplete, UsageError
from lrarun.files import user_path
from lrarun.nn.arrays import Params
from lrarun.report.figures.captions import caption
from lrarun.report.figures.embedding import Cloud, choose_images, class_names, draw_clouds
from lrarun.report.figures.files import CURVES, check_libraries, save, styled
from lrarun.report.figures.series import (
    Line,
    descriptions,
    legend_names,
    lines,
    log_lacks,
    probes_of,
    shared,
    subject,
)  # fmt: skip
from lrarun.report.repetitions import settings
from lrarun.results.result import DIVERGED, Result
from lrarun.results.run_folder import PARAMETERS
from lrarun.runs.stored_parameters import read_parameters, top_hidden
from lrarun.specs.paper_runs import figure_specs, rule_titles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBERS = ("1a", "1b", "2", "3")


@dataclass(frozen=True)
class Drawing:
    """A figure and what it lacks.

    Attributes:
        figure: matplotlib's; None if there is nothing to draw.
        lacking: the runs that it should show and can't, each with the reason.
        damaged: those of them that finished but have lost a part of their log or weights; only training anew helps.
        caption: what it shows, of which runs; `save` stores it in the file.
        paper: the settings are those of the paper's figure.
        diverged: how many of the lacking ones diverged, so that training them again would not help.
    """

    figure: Figure | None
    lacking: tuple[str, ...]
    damaged: tuple[Result, ...] = ()
    caption: str = ""
    paper: bool = True
    diverged: int = 0

    def save(self, path: str | Path, format: str = "png") -> None:
        """Write the figure in the format of the name's ending; equal figures give equal bytes.

        Args:
            path: the file.
            format: used if the name has no ending, or is that of a pipe or a device.

        Raises:
            Incomplete: there is nothing to draw.
            UsageError: the ending is of no picture, or the file can't be written.
        """
        if self.figure is None:
            raise Incomplete("; ".join(self.lacking))
        with styled():
            save(self.figure, user_path(path), self.caption, format)


def figure(
    number: str,
    results: str | Path = "results",
    specs: SpecLike | Iterable[SpecLike] | None = None,
    *,
    data_dir: str | Path | None = None,
    samples: int = 2500,
    progress: Progress | None = None,
) -> Drawing:
    """Draw a figure of the paper: its ``figure`` is matplotlib's, ``lacking`` says what it can't show.

    Args:
        number: ``1a``, ``1b``, ``2`` or ``3``.
        results: the folder that holds the runs' folders; an absent one holds no run.
        specs: the runs to show in place of the paper's: spec files, specs or mappings.
        data_dir: Figure 2: where to look for data sets first.
        samples: Figure 2: how many test images to show.
        progress: Figure 2: is told how a download goes, and each panel as it is begun.

    Raises:
        UsageError: there is no such figure, it can't show such runs, or matplotlib (for Figure 2
            also scikit-learn) is not installed.
        SpecError: a spec is not valid.
        DataError, FetchError: Figure 2's data set is damaged or not available, or there is no folder ``data_dir``.
    """
    if number not in NUMBERS:
        raise UsageError(f"the paper's figures are {', '.join(NUMBERS)}, not {number!r}")
    check_libraries(number)
    named_folder(data_dir)  # refused also where the figure needs no data set
    chosen = all_specs_of(specs)
    resolved = None if chosen is None else [spec.to_dict() for spec in chosen]

    def load_dataset(name: str) -> Dataset:
        return load(name, data_dir, progress)

    progress = progress or Progress()
    try:
        with styled():
            return draw(number, runs_in(results), resolved, load_dataset, samples, progress.step)
    finally:
        progress.stop()


def draw(
    number: str,
    results: Sequence[Result],
    specs: Sequence[Mapping[str, Any]] | None,
    load: Callable[[str], Dataset],
    samples: int,
    begun: Callable[[str], None] = lambda text: None,
) -> Drawing:
    """Draw a figure from runs; call it within :func:`lrarun.report.figures.files.styled`.

    Args:
        number: which.
        results: all runs there are.
        specs: resolved specs of the runs to show; None for those of the paper's figure, with all their seeds.
        load: data set's name -> the data set. Called for Figure 2 alone, if there is something to show.
        samples: how many test images Figure 2 shows.
        begun: is told each panel of Figure 2 before it is computed.

    Raises:
        UsageError: the figure can't show such runs.
    """
    probe = CURVES[number].probe if number in CURVES else None
    chosen = figure_specs(number) if specs is None else specs
    chosen = [spec for spec in chosen if probe is None or probe in probes_of(spec)]
    if not chosen:
        raise UsageError(f"none of the specs has the probe {probe!r}; add 'probes: [{probe}]' and train them")
    found = lines(chosen, results, every_seed=specs is None, probe=probe)
    made, drawn = draw_curves(number, found) if number in CURVES else draw_representations(found, load, samples, begun)
    paper = {settings(spec) for spec in chosen} == {settings(spec) for spec in figure_specs(number)}
    text = caption(number, drawn, rule_titles(), paper) if drawn else ""
    return replace(made, caption=text, paper=paper)


def drawable(runs: Sequence[Result]) -> list[str]:
    """Return the numbers of the paper's figures that some of the runs can be seen in."""

    def shown(number: str) -> bool:
        probe = CURVES[number].probe if number in CURVES else None
        found = lines(figure_specs(number), runs, every_seed=True, probe=probe)
        if number in CURVES:
            return any(not log_lacks(run, CURVES[number].columns) for line in found for run in line.runs)
        return any((run.folder / PARAMETERS).is_file() for line in found for run in line.runs if run.finished)

    return [number for number in NUMBERS if shown(number)]


# What a figure shows: each setting's resolved spec, and its runs.
Drawn = list[tuple[Mapping[str, Any], Sequence[Result]]]


def draw_curves(number: str, found: Sequence[Line]) -> tuple[Drawing, Drawn]:
    """Draw a figure for which logs are enough; return it and what is in it."""
    kind = CURVES[number]
    lacking: list[str] = []
    whole, damaged = [], []
    for line, name in zip(found, descriptions([line.spec for line in found], rule_titles())):
        torn = {run.run_id: reason for run in line.runs if (reason := log_lacks(run, kind.columns))}
        lacking += [f"{name}: {reason}" for reason in (*line.outstanding, *torn.values())]
        whole.append(replace(line, runs=tuple(run for run in line.runs if run.run_id not in torn)))
        damaged += [run for run in line.runs if run.run_id in torn and run.finished]
    drawn: Drawn = [(line.spec, line.runs) for line in whole if line.runs]
    return Drawing(kind.draw(whole, rule_titles()) if drawn else None, tuple(lacking), tuple(damaged)), drawn


def draw_representations(
    found: Sequence[Line], load: Callable[[str], Dataset], samples: int, begun: Callable[[str], None]
) -> tuple[Drawing, Drawn]:
    """Draw Figure 2; return it and what is in it. Raises ``UsageError`` if the runs are of several data sets."""
    specs = [line.spec for line in found]
    name, *others = dict.fromkeys(spec["dataset"] for spec in specs)
    if others:
        raise UsageError(f"Figure 2 shows one data set, the specs are for {name} and {', '.join(others)}")
    trained, lacking, damaged, diverged = {}, [], [], 0
    for place, (line, text) in enumerate(zip(found, descriptions(specs, rule_titles()))):
        try:
            trained[place] = weights_of(line)
        except Incomplete as error:
            lacking.append(f"{text}: {error}")
            if not line.outstanding:
                diverged += all(run.state == DIVERGED for run in line.runs)
                damaged += [run for run in line.runs if run.finished][:1]
    if not trained:
        return Drawing(None, tuple(lacking), tuple(damaged), diverged=diverged), []
    dataset = load(name)
    index = choose_images(len(dataset.test_labels), samples)
    values = {place: top_hidden(run, params, dataset, index) for place, (run, params) in trained.items()}
    names = legend_names(specs, rule_titles(), shared(specs))
    clouds = [Cloud(title, values.get(place)) for place, title in enumerate(names)]
    images = f"{len(index):,} of {len(dataset.test_labels):,} test images"
    title = f"{subject(specs)}\nTop hidden layer, t-SNE of {images}"
    figure = draw_clouds(clouds, dataset.test_labels[index], class_names(name), title, begun)
    return Drawing(figure, tuple(lacking), tuple(damaged), diverged=diverged), [
        (run.spec, [run]) for run, _ in trained.values()
    ]


def weights_of(line: Line) -> tuple[Result, Params]:
    """Return the first seed's run that has its weights, and these.

    Raises:
        Incomplete: no run has; the message is the reason alone.
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
