"""``lrarun figure``: what is in the figures, held against the logs and weights that they are of."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from lrarun.algorithms.registry import algorithms
from lrarun.api import figures
from lrarun.cli import main
from lrarun.paper import MODELS
from lrarun.report.figures import curves, embedding, series, style
from lrarun.report.figures.files import save, styled
from lrarun.report.figures.stored import read_caption
from lrarun.results.read import read_results
from lrarun.runs.run import run as train
from lrarun.specs.build import load_specs, make_spec
from lrarun.specs.paper_runs import figure_specs
from tests.support.fabricate import lock_for_good
from tests.support.pages import parse
from tests.support.synthetic import synthetic_dataset

ROOT = Path(__file__).parent.parent.parent
TITLES = {"dtp": "DTP", "dtp-sigma": "DTP-σ", "lra-e": "LRA-E", "rfa": "RFA", "dfa": "DFA"}
INITS = {"glorot": "Glorot", "orthogonal": "orthogonal", "gaussian": "Gaussian"}


def write_run(results, spec, state="finished", **columns):
    """A run's folder with a log of those columns, lists of one length."""
    folder = results / make_spec(spec).run_id
    folder.mkdir(parents=True)
    rows = list(zip(*columns.values()))
    lines = [",".join(["epoch", *columns]), *(",".join(map(str, (epoch, *row))) for epoch, row in enumerate(rows, 1))]
    (folder / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    record = {"state": state, "spec": spec, "epoch": len(rows), "test_error": 2.0, "train_error": 1.0}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    if state == "running":
        lock_for_good(folder)
    return folder


def curve(spec, epochs=100):
    """An invented validation error per epoch in percent, another for every run."""
    rng = np.random.default_rng(list(make_spec(spec).run_id.encode()))
    return (60 * rng.random() + 30 * rng.random(epochs)).tolist()


@pytest.fixture(scope="module")
def figure3(tmp_path_factory):
    """All runs of Figure 3."""
    results = tmp_path_factory.mktemp("figure3")
    for spec in figure_specs("3"):
        write_run(results, spec, validation_error=curve(spec))
    return results


def write_figure1(results, seeds=(0,), epochs=20, state="finished"):
    (spec,) = figure_specs("1a")
    rng = np.random.default_rng(0)
    logs = {}
    for seed in seeds:
        columns = ("angle_mean", "angle_max", "validation_nll", "discrepancy", "discrepancy_1", "discrepancy_2")
        logs[seed] = {column: rng.random(epochs).tolist() for column in columns}
        write_run(results, spec | {"seed": seed}, state, **logs[seed])
    return logs


def draw(number, results, specs=None, **how):
    with styled():
        return figures.draw(number, read_results(results), specs, **{"load": None, "samples": 100} | how)


def drawn_lines(axes):
    """Legend text -> (epochs, values) of a panel's lines."""
    return {line.get_label(): line.get_xydata().T for line in axes.get_lines() if line.get_label()[0] != "_"}


@pytest.fixture
def lrarun(capsys, monkeypatch):
    monkeypatch.delenv("LRARUN_RESULTS", raising=False)

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["figure", *map(str, arguments)])
        return end.value.code, *capsys.readouterr()

    return call


@pytest.mark.parametrize("number", ["1a", "1b", "2", "3"])
def test_the_spec_files_have_the_runs_that_the_figures_show(number):
    shown = {make_spec(spec).run_id for spec in figure_specs(number)}
    assert shown == {spec.run_id for spec in load_specs(ROOT / "experiments" / f"figure{number[0]}.yaml")}


def test_runs_that_the_tables_have_too_are_trained_once():
    tables = {spec.run_id for n in (1, 2) for spec in load_specs(ROOT / "experiments" / f"table{n}.yaml")}
    assert {make_spec(spec).run_id for spec in figure_specs("2")} < tables


def test_figure_3_has_the_runs_of_the_tables_and_others_from_other_weights():
    tables = {spec.run_id for n in (1, 2) for spec in load_specs(ROOT / "experiments" / f"table{n}.yaml")}
    glorot = {make_spec(spec).run_id for spec in figure_specs("3") if spec["init"]["name"] == "glorot"}
    assert len(glorot) == 12 and glorot < tables
    other = [spec for spec in figure_specs("3") if spec["init"]["name"] != "glorot"]
    assert len(other) == 24 and not {make_spec(spec).run_id for spec in other} & tables


