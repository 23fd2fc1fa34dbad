"""docs/architecture.md, held against the files and the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from maintenance import packages_table
from tests.test_architecture import ARROWS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`([\w/]+\.py)`", PAGE)))
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)`,\s+`(?!\w+\.py`)(\w+(?:\.\w+)?)`", PAGE)))


def reachable(arrows):
    """Whatever follows from each part, by any number of arrows."""
    found = {part: set(to) for part, to in arrows.items()}
    for _ in found:
        for to in found.values():
            to |= {further for part in to for further in found.get(part, ())}
    return found


def drawn():
    """The arrows of the picture."""
    (picture,) = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    arrows = {}
    for start, end in re.findall(r"^ *(\w+) --> (\w+)$", picture, re.MULTILINE):
        arrows.setdefault(start, set()).add(end)
        arrows.setdefault(end, set())
    assert picture.count("-->") == sum(map(len, arrows.values())), "each arrow is read, and drawn once"
    return arrows


def test_the_picture_shows_what_may_import_what():
    picture = drawn()
    packages = {name.rstrip("/") for name in packages_table.parts() if name.endswith("/")}
    assert picture.keys() == packages
    allowed = reachable(ARROWS)
    assert {part: to for part, to in reachable(picture).items() if part != "cli"} == {
        part: allowed[part] & packages for part in packages - {"cli"}
    }
    assert reachable(picture)["cli"] == packages - {"cli"}


def test_the_picture_has_no_arrow_that_others_imply():
    picture = drawn()
    for start, ends in picture.items():
        for end in ends:
            others = {part: to - ({end} if part == start else set()) for part, to in picture.items()}
            assert end not in reachable(others)[start], f"{start} --> {end}"


def test_the_table_is_what_the_packages_say():
    assert packages_table.page() == PAGE
    assert all(map(packages_table.purpose, packages_table.parts().values())), "each has a docstring"


def found(name):
    """A file that the page names, from the root or within lrarun/."""
    return next((path for path in (ROOT / "lrarun" / name, ROOT / name) if path.is_file()), None)


@pytest.mark.parametrize("name", FILES)
def test_every_file_on_the_page_exists(name):
    assert found(name)


@pytest.mark.parametrize("name, what", NAMED)
def test_every_function_on_the_page_is_in_its_file(name, what):
    body = ast.parse(found(name).read_text(encoding="utf-8")).body
    for part in what.split("."):
        (body,) = [node.body for node in body if getattr(node, "name", None) == part]


def test_the_ways_are_followed_with_names():
    assert len(FILES) > 25 and len(NAMED) > 15
