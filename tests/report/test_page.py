"""The report page: well-formed, self-contained, true to the numbers, whatever the results hold."""

from __future__ import annotations

import base64
import json
import math
import re
import shlex
import unicodedata
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun import __version__ as version
from lrarun.cli import main
from lrarun.paper import MODELS, TABLES, Key, printed_cells
from lrarun.report.cells import Wanted, fill
from lrarun.report.claims.claim import CheckedClaim, Claim, Comparison
from lrarun.report.repetitions import settings, well_formed
from lrarun.report.summary.render import columns_of
from lrarun.report.summary.rows import summarize
from lrarun.report.verdicts import add_verdicts
from lrarun.report.web.charts import POINTS, Scale, chart, entries
from lrarun.report.web.colours import DARK, LIGHT, line_colours
from lrarun.report.web.curves import CURVES, PANELS, SEEDS, Curve, Panel, Point, curve, panels
from lrarun.report.web.markup import Html, tag
from lrarun.report.web.page import Contents, render_page
from lrarun.report.web.pictures import LARGEST, read_pictures
from lrarun.report.web.runs_section import RUNS
from lrarun.report.web.settings_section import ROWS
from lrarun.results.read import read_results
from lrarun.results.result import Result
from tests.cli.test_table import lrarun, spec_of  # noqa: F401
from tests.support.fabricate import protocol, spec_for, write_all, write_log, write_predictions, write_run
from tests.support.pages import parse

BACKPROP = Key("mnist", "Backprop", 3, "sgd")
EVIL = "</title></style></script><script>alert('1')</script><img src=x onerror=\"alert(2)\">&amp;'"


def contents(runs, wanted=None, **more):
    """A report's contents as the command gathers them, without the engine."""
    runs = well_formed(runs)
    wanted = {key: Wanted(spec) for key, spec in protocol().items()} if wanted is None else wanted
    return Contents(add_verdicts(fill(runs, wanted)), runs, wanted, more.pop("titles", {}), **more)


def in_memory(spec, number=0, state="finished", **record):
    """A result without a folder."""
    name = record.pop("name", f"run-{number}")
    done = {"epoch": 100, "test_error": 2.0 + number % 7, "train_error": 1.0} | record
    return Result(name, Path("/nowhere") / name, state, spec, done)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Results with all there can be: three seeds, diverged, under way, other settings, a data set of one's own."""
    folder = tmp_path_factory.mktemp("results")
    write_all(folder, seeds=(0, 1, 2))
    for run in read_results(folder):
        seed, end = run.spec["seed"], run.test_error
        write_log(run.folder, validation_error=[end + 50 / epoch + seed for epoch in range(1, 31)])
    write_log(
        write_run(folder, spec_for(BACKPROP, seed=3), "diverged", epoch=12, reason=EVIL),
        validation_error=[40, 30, "nan", "inf", 90],
    )
    write_run(folder, spec_for(BACKPROP._replace(model="DFA"), seed=3), "running", epoch=34)
    write_run(folder, spec_for(BACKPROP, epochs=1), test_error=50.0, train_error=50.0)
    write_log(
        write_run(folder, spec_for(Key("letters", "RFA", 2, "adam")), test_error=7.0, train_error=6.0),
        validation_error=[9],
    )
    return folder


@pytest.fixture(scope="module")
def page(mixed):
    return render_page(contents(read_results(mixed)))


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    tree = parse(page)
    ids = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids)) > 10
    named = {key: [name for node in tree.all() for name in node.attributes.get(key, "").split()]
             for key in ("aria-labelledby", "aria-describedby", "for")}  # fmt: skip
    assert named["aria-labelledby"] and not {name for names in named.values() for name in names} - set(ids)
    links = [node.attributes["href"] for node in tree.all("a")]
    assert links and all(link[1:] in ids for link in links)


def test_the_page_refers_to_nothing_outside_and_runs_nothing(page):
    tree = parse(page)
    for node in tree.all():
        assert node.name not in ("script", "iframe", "object", "embed", "base")
        for key, value in node.attributes.items():
            assert not key.startswith("on")
            if key in ("src", "href", "xlink:href", "action", "srcset"):
                assert value.startswith(("#", "data:")), (node.name, value)
    assert not re.search(r"https?:|//\w|@import|url\(", page)
    policy = next(node for node in tree.all("meta") if "http-equiv" in node.attributes)
    assert "default-src 'none'" in policy.attributes["content"] and "script" not in policy.attributes["content"]