def every_line(axes):
    """Legend text -> values of a panel's lines, those that are in no legend under ``_`` and their text."""
    return {line.get_label(): line.get_xydata().T for line in axes.get_lines()}


def mean_around(values, reach):
    """Each value's mean with those up to ``reach`` before and after it."""
    return [np.mean(values[max(0, at - reach) : at + reach + 1]) for at in range(len(values))]


def test_figure_3_shows_every_run_s_accuracy_in_its_panel_faintly_and_smoothed(figure3):
    found = draw("3", figure3)
    assert found.lacking == ()
    panels = {axes.get_title(): every_line(axes) for axes in found.figure.axes}
    assert len(panels) == 12
    for spec in figure_specs("3"):
        dataset = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}[spec["dataset"]]
        panel = panels[f"{TITLES[spec['algorithm']['name']]}, {dataset}, {spec['depth']} layers"]
        name, accuracy = INITS[spec["init"]["name"]], 100 - np.array(curve(spec))
        assert set(panel) == {text for init in INITS.values() for text in (init, f"_{init}")}
        for label, values in ((f"_{name}", accuracy), (name, mean_around(accuracy, 5))):
            np.testing.assert_array_equal(panel[label][0], np.arange(1, 101))
            np.testing.assert_allclose(panel[label][1], values)
    texts = [text.get_text() for text in found.figure.legends[0].get_texts()]
    assert texts == [*INITS.values(), "each epoch", "mean over 11 epochs"]


def test_the_smoothed_line_lies_over_the_faint_one(figure3):
    for axes in draw("3", figure3).figure.axes:
        by_name = {line.get_label(): line for line in axes.get_lines()}
        for name in INITS.values():
            smooth, faint = by_name[name], by_name[f"_{name}"]
            assert smooth.get_color() == faint.get_color() and smooth.get_zorder() > faint.get_zorder()
            assert smooth.get_linewidth() >= 2 * faint.get_linewidth() and (faint.get_alpha() or 1) <= 0.5


def test_each_kind_of_initial_weights_has_one_look_in_every_panel_and_not_colour_alone(figure3):
    seen = {}
    for axes in draw("3", figure3).figure.axes:
        for line in axes.get_lines():
            if line.get_label()[0] != "_":
                look = line.get_color(), line.get_marker()
                assert seen.setdefault(line.get_label(), look) == look
    assert (
        len(seen) == len({colour for colour, _ in seen.values()}) == len({marker for _, marker in seen.values()}) == 3
    )


# What an eye sees of a colour, in linear RGB; of dichromats by Viénot, Brettel and Mollon (1999).
DICHROMATS = {
    "protanope": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranope": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
    "usual": np.eye(3).tolist(),
}


@pytest.mark.parametrize("eye", DICHROMATS)
def test_the_three_colours_stay_apart_to_every_eye(eye):
    from matplotlib.colors import to_rgb

    def lightness(linear):
        return np.cbrt(np.clip(linear, 0, 1))

    colours = [np.array(to_rgb(look.colour)) for look in style.INIT_LOOKS.values()]
    seen = [lightness(np.array(DICHROMATS[eye]) @ colour**2.2) for colour in colours]
    pairs = [(a, b) for at, a in enumerate(seen) for b in seen[at + 1 :]]
    assert min(np.linalg.norm(a - b) for a, b in pairs) > 0.15


def test_figure_1_shows_the_probes_columns(tmp_path):
    log = write_figure1(tmp_path)[0]
    (axes,) = draw("1a", tmp_path).figure.axes
    found = drawn_lines(axes)
    np.testing.assert_allclose(found["LRA-E, mean over the mini-batches"][1], log["angle_mean"])
    np.testing.assert_allclose(found["LRA-E, largest of the epoch"][1], log["angle_max"])
    assert "paper: at most 11°" in [text.get_text().replace("\n", " ") for text in axes.texts]
    upper, lower = draw("1b", tmp_path).figure.axes
    np.testing.assert_allclose(drawn_lines(upper)["LRA-E"][1], log["validation_nll"])
    np.testing.assert_allclose(drawn_lines(lower)["LRA-E"][1], log["discrepancy"])
    np.testing.assert_allclose(drawn_lines(lower)["hidden layer 2"][1], log["discrepancy_2"])


