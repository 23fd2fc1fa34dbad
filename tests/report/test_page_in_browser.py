"""The report in a real browser: its layout, its switches, and what axe-core finds."""

from __future__ import annotations

import json
import re

import pytest

from lrarun.paper import Key
from lrarun.report.cells import Wanted
from lrarun.report.claims.claim import CheckedClaim, Claim, Comparison
from lrarun.report.web.page import render_page
from lrarun.report.web.pictures import Picture
from lrarun.results.read import read_results
from tests.report.test_page import BACKPROP, contents
from tests.support.browser import chromium, fetch_axe, look
from tests.support.fabricate import spec_for, write_all, write_log, write_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="chromium is not installed (apt-get install chromium)"),
]
PHONE, DESKTOP = 320, 1280
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 300" width="900" height="300"><path d="M0 0h9"/></svg>'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with something in every part, long names among it."""
    folder = tmp_path_factory.mktemp("results")
    write_all(folder, seeds=(0, 1))
    for run in read_results(folder)[::2]:
        write_log(run.folder, validation_error=[run.test_error + 50 / epoch for epoch in range(1, 31)])
    write_run(folder, spec_for(BACKPROP, seed=3), "running", name="of-a-name-" * 12, epoch=34)
    write_log(
        write_run(
            folder,
            spec_for(Key("letters", "DTP", 8, "sgd")),
            "diverged",
            reason="x" * 200,
            epoch=3,
            provenance={"cpu": "y" * 200},
        ),
        validation_error=[60, 50, "nan"],
    )
    claim = Claim("id", "It does what it is said to do", "Table 1", "some runs", "lower", "LRA-E", [3])
    parts = [Comparison("A below B", "1.00 [2] < 2.00 [2]", 1.0, 0.001, 0.01, verdict, "", "1 < 2", True)
             for verdict in ("holds", "fails", "inconclusive")]  # fmt: skip
    checked = [CheckedClaim(claim, [*parts, Comparison("A below C", lacking="a run of C")])]
    made = contents(read_results(folder), checked=checked, pictures=[Picture("figure-3", "image/svg+xml", SVG)])
    return render_page(made)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_only_tables_are_wider_than_the_screen_and_they_scroll(page, tmp_path, width):
    found = look(page, """
        page.querySelectorAll("details").forEach(one => one.open = true);
        const outside = [...page.body.querySelectorAll("*")].filter(one =>
            !one.closest(".scroll, svg, .skip, .sr-only") &&
            one.getBoundingClientRect().right > view.innerWidth + 1);
        // Those beside a chart may well be wider than it.
        const scrolled = [...page.querySelectorAll(".scroll:not(.charts *)")].filter(one =>
            one.scrollWidth > one.clientWidth);
        const captions = [...page.querySelectorAll("caption > span")].filter(one => one.offsetWidth > view.innerWidth);
        return {width: view.innerWidth, page: page.documentElement.scrollWidth, captions: captions.length,
                outside: outside.map(one => one.outerHTML.slice(0, 200)),
                styles: [...new Set(scrolled.map(one => view.getComputedStyle(one).overflowX))]};
    """, tmp_path, width)  # fmt: skip
    assert found["width"] == width and found["page"] <= width
    assert found["outside"] == [] and found["captions"] == 0
    assert found["styles"] == (["auto"] if width == PHONE else [])


@pytest.mark.parametrize("width", [320, 390])
def test_cells_that_nobody_asked_for_make_the_page_no_wider(tmp_path, width):
    wanted = {BACKPROP: Wanted(spec_for(BACKPROP))}
    found = look(render_page(contents([], wanted)), "return page.documentElement.scrollWidth;", tmp_path, width)
    assert found <= width


def test_the_names_and_their_heading_stay_in_sight_while_a_table_is_scrolled(page, tmp_path):
    found = look(page, """
        const box = page.querySelector(".scroll:has(.paper)");
        const cells = [box.querySelector("thead th"), box.querySelector("tbody th")];
        const before = cells.map(one => one.getBoundingClientRect().left);
        box.scrollLeft = 200;
        const at = cells[0].getBoundingClientRect();
        const top = page.elementFromPoint(at.left + 5, at.top + at.height / 2);
        return [box.scrollLeft, before, cells.map(one => one.getBoundingClientRect().left), top === cells[0]];
    """, tmp_path, PHONE)  # fmt: skip
    scrolled, before, after, on_top = found
    assert scrolled == 200 and before == after and on_top


def test_switches_isolate_curves_and_can_be_undone_without_a_script(page, tmp_path):
    opacities = """
        const shown = () => Object.fromEntries(["k0", "k1", "k2"].map(name => [name, [...new Set(
            [...page.querySelectorAll(`.charts .line.${name}`)].map(one => view.getComputedStyle(one).opacity))]]));
        const all = shown();
        page.getElementById("only-k1").click();
        const one = shown();
        page.getElementById("only-k2").click();
        const two = shown();
        page.querySelector("button[type=reset]").click();
        return [all, one, two, shown()];
    """
    dim, full = ["0.1"], ["1"]
    every = {"k0": full, "k1": full, "k2": full}
    assert look(page, opacities, tmp_path) == [
        every, {"k0": dim, "k1": full, "k2": dim}, {"k0": dim, "k1": full, "k2": full}, every,
    ]  # fmt: skip


@pytest.mark.parametrize("dark, ground, baseline", [
    (False, "rgb(255, 255, 255)", "rgb(0, 0, 0)"), (True, "rgb(20, 23, 27)", "rgb(255, 255, 255)"),
])  # fmt: skip
def test_the_page_follows_the_scheme_and_shows_pictures_under_its_policy(page, tmp_path, dark, ground, baseline):
    found = look(page, """
        const line = page.querySelector(".charts .line.k0 .mean");
        return {ground: view.getComputedStyle(page.body).backgroundColor, baseline: view.getComputedStyle(line).stroke,
                pictures: [...page.images].map(one => one.naturalWidth)};
    """, tmp_path, dark=dark)  # fmt: skip
    assert found == {"ground": ground, "baseline": baseline, "pictures": [900]}


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    try:
        return fetch_axe(tmp_path_factory.mktemp("axe"))
    except OSError as error:
        pytest.skip(str(error))


@pytest.mark.network
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_axe_finds_no_violation(page, axe, tmp_path, width, dark):
    # The page's own policy would keep axe out.
    open_to_scripts = re.sub(r"<meta http-equiv[^>]*>", "", page)
    script = f"""
        page.querySelectorAll("details").forEach(one => one.open = true);
        const element = page.createElement("script");
        element.textContent = {json.dumps(axe).replace("</", "<" + chr(92) + "/")};
        page.head.append(element);
        const found = await view.axe.run();
        const told = one => [one.id, one.nodes.length,
            ...one.nodes.slice(0, 3).map(node => [node.html.slice(0, 200), node.failureSummary])];
        return {{violations: found.violations.map(told), passes: found.passes.map(one => one.id)}};
    """
    found = look(open_to_scripts, script, tmp_path, width, dark)
    assert found.get("violations") == [], json.dumps(found, indent=2)[:6000]
    assert {"color-contrast", "svg-img-alt", "scrollable-region-focusable", "label"} <= set(found["passes"])
