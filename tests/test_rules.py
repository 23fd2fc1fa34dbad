"""``lrarun.rules`` is the stable import for rules; the paths before it still work, with a warning."""

from __future__ import annotations

import importlib
import re
import sys
import warnings

import pytest

from lrarun import rules
from lrarun.algorithms.registry import algorithms
from lrarun.errors import UsageError
from tests.support.own_rule import PAGE, RULE, line_of

NEW = re.search(r"^from lrarun\.rules import .*$", RULE, re.MULTILINE)[0]
OLD = {
    "lrarun.algorithms.base": ["Algorithm"],
    "lrarun.losses": ["nll"],
    "lrarun.network": ["depth_of", "forward", "write_gradients"],
    "lrarun.settings": ["setting"],
}
OLD_LINES = "\n".join(f"from {path} import {', '.join(names)}" for path, names in OLD.items())


@pytest.fixture
def forgotten():
    """The modules that moved, as in a process that has not imported them."""
    for path in ("lrarun.network", "lrarun.losses"):
        sys.modules.pop(path, None)


def test_every_name_can_be_imported_and_no_other():
    space = {}
    exec("from lrarun.rules import *", space)
    assert set(space) - {"__builtins__"} == set(rules.__all__)


@pytest.mark.parametrize("name", rules.__all__)
def test_every_name_is_explained(name):
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert len(rows) == 1 and rows[0].split("|")[2].strip()


def test_the_page_explains_no_name_that_is_missing():
    table = re.search(r"\| names \| for \|\n.*?\n\n", PAGE, re.DOTALL)[0].rstrip()
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named == set(rules.__all__)


def test_the_pages_rule_warns_of_nothing(plugin):
    plugin()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "sign-symmetry" in algorithms()


def test_a_plugin_with_the_old_paths_works_and_each_line_is_warned_of(plugin, forgotten):
    content = RULE.replace(NEW, OLD_LINES)
    file = plugin(content)
    with pytest.warns(DeprecationWarning) as caught:
        assert "sign-symmetry" in algorithms()
    own = [warning for warning in caught if warning.filename == str(file)]
    assert sorted(warning.lineno for warning in own) == [line_of(content, f"from {path} ") for path in OLD]
    for warning in own:
        (path,) = [path for path in OLD if path in str(warning.message)]
        assert "import from lrarun.rules" in str(warning.message)
        assert warning.lineno == line_of(content, f"from {path} ")


@pytest.mark.parametrize(
    "line",
    [
        "import lrarun.settings",
        "from lrarun import settings",
        "import lrarun.algorithms.base as base",
        "from lrarun.algorithms import base",
    ],
)
def test_each_way_to_import_an_old_path_is_warned_of(plugin, line):
    content = f"{RULE}\n{line}\n"
    file = plugin(content)
    with pytest.warns(DeprecationWarning, match="import from lrarun.rules") as caught:
        algorithms()
    assert [(warning.filename, warning.lineno) for warning in caught] == [(str(file), line_of(content, line))]


def test_a_shipped_rules_file_is_no_old_path(plugin):
    """A variant of a rule inherits from its class."""
    plugin(f"{RULE}\nfrom lrarun.algorithms.lra_e import LRAE\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        algorithms()


@pytest.mark.parametrize("path", ["lrarun.network", "lrarun.losses"])
def test_what_moved_is_what_it_is_now(path, forgotten):
    with pytest.warns(DeprecationWarning, match="import from lrarun.rules") as caught:
        old = importlib.import_module(path)
    assert len(caught) == 1
    for name in old.__all__:
        assert getattr(old, name) is getattr(rules, name)


def test_a_warning_that_is_made_an_error_names_the_plugins_line(plugin, forgotten):
    content = RULE.replace(NEW, f"{NEW}\nfrom lrarun.network import predict")
    file = plugin(content)
    place = f"{file}:{line_of(content, 'from lrarun.network')}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match=f"{re.escape(place)}: DeprecationWarning: .* import from lrarun.rules"):
            algorithms()