@pytest.mark.parametrize("number", ["1a", "1b", "3"])
def test_axes_are_labelled(number, tmp_path, figure3):
    write_figure1(tmp_path)
    figure = draw(number, figure3 if number == "3" else tmp_path).figure
    bottom = [axes for axes in figure.axes if axes.get_subplotspec().is_last_row()]
    left = [axes for axes in figure.axes if axes.get_subplotspec().is_first_col()]
    assert {axes.get_xlabel() for axes in bottom} == {"epoch"}
    assert all(axes.get_ylabel() for axes in left)


def test_several_seeds_are_a_mean_and_a_band(tmp_path):
    logs = write_figure1(tmp_path, seeds=(0, 1, 2))
    (axes,) = draw("1a", tmp_path).figure.axes
    mean = np.mean([log["angle_mean"] for log in logs.values()], axis=0)
    np.testing.assert_allclose(drawn_lines(axes)["LRA-E, mean over the mini-batches"][1], mean)
    most = np.max([log["angle_max"] for log in logs.values()], axis=0)
    np.testing.assert_allclose(drawn_lines(axes)["LRA-E, largest of the epoch"][1], most)
    (band,) = axes.collections
    low, high = band.get_datalim(axes.transData).intervaly
    values = [log["angle_mean"] for log in logs.values()]
    assert (low, high) == pytest.approx((np.min(values), np.max(values)))
    assert "3 seeds" in axes.get_title()


def test_a_seed_still_training_does_not_bend_the_mean(tmp_path):
    log = write_figure1(tmp_path, seeds=(0,))[0]
    (spec,) = figure_specs("1a")
    write_run(tmp_path, spec | {"seed": 1}, "running", angle_mean=[90.0] * 3, angle_max=[90.0] * 3)
    found = draw("1a", tmp_path)
    (axes,) = found.figure.axes
    np.testing.assert_allclose(drawn_lines(axes)["LRA-E, mean over the mini-batches"][1], log["angle_mean"])
    assert found.lacking == ("LRA-E, 2 layers, MNIST: running 3/20",)


def test_a_run_that_diverged_ends_with_a_cross_and_lacks_nothing(tmp_path):
    spec, *others = figure_specs("3")
    write_run(tmp_path, spec, "diverged", validation_error=[10.0, 20.0, math.nan])
    for other in others:
        write_run(tmp_path, other, validation_error=curve(other))
    found = draw("3", tmp_path)
    assert found.lacking == ()
    lines = drawn_lines(found.figure.axes[0])
    np.testing.assert_array_equal(every_line(found.figure.axes[0])["_Glorot"], [[1, 2], [90, 80]])
    np.testing.assert_array_equal(lines["Glorot"][0], [1, 2])
    np.testing.assert_array_equal(lines["diverged"], [[2], [80]])


COLUMNS = ("angle_mean", "angle_max", "validation_nll", "discrepancy", "validation_error")


def drawn_means(number, results, specs):
    """What is drawn of one setting in the first panel: (drawing, the mean, its band's width, crosses)."""
    found = draw(number, results, specs)
    if found.figure is None:
        return found, None, 0, 0
    axes = found.figure.axes[0]
    named = [line for line in axes.get_lines() if line.get_label()[0] != "_" and line.get_marker() != "X"]
    crosses = sum(line.get_marker() == "X" for line in axes.get_lines())
    return found, named[0].get_ydata().tolist(), len(axes.collections), crosses


