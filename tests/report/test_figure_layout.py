"""Where things stand in the figures: legends cover no curve, nothing is cut off, what is shown can be seen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from lrarun.report.figures import embedding, style
from lrarun.report.figures.files import styled
from lrarun.report.figures.learning_curve import draw_curve
from lrarun.results.read import read_result
from lrarun.specs.build import make_spec
from lrarun.specs.paper_runs import figure_specs
from tests.report.test_figures import draw, drawn_lines, write_run

COMMON = {"dataset": "mnist", "depth": 3, "probes": ["angle", "discrepancy"]}
RULES = ("backprop", "rfa", "dfa", "equilibrium-propagation", "dtp", "dtp-sigma", "lra-e")


def probed(depth, epochs):
    """The columns of a log with both probes, all of them falling."""
    fall = np.linspace(1.0, 0.5, epochs)
    parts = {f"discrepancy_{l}": (fall / l).tolist() for l in range(1, depth + 1)}
    return {
        "angle_mean": (60 * fall).tolist(),
        "angle_max": (120 * fall).tolist(),
        "validation_nll": fall.tolist(),
        "discrepancy": sum(map(np.array, parts.values())).tolist(),
    } | parts


def figure_1(number, results, specs, epochs):
    """Figure 1 of runs that have made so many epochs of theirs."""
    specs = [make_spec(spec).to_dict() for spec in specs]
    for spec in specs:
        write_run(results, spec, **probed(spec["depth"], epochs))
    return draw(number, results, specs).figure


CASES = {
    "one rule": ([COMMON | {"algorithm": "lra-e"}], 100),
    "one epoch": ([COMMON | {"algorithm": "lra-e", "epochs": 1}], 1),
    "eight layers": ([COMMON | {"algorithm": "lra-e", "depth": 8}], 100),
    "seven rules, three settings of one": (
        # Only LRA-E may be asked for its discrepancy; the figure is drawn from logs that have the column.
        [COMMON | {"algorithm": rule, "probes": ["angle"]} for rule in RULES]
        + [COMMON | {"algorithm": {"name": "lra-e", "beta": beta}} for beta in (0.2, 0.3)],
        40,
    ),
    "two seeds of a long name": (
        [
            COMMON
            | {"algorithm": "lra-e", "dataset": "/data/a-data-set-whose-name-is-long", "depth": depth, "seed": seed}
            for depth, seed in itertools.product((2, 3), (0, 1))
        ],
        20,
    ),
}


def figure_2(count, classes, names):
    rng = np.random.default_rng(0)
    clouds = [embedding.Cloud(f"rule {k}", rng.normal(size=(80, 4))) for k in range(count)]
    title = "Fashion-MNIST, 3 hidden layers\nTop hidden layer, t-SNE of 2,500 of 10,000 test images"
    with styled():
        return embedding.draw_clouds(clouds, np.arange(80) % classes, names, title)


def figure_3(results, specs):
    for spec in specs:
        write_run(results, spec, "diverged", validation_error=[50.0, 20.0, 10.0])
    return draw("3", results, specs).figure


def learning_curve(results, epochs, rule="lra-e"):
    """What ``lrarun show --plot`` draws."""
    spec = make_spec(COMMON | {"algorithm": rule, "epochs": epochs, "probes": []}).to_dict()
    fall = np.linspace(9, 3, epochs).tolist()
    folder = write_run(results, spec, train_nll=fall, validation_nll=fall[::-1], validation_error=fall)
    with styled():
        return draw_curve(read_result(folder))


@pytest.fixture(
    params=[
        *(f"{number} {case}" for number in ("1a", "1b") for case in CASES),
        "2 five networks",
        "2 one network of Fashion-MNIST",
        "2 sixty classes",
        "3 all",
        "3 one panel of two seeds",
        "show 1",
        "show 100",
    ]
)
def figure(request, tmp_path, monkeypatch):
    """Figures of few and of many lines, laid out."""
    monkeypatch.setattr(embedding, "embed", lambda values: values[:, :2])
    number, _, case = request.param.partition(" ")
    if number == "show":
        made = learning_curve(tmp_path, int(case))
    elif number == "2":
        how = {
            "five networks": (5, 10, ()),
            "sixty classes": (2, 60, ()),
            "one network of Fashion-MNIST": (1, 10, embedding.class_names("fashion-mnist")),
        }[case]
        made = figure_2(*how)
    elif number == "3":
        specs = figure_specs("3")
        made = figure_3(tmp_path, specs if case == "all" else [specs[0] | {"seed": seed} for seed in (0, 1)])
    else:
        made = figure_1(number, tmp_path, *CASES[case])
    with styled():
        made.draw_without_rendering()
    return made


def visible(figure):
    """The panels that are shown."""
    return [axes for axes in figure.axes if axes.get_visible()]


def test_legends_cover_no_panel_and_nothing_is_cut_off(figure):
    page = figure.bbox.padded(1)
    for legend in figure.legends:
        assert not any(legend.get_window_extent().overlaps(axes.get_tightbbox()) for axes in visible(figure))
    assert not any(axes.get_legend() for axes in figure.axes)
    whole = [part.get_window_extent() for part in figure.legends] + [axes.get_tightbbox() for axes in visible(figure)]
    if figure.get_suptitle():
        whole.append(figure._suptitle.get_window_extent())
    for box in whole:
        assert page.x0 <= box.x0 <= box.x1 <= page.x1 and page.y0 <= box.y0 <= box.y1 <= page.y1


def test_panels_keep_their_size_beside_a_long_legend(figure):
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert min(box.width, box.height) > 1.2 * figure.dpi


def test_titles_and_labels_do_not_overlap(figure):
    texts = [figure._suptitle] if figure.get_suptitle() else []
    for axes in visible(figure):
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    across = [text.get_window_extent() for axes in figure.axes for text in axes.texts if "°" in text.get_text()]
    assert not any(box.overlaps(axes.get_window_extent()) for box in across for axes in figure.axes)


@pytest.mark.parametrize("rule", RULES)
def test_one_run_s_curve_has_its_rule_s_look_and_shows_its_log(rule, tmp_path):
    losses, errors = learning_curve(tmp_path, 100, rule).axes
    curves = [*losses.get_lines(), *(line for line in errors.get_lines() if line.get_label() == "validation")]
    assert {(line.get_color(), line.get_marker()) for line in curves} == {style.look(rule)}
    training, validation = losses.get_lines()
    assert training.get_linestyle() != validation.get_linestyle()
    fall = np.linspace(9, 3, 100)
    for line, values in zip(curves, (fall, fall[::-1], fall), strict=True):
        np.testing.assert_allclose(line.get_ydata(), values)


@pytest.mark.parametrize("number", ["1a", "1b"])
def test_a_single_epoch_can_be_seen(number, tmp_path):
    figure = figure_1(number, tmp_path, *CASES["one epoch"])
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]
        lines = [line for line in axes.get_lines() if line.get_label()[0] != "_"]
        assert lines and all(line.get_marker() not in ("", "None", None) for line in lines)


def test_no_two_lines_look_the_same_without_colour(tmp_path):
    for number, case in itertools.product(("1a", "1b"), ("eight layers", "seven rules, three settings of one")):
        for axes in figure_1(number, tmp_path / number / case, *CASES[case]).axes:
            lines = [line for line in axes.get_lines() if line.get_label()[0] != "_"]
            looks = [(line.get_marker(), str(line._dash_pattern), line.get_linewidth()) for line in lines]
            assert len(set(looks)) == len(looks) > 0


def test_with_many_lines_the_legend_names_each_rule_once(tmp_path):
    figure = figure_1("1a", tmp_path, *CASES["seven rules, three settings of one"])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(texts) == len(set(texts)) == 9 + 2
    assert texts[-2:] == ["mean over the mini-batches", "largest of the epoch"]
    assert {text + ending for text in texts[:-2] for ending in (f", {texts[-2]}", f", {texts[-1]}")} == set(
        drawn_lines(figure.axes[0])
    )