def test_every_number_of_the_tables_is_the_frames_and_the_papers(mixed):
    made = contents(read_results(mixed))
    tree = parse(render_page(made))
    for number in TABLES:
        cells = made.cells[made.cells["table"] == number]
        table = next(t for t in tree.all("table", class_="paper") if f"Table {number}." in t.one("caption").text)
        shown = [td for row in table.one("tbody").all("tr") for td in row.all("td")]
        assert len(shown) == 2 * len(cells)
        # The frame has the paper's order, depth or optimizer running fastest, as reading a table does.
        by_optimizer = {"sgd": 0, "adam": 1, "rmsprop": 2}
        models = list(MODELS.values())
        order = sorted(cells.itertuples(), key=lambda cell: (
            (cell.dataset != "mnist", by_optimizer[cell.optimizer]) if number == 3
            else (models.index(cell.model), cell.depth)))  # fmt: skip
        for cell, train, test in zip(order, shown[::2], shown[1::2]):
            assert train.one("b").text == f"{cell.train_error:.2f}"
            assert train.one("span", class_="printed").text == f"paper {cell.paper_train}"
            assert test.one("b").text.startswith(f"{cell.test_error:.2f}±{cell.test_error_std:.2f} [{cell.runs}]")
            assert test.one("span", class_="printed").text.rstrip("‡") == f"paper {cell.paper_test}"
            assert test.one("span", class_="badge").text == cell.verdict


def test_tables_say_what_their_cells_are_headed_by(page):
    tree = parse(page)
    tables = tree.all("table")
    assert len(tables) > 10
    for table in tables:
        assert len(table.all("caption")) == 1 and table.one("caption").text
        heads = table.all("th")
        assert all(th.attributes.get("scope") in ("col", "row", "colgroup") for th in heads)
        for row in table.one("tbody").all("tr"):
            assert [cell.name for cell in row.children if cell.name == "th"] == ["th"]
    for region in tree.all("div", class_="scroll"):
        assert region.has("tabindex", "0") and region.has("role", "region")


def test_headings_do_not_skip_a_level(page):
    levels = [int(node.name[1]) for node in parse(page).all() if re.fullmatch("h[1-6]", node.name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))


def test_each_chart_is_named_described_and_has_its_numbers(page, mixed):
    tree = parse(page)
    charts = tree.one("section", id="curves").all("figure")
    assert [chart.one("h3").text for chart in charts] == [
        *(f"{name}, {depth} layers" for name in ("MNIST", "Fashion-MNIST") for depth in (3, 5, 8)), "letters, 2 layers",
    ]  # fmt: skip
    for each in charts:
        (svg,) = each.all("svg", role="img")
        assert each.one("h3").text in svg.children[0].text and "Lowest errors" in svg.all("desc")[0].text
        labels = [row.one("th").text for row in each.one("tbody").all("tr")]
        drawn = [group.children[0].text.partition(":")[0] for group in svg.all("g", class_="line")]
        assert labels == drawn
    first = charts[0].one("tbody").all("tr")
    assert [row.one("th").text for row in first] == [
        "Backprop", "Equil-Prop", "RFA", "DFA", "DTP", "DTP-σ", "LRA-E", "LRA-E, Adam", "LRA-E, RMSprop",
    ]  # fmt: skip
    # Backprop, mean over seeds 0 to 2 of end + 0.1 seed + 50 / epoch + seed, the end being the paper's.
    lowest = 3.02 + 1.1 + 50 / 30
    assert [td.text for td in first[0].all("td")][:3] == [f"{lowest:.2f}", "30", f"{lowest - 50 / 30 + 50:.2f}"]
    assert "3 finished" in first[0].text and "1 diverged at 12" in first[0].text


def test_the_legend_has_a_switch_for_every_curve_and_styles_that_obey_it(page):
    curves = parse(page).one("section", id="curves")
    switches = curves.all("input", type="checkbox")
    style = parse(page).one("head").all("style")[1].text
    labels = [label.text for label in curves.one("form").all("label")]
    assert len(switches) == len(labels) == len(set(labels)) == 10
    assert labels[-1] == "RFA, Adam", "which is not the RFA of the tables"
    for switch in switches:
        name = switch.attributes["id"].removeprefix("only-")
        assert f"#only-{name}:checked" in style and f".{name}{{--line:#" in style
        assert curves.all("g", class_=name)


def test_the_same_results_give_the_same_bytes_in_any_order(page, mixed):
    assert page == render_page(contents(read_results(mixed)[::-1]))


def test_text_of_results_stays_text(tmp_path):
    evil = write_run(
        tmp_path,
        spec_for(BACKPROP),
        "failed",
        name="<script>alert(1)<",
        reason=EVIL,
        epoch=EVIL,
        provenance={"cpu": EVIL, "git_commit": EVIL, "blas": {"name": EVIL}},
        resumed=[{"cpu": EVIL}],
    )
    write_log(evil, validation_error=[10, 9])
    own = spec_for(BACKPROP, algorithm={"name": EVIL}) | {"dataset": EVIL}
    write_log(write_run(tmp_path, own, test_error=1.0), validation_error=[10, 9])
    claim = Claim(id="x", says=EVIL, where=EVIL, needs=EVIL, kind="lower", model=EVIL, depths=[3])
    parts = [Comparison(EVIL, EVIL, 1.0, 0.01, 0.01, "holds", paper=EVIL), Comparison(EVIL, lacking=EVIL)]
    checked = CheckedClaim(claim, parts)
    plain = contents(read_results(tmp_path), titles={EVIL: EVIL}, checked=[checked])
    made = replace(plain, cells=plain.cells.assign(note=EVIL, departs=EVIL))
    tree = parse(render_page(made))
    assert not tree.all("script") and not tree.all("img")
    runs = tree.one("section", id="runs")
    assert "run-<script>alert(1)<" in [code.text for code in runs.all("code")]
    assert sum(EVIL in td.text for td in runs.all("td")) >= 4
    assert EVIL in tree.one("section", id="claims").all("summary")[0].text
    assert EVIL in tree.one("section", id="tables").text