@pytest.mark.parametrize("number", ["1a", "1b", "3"])
def test_runs_that_stand_at_other_epochs_are_in_no_mean_and_said(tmp_path, number):
    """A mean through epochs that only one seed has would be another's."""
    (spec,) = figure_specs("1a")
    specs = [spec | {"seed": seed} for seed in range(5)]

    def write(seed, state, value, epochs=20):
        write_run(tmp_path, specs[seed], state, **{column: [value] * epochs for column in COLUMNS})

    write(0, "interrupted", 50.0, 12)
    write(1, "running", 60.0, 3)
    found, mean, *_ = drawn_means(number, tmp_path, specs[:2])
    assert mean is None and [text.rpartition(": ")[2] for text in found.lacking] == [
        "interrupted 12/20",
        "running 3/20",
    ]
    write(2, "finished", 10.0)
    write(3, "finished", 20.0)
    cut = write_run(tmp_path, specs[4], **{column: [90.0] * 20 for column in COLUMNS})
    lines = (cut / "log.csv").read_text().splitlines()
    (cut / "log.csv").write_text("\n".join(lines[:8]) + "\n")
    found, mean, bands, crosses = drawn_means(number, tmp_path, specs)
    assert mean == [85.0 if number == "3" else 15.0] * 20 and (bands, crosses) == (1, 0)
    assert [text.rpartition(": ")[2] for text in found.lacking] == [
        "interrupted 12/20", "running 3/20", "its log has 7 of 20 epochs",
    ]  # fmt: skip
    assert "mean over 2 seeds" in (found.figure.get_suptitle() or found.figure.axes[0].get_title())
    assert "seeds 2 and 3" in found.caption


@pytest.mark.parametrize("number", ["1a", "1b", "3"])
def test_a_run_that_diverged_is_a_line_of_its_own_beside_the_mean_of_those_that_did_not(tmp_path, number):
    (spec,) = figure_specs("1a")
    specs = [spec | {"seed": seed} for seed in range(4)]
    for spec, epochs, value in zip(specs, (20, 20, 5, 9), (10.0, 20.0, 70.0, 80.0)):
        state = "finished" if epochs == 20 else "diverged"
        write_run(tmp_path, spec, state, **{column: [value] * epochs for column in COLUMNS})
    found, mean, bands, crosses = drawn_means(number, tmp_path, specs)
    assert found.lacking == () and mean == [85.0 if number == "3" else 15.0] * 20 and (bands, crosses) == (1, 2)
    ends = [line.get_xdata()[-1] for line in found.figure.axes[0].get_lines() if line.get_marker() == "X"]
    assert ends == [5, 9]


def test_curves_that_differ_in_a_setting_differ_to_the_eye_and_in_the_legend(tmp_path):
    base = {"dataset": "mnist", "depth": 3, "epochs": 2}
    specs = [base | {"algorithm": "rfa", "width": width} for width in range(10, 40)]
    specs += [base | {"algorithm": "rfa", "optimizer": {"name": "sgd", "learning_rate": rate}} for rate in (0.1, 0.2)]
    specs += [base | {"algorithm": "rfa", "optimizer": "adam"}]
    specs += [base | {"algorithm": "dfa", "dataset": f"/{folder}/d.npz"} for folder in "ab"]
    specs = [make_spec(spec).to_dict() for spec in specs]
    for spec in specs:
        write_run(tmp_path, spec, validation_error=[9.0, 8.0])
    lines = series.lines(specs, read_results(tmp_path), every_seed=False)
    found = curves.looks(lines, TITLES, ["depth"])
    names = [name for name, _ in found]
    assert len(set(names)) == len(specs) and "RFA, width 256, SGD, learning rate 0.1" in names
    seen = {(how["color"], how["marker"], str(how["linestyle"])) for _, how in found}
    assert len(seen) == len(specs)


def test_rules_of_ones_own_never_look_the_same():
    rules = [(f"rule-{number}", 0) for number in range(60)]
    assert len(set(style.distinct(rules))) == 60
    assert style.distinct([("dtp", 0), ("dtp", 0)])[0] == style.distinct([("dtp", 0)])[0]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_of_other_runs_has_another_name_and_a_caption_of_its_own(tmp_path, lrarun, call, ending):
    pytest.importorskip("matplotlib")
    results = tmp_path / "r"
    for spec in figure_specs("3"):
        write_run(results, spec, validation_error=curve(spec))
    (tmp_path / "my own.yaml").write_text(
        "{algorithm: lra-e, epochs: 2, sweep: {seed: [0, 1], algorithm.beta: [0.1, 0.2]}}"
    )
    for spec in load_specs(tmp_path / "my own.yaml"):
        write_run(results, spec.to_dict(), validation_error=[9.0, 8.0])
    assert lrarun("3", "--results", results, "--format", ending)[0] == 0
    before = (results / "figures" / f"figure-3.{ending}").read_bytes()
    code, out, _ = lrarun("3", "--results", results, "--format", ending, "--spec", tmp_path / "my own.yaml")
    assert (code, out) == (0, f"{results}/figures/figure-3-my-own.{ending}\n")
    assert (results / "figures" / f"figure-3.{ending}").read_bytes() == before
    (results / "figures" / f"figure-1a.{ending}").write_bytes(before[:60])  # says nothing of what it shows
    call("report", "--results", results, "--out", tmp_path / "report.html")
    section = parse((tmp_path / "report.html").read_text()).one("section", id="figures")
    assert [caption.text for caption in section.all("figcaption")] == [
        "figure-1a",
        "As Figure 3, of other runs than the paper's: validation accuracy over the epochs."
        " LRA-E (beta 0.1; beta 0.2); MNIST; 3 hidden layers; 2 epochs; seeds 0 and 1.",
        "Figure 3: validation accuracy over the epochs. DTP-σ (Glorot; orthogonal; Gaussian) and DTP (Glorot;"
        " orthogonal; Gaussian); MNIST and Fashion-MNIST; 3, 5 and 8 hidden layers; 100 epochs; seed 0.",
    ]


