"""What the pages say, held against what there is."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lrarun import errors
from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.registry import rules_in
from lrarun.cli import COMMANDS, INTERRUPTED
from lrarun.nn.network import empty_like, init_forward
from lrarun.specs.build import load_specs, make_spec

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def code(page: str) -> str:
    """The page's code blocks and spans."""
    blocks = re.findall(r"```.*?```|^    .*$", page, re.DOTALL | re.MULTILINE)
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
    assert "four runs" in source
    assert len({spec.run_id for spec in specs}) == 4


def test_the_readmes_defaults_are_those_of_a_spec():
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| ((?:`[^`]+`(?:, )?)+) \|", README, re.MULTILINE)
    printed = {
        key: value
        for keys, values in rows
        for key, value in zip(re.findall("`(.+?)`", keys), re.findall("`(.+?)`", values), strict=True)
    }
    resolved = make_spec({"algorithm": "lra-e"}).to_dict()
    resolved["optimizer"] = resolved["optimizer"]["name"]
    assert len(printed) > 8
    assert printed == {key: str(resolved[key]) for key in printed}


def test_the_readme_lists_every_exit_code():
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    used = {kind.exit_code for kind in kinds} | {INTERRUPTED}
    assert len(used) > 3
    assert used <= listed


@pytest.fixture
def contributed_rule(tmp_path, monkeypatch):
    """The rule in CONTRIBUTING.md's recipe, saved as a file and found in it as the registry would find it."""
    source = re.search(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)[1]
    (tmp_path / "contributed.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (kind,) = rules_in(importlib.import_module("contributed"))
    yield kind
    sys.modules.pop("contributed")


def test_the_recipe_for_an_eighth_rule_is_backprop_where_it_says_so(contributed_rule):
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