@given(st.text(alphabet=st.characters(), max_size=30))
def test_any_text_can_be_read_back_or_is_replaced(value):
    page = "<!DOCTYPE html>" + tag("p", value, title=value)
    page.encode("utf-8")
    (node,) = parse(page).all("p")
    shown = "".join(node.pieces)
    # The parser reads a carriage return as it is; what cannot be shown is one other character.
    assert len(shown) == len(value) and len(node.attributes["title"]) == len(value)
    unfit = {"Cc", "Cn", "Cs"}  # controls, what is no character, halves of a pair
    assert all(a == b or (b in "\ufffd?" and unicodedata.category(a) in unfit) for a, b in zip(value, shown))


def test_markup_is_not_escaped_twice():
    assert tag("b", tag("i", "a&b"), Html("&amp;")) == "<b><i>a&amp;b</i>&amp;</b>"


def test_no_results_make_a_page_that_says_so():
    made = contents([])
    tree = parse(render_page(made))
    tables = [tree.one("section", id="tables").all("table", class_="paper")]
    badges = [badge.text for table in tables[0] for badge in table.all("span", class_="badge")]
    assert badges == ["missing"] * 48
    assert not tree.one("section", id="curves").all("svg")
    assert "no run" in tree.one("section", id="runs").text.lower()


def test_a_missing_and_an_unfinished_cell_show_their_state(tmp_path):
    write_run(tmp_path, spec_for(BACKPROP), "running", epoch=34)
    write_run(tmp_path, spec_for(BACKPROP._replace(depth=5)), "diverged", epoch=12)
    tables = parse(render_page(contents(read_results(tmp_path)))).all("table", class_="paper")
    tests = [td.text for td in tables[0].one("tbody").all("tr")[0].all("td")][1::2]
    assert tests == [
        "running 34/100 paper 3.02‡ inconclusive", "diverged at 12 paper 2.98 higher", "– paper 3.02‡ missing",
    ]  # fmt: skip


def test_an_eighth_rule_has_a_row_a_curve_and_no_verdict(tmp_path):
    key = Key("mnist", "Mine", 3, "adam")
    spec = spec_for(key) | {"algorithm": {"name": "mine", "gain": 2}}
    write_log(write_run(tmp_path, spec, test_error=1.25, train_error=0.5), validation_error=[5.0, 1.5])
    wanted = {key: Wanted(spec) for key, spec in protocol().items()} | {key: Wanted(spec)}
    tree = parse(render_page(contents(read_results(tmp_path), wanted, titles={"mine": "Mine"})))
    row = tree.all("table", class_="paper")[0].one("tbody").all("tr")[-1]
    assert row.one("th").text == "Mine" and [td.text for td in row.all("td")][:2] == ["0.50", "1.25"]
    assert [label.text for label in tree.one("form").all("label")] == ["Mine"]
    assert "mine (gain 2)" in tree.one("section", id="runs").text


def test_ten_thousand_runs_make_a_bounded_page_that_says_what_is_not_shown():
    papers = list(protocol())
    spread = [papers[number % len(papers)] for number in range(4000)]
    runs = [in_memory(spec_for(key, seed=number), number, reason="long " * 5000) for number, key in enumerate(spread)]
    runs += [in_memory(spec_for(BACKPROP, batch_size=number), number + 4000) for number in range(3000)]
    runs += [in_memory(spec_for(BACKPROP._replace(depth=number)), number + 7000) for number in range(9, 3009)]
    page = render_page(contents(runs))
    assert len(page.encode()) < 4_000_000
    tree = parse(page)
    section = tree.one("section", id="runs")
    assert "10,000 runs" in section.text and f"{10_000 - RUNS:,} more are not" in section.text
    assert len(section.all("details", class_="run")) == RUNS


def test_charts_of_many_runs_are_bounded_and_say_so(tmp_path):
    for number in range(SEEDS + 3):
        folder = write_run(tmp_path, spec_for(BACKPROP, seed=number), test_error=2.0, train_error=1.0)
        write_log(folder, validation_error=[2 + 1000 / (epoch + number) for epoch in range(1, 2001)])
    own = [spec_for(Key("letters", "RFA", 2, "sgd"), batch_size=size) for size in range(CURVES + 2)]
    own += [spec_for(Key("letters", "RFA", depth, "sgd")) for depth in range(10, 10 + PANELS)]
    for spec in own:
        write_log(write_run(tmp_path, spec, test_error=2.0), validation_error=[3, 2])
    source = render_page(contents(read_results(tmp_path)))
    section = parse(source).one("section", id="curves")
    charts = section.all("figure")
    assert len(charts) == PANELS and f"Only {PANELS} of {PANELS + 2} charts" in section.text
    assert f"first {SEEDS} are drawn" in section.text and "3 more runs not read" in charts[0].text
    assert "2 more settings not shown" in charts[1].text and len(charts[1].one("tbody").all("tr")) == CURVES
    assert "thinned" in section.text
    longest = max(path.attributes["d"].count("L") for path in charts[0].all("path", class_="mean"))
    assert POINTS / 2 < longest <= POINTS