def test_the_papers_runs_in_a_spec_file_make_the_papers_figure(tmp_path, lrarun):
    write_figure1(tmp_path, seeds=(0, 1))
    spec = ROOT / "experiments" / "figure1.yaml"
    code, out, _ = lrarun("1a", "--results", tmp_path, "--spec", spec, "--set", "seed=1", "--format", "svg")
    assert (code, out) == (0, f"{tmp_path}/figures/figure-1a.svg\n")


@pytest.mark.parametrize("text", ["DTP-σ, <b> & 'all'", "plain", "x" * 1500])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_caption_is_read_as_it_was_stored_and_from_no_other_picture(tmp_path, ending, text):
    from matplotlib.figure import Figure

    with styled():
        save(Figure(figsize=(1, 1)), tmp_path / f"a.{ending}", text)
        save(Figure(figsize=(1, 1)), tmp_path / f"b.{ending}")
    Figure(figsize=(1, 1)).savefig(tmp_path / f"c.{ending}", metadata={"Description": "another program's"})
    content = (tmp_path / f"a.{ending}").read_bytes()
    assert read_caption(content) == text
    assert read_caption((tmp_path / f"b.{ending}").read_bytes()) == ""
    assert read_caption((tmp_path / f"c.{ending}").read_bytes()) == ""
    for length in range(0, len(content), 97):
        assert read_caption(content[:length]) in ("", text, text[: len(read_caption(content[:length]))])


def test_a_run_without_the_probe_is_none_of_figure_1(tmp_path, lrarun):
    (spec,) = figure_specs("1a")
    write_run(tmp_path, spec | {"probes": []}, validation_nll=[1.0] * 20)
    code, out, err = lrarun("1a", "--results", tmp_path, "--out", tmp_path / "out")
    assert (code, out) == (4, "") and "LRA-E, 2 layers, MNIST: missing" in err


def test_a_probe_that_logged_nothing_is_said_to(tmp_path):
    (spec,) = figure_specs("1a")
    write_run(tmp_path, spec, validation_nll=[1.0] * 20)
    found = draw("1b", tmp_path)
    assert found.figure is None and "nothing in its log under discrepancy" in found.lacking[0]


def test_other_specs_than_the_paper_s_are_told_apart_by_what_differs(tmp_path, lrarun):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "{dataset: mnist, depth: 3, algorithm: lra-e, epochs: 2, probes: [angle], sweep: {algorithm.beta: [0.1, 0.2]}}"
        "\n---\n{dataset: mnist, depth: 3, algorithm: rfa, epochs: 2, probes: [angle]}"
        "\n---\n{dataset: mnist, depth: 3, algorithm: dfa, epochs: 2}"
    )
    specs = [spec.to_dict() for spec in load_specs(file)]
    for spec in specs[:3]:
        write_run(tmp_path / "r", spec, angle_mean=[1.0, 2.0], angle_max=[3.0, 4.0])
    (axes,) = draw("1a", tmp_path / "r", specs).figure.axes
    means = [name for name in drawn_lines(axes) if name.endswith("mini-batches")]
    assert [name.removesuffix(", mean over the mini-batches") for name in means] == [
        "LRA-E, beta 0.1",
        "LRA-E, beta 0.2",
        "RFA",
    ]
    code, out, err = lrarun("1a", "--spec", file, "--results", tmp_path / "r", "--out", tmp_path / "a.svg")
    assert (code, out, err) == (0, f"{tmp_path / 'a.svg'}\n", "")
    code, _, err = lrarun("1a", "--spec", file, "--set", "seed=1", "--results", tmp_path / "r", "--out", tmp_path)
    assert code == 4 and "LRA-E, 3 layers, MNIST, beta 0.2: missing" in err and f"train {file} --set seed=1" in err
    code, out, err = lrarun("1b", "--spec", file, "--results", tmp_path / "r")
    assert (code, out) == (2, "") and "probes: [discrepancy]" in err


