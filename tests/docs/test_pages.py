"""What the pages say, held against what there is."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import lrarun
from lrarun import errors, load_specs, make_spec
from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.registry import rules_in
from lrarun.cli import COMMANDS, INTERRUPTED
from lrarun.nn.network import empty_like, init_forward
from lrarun.report.repetitions import settings
from tests.support.own_rule import RULE

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPECS = (ROOT / "docs" / "specs.md").read_text(encoding="utf-8")


def code(page: str) -> str:
    """The page's code blocks and spans."""
    blocks = re.findall(r"```.*?```|^    [^\n]*$", page, re.DOTALL | re.MULTILINE)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", page)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_targets_on_the_pages_exist(page):
    shown = code(page.read_text(encoding="utf-8"))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^ *make ([a-z-]+)", shown, re.MULTILINE)) <= set(targets)
    assert set(re.findall(r"^ *(?:\$ )?lrarun ([a-z]+)", shown, re.MULTILINE)) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_readmes_spec_is_valid_and_gives_the_runs_it_says(tmp_path):
    (source,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(source, encoding="utf-8")
    specs = load_specs(tmp_path / "mine.yaml")
    assert "four settings with two seeds each" in source
    assert len({spec.run_id for spec in specs}) == 8
    assert len({settings(spec.to_dict()) for spec in specs}) == 4


def test_the_defaults_on_the_page_on_specs_are_those_of_a_spec():
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| ((?:`[^`]+`(?:, )?)+) \|", SPECS, re.MULTILINE)
    printed = {
        key: value
        for keys, values in rows
        for key, value in zip(re.findall("`(.+?)`", keys), re.findall("`(.+?)`", values), strict=True)
    }
    resolved = yaml.safe_load(make_spec({"algorithm": "lra-e"}).to_yaml())
    resolved["optimizer"] = resolved["optimizer"]["name"]
    assert len(printed) > 8
    assert {key: yaml.safe_load(value) for key, value in printed.items()} == {key: resolved[key] for key in printed}
    listed = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\|([^|]*)\|", SPECS, re.MULTILINE))))
    assert listed == {*resolved, "sweep"}


def test_the_map_of_the_pages_has_each_page():
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    for source, folder in ((README, r"docs/"), ((ROOT / "docs" / "README.md").read_text(encoding="utf-8"), "")):
        rows = re.findall(rf"^\| \[{folder}([a-z-]+\.md)\]\({folder}([a-z-]+\.md)\) \| (.+) \|$", source, re.MULTILINE)
        assert [text for text, link, _ in rows] == [link for _, link, _ in rows]
        assert sorted(link for _, link, _ in rows) == sorted(pages)


def test_the_readmes_table_stands_before_its_commands_and_those_before_its_example():
    places = [README.index(text) for text in ("<!-- table:begin -->", "make reproduce QUICK=1", "## Example")]
    assert places == sorted(places)
    sentences = re.findall(r"[^.]+\.(?=\s)", re.sub(r"\(.*?\)|\d\.\d", "", README[: places[0]]))
    assert len(sentences) == 3


def test_the_readme_lists_every_exit_code():
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    used = {kind.exit_code for kind in kinds} | {INTERRUPTED}
    assert len(used) > 3
    assert used <= listed


def test_the_citation_is_of_this_version_and_its_authors():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (holders,) = re.findall(r"Copyright \(c\) \d+ (.+)", (ROOT / "LICENSE").read_text(encoding="utf-8"))
    assert citation["version"] == lrarun.__version__
    assert citation["authors"] == [{"name": holders}]
    assert {"cff-version", "message", "title", "type", "license", "abstract", "keywords"} <= citation.keys()


README_RULE = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]


@pytest.fixture(params=[README_RULE, RULE], ids=["README", "extending"])
def contributed_rule(request, tmp_path, monkeypatch):
    """A rule that a page shows, saved as a file and found in it as the registry would find it."""
    (tmp_path / "contributed.py").write_text(request.param, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (kind,) = rules_in(importlib.import_module("contributed"))
    yield kind
    sys.modules.pop("contributed")


def test_the_rule_on_the_page_is_backprop_where_all_weights_have_its_scale(contributed_rule):
    rng = np.random.default_rng(5)
    sizes, scale = (7, 6, 5, 4), 0.3
    params = init_forward(sizes, lambda rng, shape: scale * rng.choice([-1.0, 1.0], shape), rng)
    x, y = rng.standard_normal((7, 9)), np.eye(4)[:, rng.integers(4, size=9)]
    written = {}
    for rule in (contributed_rule(scale=scale), Backprop()):
        written[rule.name] = empty_like(params, rule.learned)
        rule.step(params, x, y, written[rule.name], rng)
    assert set(written) == {"sign-symmetry", "backprop"}
    for family, layers in written["backprop"].items():
        for l, gradient in layers.items():
            np.testing.assert_allclose(written["sign-symmetry"][family][l], gradient, rtol=1e-12, atol=1e-15)