def test_a_mean_is_over_seeds_that_ended_and_epochs_that_all_have(tmp_path):
    def run(seed, state, *errors):
        write_log(write_run(tmp_path, spec_for(BACKPROP, seed=seed), state), validation_error=errors)

    run(0, "finished", 10, 6, 4)
    run(1, "finished", 20, 8)
    run(2, "running", 90)
    run(3, "diverged", 30, "nan", 70)
    found = curve("Backprop", read_results(tmp_path))
    assert found.points == [Point(1, 15, 10, 20), Point(2, 7, 6, 8)]
    assert found.diverged == [[Point(1, 30, 30, 30), Point(3, 70, 70, 70)]]
    assert found.best == Point(2, 7, 6, 8)
    assert found.states == {"finished": 2, "running 100/100": 1, "diverged at 100": 1}
    only = curve("Backprop", read_results(tmp_path), Wanted({}, frozenset({0, 9})))
    assert [point.error for point in only.points] == [10, 6, 4] and only.diverged == []


def test_a_log_that_cannot_be_read_takes_no_other_with_it(tmp_path):
    write_log(write_run(tmp_path, spec_for(BACKPROP, seed=0)), validation_error=[5, 4])
    (write_run(tmp_path, spec_for(BACKPROP, seed=1)) / "log.csv").write_bytes(b"\xff\x00,\n\x80")
    (write_run(tmp_path, spec_for(BACKPROP, seed=2)) / "log.csv").mkdir()
    write_log(write_run(tmp_path, spec_for(BACKPROP, seed=3)), train_nll=[5, 4])
    found = curve("Backprop", read_results(tmp_path))
    assert [point.error for point in found.points] == [5, 4]


def test_charts_show_the_runs_of_the_tables_and_where_there_are_none_the_others(tmp_path):
    def labels(*specs):
        for spec in specs:
            write_log(write_run(tmp_path, spec, test_error=2.0), validation_error=[3, 2])
        (panel,) = panels(well_formed(read_results(tmp_path)), {BACKPROP: Wanted(spec_for(BACKPROP))}, {})
        return [curve.label for curve in panel.curves]

    others = [spec_for(BACKPROP, batch_size=size) for size in (10, 20)]
    assert labels(*others) == ["Backprop, batch size 10", "Backprop, batch size 20"]
    assert labels(spec_for(BACKPROP)) == ["Backprop"]


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 100), st.floats(0, 100)), max_size=20))
def test_every_point_is_inside_its_chart_and_higher_errors_are_higher_up(raw):
    points = [Point(epoch, error, min(error, other), max(error, other)) for epoch, error, other in raw]
    scale = Scale.around(points)
    for point in points:
        assert 34 <= scale.x(point.epoch) <= 306
        assert 8 - 1e-9 <= scale.y(point.high) <= scale.y(point.error) <= scale.y(point.low) <= 188 + 1e-9
    assert all(scale.low <= tick <= scale.high for tick in scale.errors())
    assert all(1 <= epoch <= max(scale.last, 1) for epoch in scale.epochs()) and len(scale.epochs()) <= 7


@pytest.mark.parametrize("errors", [(0.0,), (0.0, 1.0), (0.0, 0.001, 50.0), (1e-6, 90.0), (5.0, 50.0)])
def test_an_error_of_zero_is_drawn_at_zero_and_nowhere_near_any_other(errors):
    points = [Point(epoch, *[error] * 3) for epoch, error in enumerate(errors, 1)]
    scale = Scale.around(points)
    heights = [scale.y(error) for error in errors]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == len(errors)
    assert scale.zero == (0.0 in errors) and len(scale.errors()) <= 9
    source = str(chart(Panel("mnist", 3, [Curve("A", "rfa", points)]), scale, entries_of("A"), "c"))
    assert (">0</text>" in source) == ("zero below a break" in source) == (0.0 in errors)
    if 0.0 in errors:
        assert all(scale.y(error) <= scale.y(0) - 15 for error in errors if error)
        assert f"{scale.y(0):.1f}" in re.search(r'class="hit" d="([^"]*)"|d="([^"]*)" class="hit"', source)[0]


def entries_of(label):
    return entries([Panel("mnist", 3, [Curve(label, "rfa")])])


def test_one_label_is_one_setting_and_one_look_in_all_charts(tmp_path):
    specs = [spec_for(BACKPROP)]
    specs += [
        spec_for(Key("letters", "Backprop", depth, "sgd"), width=width) for depth in (2, 3) for width in range(6, 18)
    ]
    specs += [spec_for(Key("digits", "Backprop", 2, "sgd"), width=7)]
    for spec in specs:
        write_log(write_run(tmp_path, spec, test_error=2.0), validation_error=[3, 2])
    shown = panels(read_results(tmp_path), {BACKPROP: Wanted(spec_for(BACKPROP))}, {})
    made = [(curve.label, panel.title) for panel in shown for curve in panel.curves]
    assert made[0] == ("Backprop", "MNIST, 3 layers")
    widths = {f"Backprop, width {width}" for width in range(6, 18)}
    assert {label for label, _ in made[1:]} == widths and made.count(("Backprop, width 7", "digits, 2 layers")) == 1
    looks = [key[1:] for key in entries(shown).values()]
    assert len(looks) == len(set(looks)) == 13