def test_what_is_missing_is_named_and_the_rest_drawn(tmp_path, lrarun):
    absent, partial, *others = figure_specs("3")
    write_run(tmp_path, partial, "interrupted", validation_error=curve(partial, 34))
    for other in others:
        write_run(tmp_path, other, validation_error=curve(other))
    code, out, err = lrarun("3", "--results", tmp_path, "--out", tmp_path / "out")
    assert code == 4
    assert out.splitlines() == [str(tmp_path / "out" / f"figure-3.{suffix}") for suffix in ("png", "svg")]
    assert all(Path(line).stat().st_size > 10_000 for line in out.splitlines())
    first, second, last = err.splitlines()
    assert first == "DTP-sigma, 3 layers, MNIST, Glorot: missing"
    assert second == "DTP, 3 layers, MNIST, Glorot: interrupted 34/100"
    assert last.startswith("lrarun: 2 runs") and "lrarun train figure3" in last


def test_with_nothing_to_draw_nothing_is_written(tmp_path, lrarun):
    code, out, err = lrarun("2", "--results", tmp_path / "none", "--out", tmp_path / "out")
    assert (code, out) == (4, "") and "nothing is drawn" in err and err.count("missing") == 5
    assert not (tmp_path / "out").exists()


def test_the_same_results_give_the_same_bytes(tmp_path, lrarun, monkeypatch):
    write_figure1(tmp_path / "r")
    assert lrarun("1b", "--results", tmp_path / "r", "--out", tmp_path / "a")[0] == 0
    # A user's own settings don't show.
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9.0)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", None)
    assert lrarun("1b", "--results", tmp_path / "r", "--out", tmp_path / "b")[0] == 0
    for suffix in ("png", "svg"):
        first, second = ((tmp_path / folder / f"figure-1b.{suffix}").read_bytes() for folder in "ab")
        assert first == second
    assert b"<dc:date>" not in first


@pytest.mark.parametrize(
    "arguments, written",
    [
        (["--out", "x"], ["x/figure-1a.png", "x/figure-1a.svg"]),
        (["--out", "x", "--format", "svg"], ["x/figure-1a.svg"]),
        (["--out", "x/mine.png"], ["x/mine.png"]),
        (["--out", "x/mine.SVG", "--format", "svg"], ["x/mine.SVG"]),
    ],
)
def test_where_it_is_written(tmp_path, lrarun, monkeypatch, arguments, written):
    write_figure1(tmp_path / "r")
    monkeypatch.chdir(tmp_path)
    code, out, _ = lrarun("1a", "--results", "r", *arguments)
    assert (code, out.split()) == (0, written)
    assert sorted(str(path) for path in Path("x").iterdir()) == written
    starts = {"png": b"\x89PNG", "svg": b"<?xml"}
    assert all(Path(name).read_bytes().startswith(starts[name[-3:].lower()]) for name in written)