def test_a_mean_over_runs_under_way_is_called_so_and_a_cut_log_is_told(tmp_path):
    write_log(write_run(tmp_path, spec_for(BACKPROP), "running", epoch=2), validation_error=[9, 8])
    assert "over those that are not where none is" in render_page(contents(read_results(tmp_path)))
    write_log(write_run(tmp_path, spec_for(BACKPROP, seed=1), epoch=3), validation_error=[9, 8])
    source = render_page(contents(read_results(tmp_path)))
    assert "mean over finished runs<" in source and "1 log cut short" in source


@pytest.mark.parametrize("rule", [*MODELS, "mine", "yours", "a rule of one's own"])
def test_lines_can_be_told_from_the_page_in_the_light_and_in_the_dark(rule):
    def linear(colour):
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        r, g, b = (s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for colour, page in zip(line_colours(rule), (LIGHT, DARK)):
        low, high = sorted((linear(colour), linear(page)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_the_style_sheets_backgrounds_are_those_that_colours_are_chosen_for():
    style = (Path(__file__).parent.parent.parent / "lrarun/report/web/page.css").read_text()
    assert re.findall(r"--page: (#\w+)", style) == [LIGHT, DARK]


def test_pictures_are_carried_within_the_page(tmp_path):
    small = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    (tmp_path / "figure-1a.svg").write_bytes(small)
    (tmp_path / "figure-1a.png").write_bytes(b"p" * 100)
    (tmp_path / "figure-2.svg").write_bytes(b"s" * 400_000)
    (tmp_path / "figure-2.png").write_bytes(b"p" * 100)
    (tmp_path / "mine<.png").write_bytes(b"m")
    (tmp_path / "vast.png").write_bytes(b"v" * (LARGEST + 1))
    (tmp_path / "notes.txt").write_text("no picture")
    tree = parse(render_page(contents([], pictures=read_pictures(tmp_path))))
    section = tree.one("section", id="figures")
    sources = [image.attributes["src"].partition(";base64,") for image in section.all("img")]
    assert [(kind, base64.b64decode(data)) for kind, _, data in sources] == [
        ("data:image/svg+xml", small), ("data:image/png", b"p" * 100), ("data:image/png", b"m"),
    ]  # fmt: skip
    assert all(image.attributes["alt"] for image in section.all("img"))
    assert "mine<" in section.text and "vast: left out" in section.text


def test_claims_are_told_with_verdicts_and_what_is_missing():
    claim = Claim("id", "It does", "Table 1", "some runs", "lower", "LRA-E", [3])
    parts = [Comparison("A below B", "1.00 < 2.00", -1.0, -1.5, -0.5, 0.0, 1.0, 0.001, 0.0123, "holds", paper="1 < 2"),
             Comparison("A below C", lacking="a run of C")]  # fmt: skip
    tree = parse(render_page(contents([], checked=[CheckedClaim(claim, parts)])))
    entry = tree.one("section", id="claims").one("details")
    assert entry.one("summary").text == "missing It does (Table 1)"
    assert [cell.text for cell in entry.one("tbody").one("tr").children] == [
        "A below B", "holds", "1.00 < 2.00", "1 < 2", "-1.00 (-1.50 to -0.50)", "p 0.012",
    ]  # fmt: skip
    assert "a run of C" in entry.text and "some runs" in entry.text


def test_a_run_is_told_down_to_its_machine(tmp_path):
    provenance = {"lrarun": "0.1.0", "python": "3.12.1", "numpy": "2.1.0", "cpu": "A CPU", "system": "Linux x86_64",
                  "blas": {"name": "openblas", "threads": 1}, "git_commit": "abc123", "git_dirty": True}  # fmt: skip
    write_run(
        tmp_path,
        spec_for(BACKPROP),
        name="mnist-backprop-0",
        train_error=0.5,
        test_error=2.125,
        best_epoch=61,
        seconds=1234.5,
        provenance=provenance,
        dataset_sha256="f" * 64,
    )
    run = parse(render_page(contents(read_results(tmp_path)))).one("details", class_="run")
    assert run.one("code").text == "run-mnist-backprop-0"
    facts = {row.one("th").text: row.one("td").text for row in run.all("tr")}
    assert facts["State"] == "finished, 100 of 100 epochs in 1,234 s"
    assert facts["Errors"] == "train 0.50 %, test 2.12 %, at epoch 61"
    assert "optimizer sgd (learning_rate 0.01)" in facts["Settings"] and "seed 0" in facts["Settings"]
    assert facts["Versions"] == "lrarun 0.1.0, python 3.12.1, numpy 2.1.0, BLAS name openblas, threads 1"
    assert facts["Commit"] == "abc123, with uncommitted changes"
    assert facts["Machine"] == "A CPU, Linux x86_64" and "f" * 64 in facts["Data"]


def test_a_run_and_its_cell_tell_the_last_epoch_beside_the_best(tmp_path):
    folder = write_run(tmp_path, spec_for(BACKPROP), test_error=7.6, train_error=7, validation_error=8.0, best_epoch=1)
    write_log(folder, validation_error=[8.0] + [11.0] * 98 + [12.5])
    tree = parse(render_page(contents(read_results(tmp_path))))
    facts = {row.one("th").text: row.one("td").text for row in tree.one("details", class_="run").all("tr")}
    assert facts["Errors"].endswith("validation 8.00 %, at epoch 1; validation 12.50 % after the last epoch, 100")
    assert "best at epoch 1 of 100: validation error 8.00, at the last 12.50" in tree.all("table")[1].text


@pytest.mark.parametrize(
    "record",
    [
        {"provenance": "x", "seconds": "y", "resumed": "z", "test_error": None, "best_epoch": []},
        {
            "provenance": {"blas": 3, "cpu": 4, "git_commit": 5},
            "seconds": math.nan,
            "test_error": math.inf,
            "resumed": [1],
        },
    ],
)
def test_a_record_of_the_wrong_kind_is_shown_as_far_as_it_can_be(record):
    tree = parse(render_page(contents([in_memory(spec_for(BACKPROP), **record)])))
    assert len(tree.all("details", class_="run")) == 1


def test_the_command_writes_one_file_and_says_which(lrarun, tmp_path):
    write_all(tmp_path / "results", spec_of=spec_of)
    for folder in (tmp_path / "results").iterdir():
        write_log(folder, validation_error=[2.0] * 100)
    out = tmp_path / "new" / "report.html"
    out.parent.mkdir()
    code, said, err = lrarun("report", "--results", tmp_path / "results", "--out", out)
    assert (code, said, err) == (0, f"{out}\n", "")
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    code, said, _ = lrarun("report", "--results", tmp_path / "results", "--out", "-")
    assert code == 0 and said.encode() == out.read_bytes()


def test_missing_results_make_a_page_and_exit_4(lrarun, tmp_path):
    code, said, err = lrarun("report", "--results", tmp_path / "none", "--out", tmp_path / "report.html")
    assert code == 4 and (tmp_path / "report.html").exists()
    assert err.startswith("lrarun: 48 of 48 cells missing") and len(err.splitlines()) == 2


def test_a_spec_and_its_figures_can_be_shown(lrarun, tmp_path):
    write_run(tmp_path / "results", spec_of(BACKPROP, epochs=1), test_error=8.0, train_error=9.0)
    (tmp_path / "my.yaml").write_text("{algorithm: backprop, epochs: 1}")
    (tmp_path / "results" / "figures").mkdir()
    (tmp_path / "results" / "figures" / "figure-3.png").write_bytes(b"x")
    out = tmp_path / "report.html"
    command = ("report", "--results", tmp_path / "results", "--spec", tmp_path / "my.yaml", "--out", out)
    assert lrarun(*command)[0] == 0
    assert parse(out.read_text()).all("img") == [], "of other runs"
    assert lrarun(*command, "--figures", tmp_path / "results" / "figures")[0] == 0
    tree = parse(out.read_text())
    assert len(tree.all("table", class_="paper")) == 1 and len(tree.all("img")) == 1
    assert "epochs 1 instead of 100" in tree.one("section", id="tables").text
    assert "8.00" in tree.one("section", id="tables").text


def test_a_page_of_a_spec_is_of_its_runs_alone(lrarun, tmp_path):
    write_all(tmp_path / "results", spec_of=spec_of)
    for seed, epochs in ((0, 1), (1, 1), (0, 2)):
        run = write_run(
            tmp_path / "results", spec_of(BACKPROP, seed=seed, epochs=epochs), test_error=8.0, train_error=9.0
        )
        write_log(run, validation_error=[9.0])
    (tmp_path / "my.yaml").write_text("{algorithm: backprop, epochs: 1}")
    out = tmp_path / "report.html"
    assert lrarun("report", "--results", tmp_path / "results", "--spec", tmp_path / "my.yaml", "--out", out)[0] == 0
    tree = parse(out.read_text())
    assert [one.one("code").text for one in tree.all("details", class_="run")] == ["run-46"]
    assert "1 run, finished" in tree.one("section", id="runs").text and "my.yaml" in tree.one("header").text
    assert len(tree.one("section", id="curves").all("figure")) == 1
    parts = [section.attributes["id"] for section in tree.all("section")]
    assert parts == ["tables", "settings", "curves", "runs"], "there are no claims about it, and no figures"
    assert [link.attributes["href"] for link in tree.one("nav").all("a")] == [f"#{part}" for part in parts]
    assert lrarun("report", "--results", tmp_path / "results", "--out", out)[0] == 0
    assert len(parse(out.read_text()).all("details", class_="run")) == 49


OWN = Key("letters", "RFA", 2, "sgd")


@pytest.mark.parametrize("spec", [True, False])
@pytest.mark.parametrize("key", [OWN, BACKPROP], ids=["own data", "swept"])
def test_runs_that_the_papers_tables_have_no_place_for_make_a_page_without_them(lrarun, tmp_path, spec, key):
    results = tmp_path / "results"
    for epochs in (1, 2):
        for seed in (0, 1):
            run = write_run(results, spec_of(BACKPROP, seed=seed, epochs=epochs) | {"dataset": key.dataset},
                            test_error=8.0 + epochs + seed, train_error=9.0, validation_error=7.0)  # fmt: skip
            write_log(run, validation_error=[9.0])
    (tmp_path / "my.yaml").write_text(
        f"{{algorithm: backprop, dataset: {key.dataset}, sweep: {{epochs: [1, 2], seed: [0, 1]}}}}"
    )
    out = tmp_path / "report.html"
    command = ["report", "--results", results, "--out", out]
    assert lrarun(*command, *(["--spec", tmp_path / "my.yaml"] if spec else []))[0] == 0
    tree = parse(out.read_text())
    assert [section.attributes["id"] for section in tree.all("section")] == ["settings", "curves", "runs"]
    assert not tree.all("table", class_="paper") and "Ororbia" not in out.read_text()
    section = tree.one("section", id="settings")
    assert "algorithm backprop" in section.all("p")[0].text and "epochs" not in section.all("p")[0].text
    rows = [[cell.text for cell in row.children] for row in section.one("tbody").all("tr")]
    assert [(row[0], row[1], row[3]) for row in rows] == [("1", "2", "9.50±0.71"), ("2", "2", "10.50±0.71")]
    assert len(tree.one("section", id="curves").all("figure")) == 1


def test_settings_that_share_a_cell_each_have_a_curve_and_the_table_says_why_it_has_none(lrarun, tmp_path):
    rules = [{"name": "backprop"}, *({"name": "lra-e", "beta": beta} for beta in (0.05, 0.1, 0.2))]
    for rule in rules:
        key = BACKPROP if rule["name"] == "backprop" else BACKPROP._replace(model="LRA-E")
        for seed in (0, 1):
            spec = spec_of(key, seed=seed, epochs=2)
            spec |= {"algorithm": spec["algorithm"] | rule}
            run = write_run(tmp_path / "results", spec, test_error=8.0 + seed, train_error=9.0)
            write_log(run, validation_error=[9.0, 8.0])
    listed = "backprop, " + ", ".join(f"{{name: lra-e, beta: {rule['beta']}}}" for rule in rules[1:])
    (tmp_path / "mine.yaml").write_text(f"{{epochs: 2, sweep: {{algorithm: [{listed}], seed: [0, 1]}}}}")
    out = tmp_path / "report.html"
    command = ("report", "--results", tmp_path / "results", "--spec", tmp_path / "mine.yaml", "--out", out)
    assert lrarun(*command)[0] == 0
    tree = parse(out.read_text())
    curves = tree.one("section", id="curves")
    assert len(curves.all("figure")) == 1
    for name in ("Backprop", "LRA-E, beta 0.05", "LRA-E, beta 0.1", "LRA-E, beta 0.2"):
        assert name in curves.one("figure").text
    table = tree.one("table", class_="paper")
    (row,) = [row for row in table.all("tr") if row.all("th")[0].text == "LRA-E"]
    assert [cell.text.partition(" paper")[0] for cell in row.all("td")[:2]] == ["3 settings"] * 2
    assert "several settings fall in one cell" in table.one("caption").text


def test_the_settings_of_a_page_are_the_rows_of_the_summary(mixed):
    made = contents(read_results(mixed))
    summary = summarize(made.runs)
    tree = parse(render_page(replace(made, settings=summary)))
    section = tree.one("section", id="settings")
    heads = [head.text for head in section.one("thead").all("th")]
    shown = {column.head: column.cells for column in columns_of(summary)}
    rows = [[cell.text for cell in row.children] for row in section.one("tbody").all("tr")]
    assert heads == list(shown) and len(rows) == len(summary.rows) > 40
    assert rows == [[" ".join(text.split()) for text in row] for row in zip(*shown.values())]
    assert section.all("details"), "folded, as it is long and the paper's tables stand above it"


def test_ten_thousand_settings_are_not_all_listed():
    runs = [in_memory(spec_for(BACKPROP, batch_size=number), number) for number in range(10_000)]
    page = render_page(replace(contents(runs), settings=summarize(runs)))
    assert len(page.encode()) < 4_000_000 and f"{10_000 - ROWS:,} more settings not shown" in page


def test_the_foot_says_when_from_what_and_how_the_page_was_made(lrarun, tmp_path):
    write_run(tmp_path / "r", spec_of(BACKPROP, epochs=1), test_error=8.0, train_error=9.0)
    spec, out = tmp_path / "my.yaml", tmp_path / "report.html"
    spec.write_text("{algorithm: backprop, epochs: 1}")
    assert lrarun("report", "--results", tmp_path / "r", "--spec", spec, "--out", out)[0] == 0
    foot = parse(out.read_text()).one("footer")
    assert date.today().isoformat() in foot.text and f"lrarun {version}" in foot.text
    command = shlex.split(foot.all("code")[-1].text)
    assert command == ["lrarun", "report", "--spec", str(spec), "--results", str(tmp_path / "r")]
    before = out.read_text()
    assert lrarun(*command[1:], "--out", out)[0] == 0
    assert out.read_text() == before, "the command makes the page again"


def test_nothing_on_the_page_sends_a_reader_to_a_file_of_the_project(lrarun, tmp_path):
    write_all(tmp_path / "results", seeds=(0, 1), spec_of=spec_of)
    out = tmp_path / "report.html"
    lrarun("report", "--results", tmp_path / "results", "--out", out)
    assert not re.findall(r"docs/\w+|\w+\.md\b", out.read_text())


def test_a_chart_has_the_names_of_its_curves_beside_it(page):
    for figure in parse(page).one("section", id="curves").all("figure"):
        beside = [item.text for item in figure.one("ul", class_="names").all("li")]
        drawn = [group for group in figure.all("g", class_="line") if group.all("path", class_="mean")]
        assert sorted(beside) == sorted(group.children[0].text.partition(":")[0] for group in drawn)


@given(st.floats(0.01, 90), st.floats(1.02, 1000))
def test_a_few_round_errors_are_named_on_every_axis(low, factor):
    scale = Scale.around([Point(1, *[low] * 3), Point(2, *[low * factor] * 3)])
    ticks = scale.errors()
    assert 2 <= len(ticks) <= 6 and all(scale.low <= tick <= scale.high for tick in ticks)
    digits = [f"{tick:.6e}".partition("e")[0].rstrip("0").replace(".", "") for tick in ticks]
    if factor > 1.5:
        assert all(len(own) <= 2 for own in digits), ticks


def test_curves_of_one_rule_have_colours_of_their_own(tmp_path):
    for beta in (0.1, 0.2, 0.3):
        spec = spec_for(OWN, algorithm={"beta": beta})
        write_log(write_run(tmp_path, spec, test_error=2.0), validation_error=[3, 2])
    shown = entries(panels(read_results(tmp_path), {}, {}))
    assert len({key.colour for key in shown.values()}) == 3


def test_claims_that_a_specs_runs_speak_of_are_on_its_page(lrarun, tmp_path):
    for name, error in (("Backprop", 3.0), ("LRA-E", 2.0), ("DTP", 2.5)):
        optimizer = "rmsprop" if name == "DTP" else "sgd"
        folder = write_run(tmp_path / "results", spec_of(Key("mnist", name, 3, optimizer)), test_error=error)
        write_predictions(folder, np.arange(10_000) < 100 * error)
    (tmp_path / "my.yaml").write_text("{sweep: {algorithm: [backprop, lra-e]}}")
    out = tmp_path / "report.html"
    assert lrarun("report", "--results", tmp_path / "results", "--spec", tmp_path / "my.yaml", "--out", out)[0] == 0
    section = parse(out.read_text()).one("section", id="claims")
    (claim,) = section.all("details")
    compared = [row.one("th").text for row in claim.one("tbody").all("tr")]
    assert compared == ["LRA-E below Backprop, 3 layers, MNIST"] and "Holm-corrected" in section.text


def test_of_no_comparison_nothing_is_said_to_be_corrected():
    claim = Claim("id", "It does", "Table 1", "some runs", "lower", "LRA-E", [3])
    parts = [Comparison("A below C", lacking=f"a run of {name}") for name in "ABCDEFGHIJKLMN"]
    section = parse(render_page(contents([], checked=[CheckedClaim(claim, parts)]))).one("section", id="claims")
    assert "Holm" not in section.text
    assert all(f"a run of {name}" in section.text for name in "ABCDEFGHIJKLMN") and "more" not in section.text


def test_the_page_says_by_itself_when_a_number_counts_as_the_papers(page):
    section = parse(page).one("section", id="tables")
    told = section.one("dl", class_="meanings").text + section.one("p", class_="rule").text
    assert (
        "0.5 points on MNIST" in told
        and "90 %" in told
        and "twice" in told
        and "it takes more seeds, unfinished runs" not in told
    )


@pytest.mark.parametrize("arguments, code", [
    (["--figures", "nowhere"], 2), (["--set", "epochs=1"], 2), (["--spec", "nowhere.yaml"], 2),
    (["--out", "/proc/report.html"], 1), (["--out", "no/report.html"], 2), (["--out", "."], 2),
])  # fmt: skip
def test_what_cannot_be_done_is_said_and_leaves_nothing(lrarun, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    found, said, err = lrarun("report", *arguments)
    assert (found, said) == (code, "") and err and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_fabricated_specs_are_the_tables(mixed):
    """The fixture does what the tests above believe of it."""
    runs = well_formed(read_results(mixed))
    keys = {settings(spec) for spec in protocol().values()}
    assert sum(settings(run.spec) in keys for run in runs) == 3 * len({cell.key for cell in printed_cells()}) + 2
    assert json.loads((runs[0].folder / "run.json").read_text()) and callable(main)