@pytest.mark.parametrize("by", ["an option", "the environment"])
def test_without_a_place_it_is_written_where_the_report_looks_for_it(tmp_path, lrarun, call, monkeypatch, by):
    write_figure1(tmp_path / "r")
    monkeypatch.chdir(tmp_path)
    if by == "an option":
        code, out, _ = lrarun("1a", "--results", "r")
    else:
        monkeypatch.setenv("LRARUN_RESULTS", "r")
        code, out, _ = lrarun("1a")
    assert (code, out.split()) == (0, ["r/figures/figure-1a.png", "r/figures/figure-1a.svg"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r"]
    call("report", "--results", "r")
    assert '<img src="data:image/svg+xml' in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["4"],
        [],
        ["1a", "--format", "gif"],
        ["1a", "--out", "a.pdf"],
        ["1a", "--out", "a.png", "--format", "svg"],
        ["1a", "--set", "depth=3"],
        ["2", "--samples", "3"],
    ],
)
def test_wrong_usage_exits_2_and_writes_nothing(lrarun, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, out, err = lrarun(*arguments)
    assert (code, out) == (2, "") and err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_t_be_written_is_said(lrarun, tmp_path):
    write_figure1(tmp_path / "r")
    (tmp_path / "file").write_text("")
    code, _, err = lrarun("1a", "--results", tmp_path / "r", "--out", tmp_path / "file" / "x")
    assert code == 2 and "can't be written" in err and len(err.splitlines()) == 1


def test_a_missing_library_names_the_extra(lrarun, tmp_path, monkeypatch):
    write_figure1(tmp_path / "r")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, out, err = lrarun("1a", "--results", tmp_path / "r", "--out", tmp_path / "out")
    assert (code, out) == (2, "") and "matplotlib" in err and "pip install -e '.[plots]'" in err
    assert not (tmp_path / "out").exists()


def test_every_rule_has_a_look_of_its_own():
    assert set(style.LOOKS) == set(MODELS)
    colours, markers = zip(*(style.look(rule) for rule in MODELS))
    assert len(set(colours)) == len(set(markers)) == len(MODELS)


def test_a_further_rule_s_look_depends_on_its_name_alone():
    names = [f"rule-{number}" for number in range(40)]
    program = f"from lrarun.report.figures.style import look; print([tuple(look(name)) for name in {names}])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    found = [tuple(style.look(name)) for name in names]
    assert done.stdout.strip() == str(found)
    assert not {colour for colour, _ in found} & {look.colour for look in style.LOOKS.values()}
    assert len(set(found)) > 15


def test_a_log_cut_short_or_absent_is_read_as_far_as_it_goes(tmp_path):
    (spec,) = figure_specs("1a")
    folder = write_run(tmp_path, spec, angle_mean=[5.0, 6.0])
    (result,) = read_results(tmp_path)
    with open(folder / "log.csv", "a") as file:
        file.write("3,\n,\n4,nonsense\n")
    assert series.over_seeds([result], "angle_mean")["mean"].to_dict() == {1: 5.0, 2: 6.0}
    for content in (b"", b"\x00\xff\xfe", b"a,b\n1,2\n"):
        (folder / "log.csv").write_bytes(content)
        assert series.over_seeds([result], "angle_mean").empty
    (folder / "log.csv").unlink()
    assert series.over_seeds([result], "angle_mean").empty


DATA = synthetic_dataset(samples=200, pixels=16, classes=4)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two networks that are trained and one that is not; their specs."""
    results = tmp_path_factory.mktemp("networks")
    common = {"dataset": "./synthetic", "depth": 2, "width": 8, "epochs": 1, "validation": 30}
    specs = [make_spec(common | {"algorithm": name}) for name in ("dfa", "equilibrium-propagation", "lra-e")]
    for spec in specs[:2]:
        train(spec, DATA, results)
    return results, [spec.to_dict() for spec in specs]


def test_figure_2_shows_each_network_s_own_hidden_layer(networks, monkeypatch):
    results, specs = networks
    seen = []
    monkeypatch.setattr(embedding, "embed", lambda values: seen.append(values) or values[:, :2])
    found = draw("2", results, specs, load=lambda name: DATA, samples=30)
    assert found.lacking == ("LRA-E, 2 layers, synthetic: missing",)
    panels = found.figure.axes
    assert [axes.get_title() for axes in panels[:3]] == ["DFA", "Equil-Prop", "LRA-E"]
    assert "30 of 40 test images" in found.figure.get_suptitle()
    index = embedding.choose_images(40, 30)
    for axes, spec, values in zip(panels, specs, seen):
        stored = dict(np.load(results / make_spec(spec).run_id / "parameters.npz"))
        params = {family: {l: stored[f"{family}/{l}"] for l in (1, 2, 3)} for family in ("W", "c")}
        x = (DATA.test_images[index] / np.float32(255)).T.astype(np.float32)
        rule = algorithms()[spec["algorithm"]["name"]]
        hidden = make_spec(spec).algorithm.activities(params, x)[2]
        assert rule.name == spec["algorithm"]["name"]
        np.testing.assert_allclose(values, hidden.T, rtol=1e-5, atol=1e-6)
        drawn = np.concatenate([points.get_offsets() for points in axes.collections])
        assert sorted(map(tuple, drawn.tolist())) == sorted(map(tuple, values[:, :2].astype(float).tolist()))
    assert "no trained network" in [text.get_text() for text in panels[2].texts]


def test_figure_2_colours_and_numbers_points_by_class(networks, monkeypatch):
    results, specs = networks
    monkeypatch.setattr(embedding, "embed", lambda values: np.column_stack([np.arange(len(values)), values[:, 0]]))
    figure = draw("2", results, specs[:1], load=lambda name: DATA, samples=40).figure
    (axes,) = figure.axes
    assert [points.get_offsets()[:, 0].tolist() for points in axes.collections] == [
        np.flatnonzero(DATA.test_labels == label).tolist() for label in range(4)
    ]
    assert [text.get_text() for text in axes.texts] == list("0123")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list("0123")
    colours = [tuple(points.get_facecolor()[0]) for points in axes.collections]
    assert len(set(colours)) == 4


def test_figure_2_says_each_panel_before_it_is_computed_and_then_how_long_the_rest_takes(networks, monkeypatch):
    results, specs = networks
    clock, said = [0.0], []

    def embed(values):
        said.append("computed")
        clock[0] += 40.0
        return values[:, :2]

    monkeypatch.setattr(embedding, "embed", embed)
    monkeypatch.setattr(embedding.time, "monotonic", lambda: clock[0])
    draw("2", results, specs, load=lambda name: DATA, samples=30, begun=said.append)
    first, second = "Figure 2: t-SNE of DFA, 1 of 2", "Figure 2: t-SNE of Equil-Prop, 2 of 2, about 40 s left"
    assert said == [first, "computed", second, "computed"]


def test_figure_2_of_two_data_sets_is_refused(networks):
    results, specs = networks
    with pytest.raises(figures.UsageError, match="one data set"):
        draw("2", results, [specs[0], specs[0] | {"dataset": "mnist"}])


def test_figure_2_does_not_advise_to_train_what_diverged(tmp_path, lrarun):
    for spec in figure_specs("2"):
        write_run(tmp_path, spec, "diverged", validation_error=[10.0])
    code, out, err = lrarun("2", "--results", tmp_path, "--out", tmp_path / "out")
    assert (code, out) == (4, "") and "all of them diverged, and would again" in err and "lrarun train" not in err


def test_reference_results_without_weights_are_said_to_be(tmp_path, lrarun):
    for spec in figure_specs("2"):
        write_run(tmp_path, spec, validation_error=[1.0])
    code, out, err = lrarun("2", "--results", tmp_path, "--out", tmp_path / "out")
    assert (code, out) == (4, "")
    assert err.count("without weights") == 4 and "lrarun train figure2" in err


def test_fewer_images_are_among_more():
    few, many = embedding.choose_images(1000, 50), embedding.choose_images(1000, 400)
    assert set(few) < set(many) and len(many) == 400
    assert embedding.choose_images(30, 400).tolist() == list(range(30))


def test_points_near_one_another_stay_so_and_come_out_the_same_again():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, (40, 12)), rng.normal(9, 1, (40, 12))]).astype(np.float32)
    points = embedding.embed(values)
    np.testing.assert_array_equal(points, embedding.embed(values))
    distances = np.linalg.norm(points[:, None] - points, axis=-1) + np.diag([np.inf] * 80)
    assert ((distances.argmin(axis=1) < 40) == (np.arange(80) < 40)).all()


def test_a_class_with_an_empty_middle_has_its_number_where_it_is_densest():
    """A ring with a dense spot has its median in its empty middle."""
    rng = np.random.default_rng(0)
    turn = rng.uniform(0, 2 * np.pi, 200)
    spot = [10, 0] + 0.1 * rng.normal(size=(80, 2))
    ring = np.concatenate([10 * np.column_stack([np.cos(turn), np.sin(turn)]), spot])
    assert np.hypot(*(embedding.densest(ring) - [10, 0])) < 1
    assert np.hypot(*embedding.densest(rng.normal(size=(100, 2)))) < 1
    assert embedding.densest(np.array([[3.0, 4.0]])).tolist() == [3, 4]
