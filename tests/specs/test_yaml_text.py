"""The positioned YAML reader: which values it sees, where, and that nothing else gets out."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun.errors import Problem, SpecError
from lrarun.specs.build import build_specs
from lrarun.specs.places import Place, Problems, Source
from lrarun.specs.yaml_text import dump, parse, read_source


def read(text):
    problems = Problems()
    nodes = parse(Source("f", text), problems)
    if problems:
        raise problems.error()
    return nodes


def value(text):
    (node,) = read(text)
    return node.plain()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1.5e+2", -150.0),
        ("1.0e-08", 1e-08),
        ("+3", 3),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("0", 0),
        ("-0", 0),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("no", "no"),
        ("yes", "yes"),
        ("off", "off"),
        ("10:30", "10:30"),
        ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"),
        ("0b1", "0b1"),
        ("1e", "1e"),
        ("e3", "e3"),
        ("'3'", "3"),
        ('"1e-3"', "1e-3"),
        (".", "."),
        ("=", "="),
        ("<", "<"),
        ("", None),
        ("lra-e", "lra-e"),
    ],
)
def test_scalars_follow_the_core_schema(text, expected):
    found = value(f"k: {text}")["k"]
    assert found == expected and type(found) is type(expected)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_back_exactly(number):
    for text in (dump({"k": number}), f"k: {number!r}"):
        assert value(text) == {"k": number} and type(value(text)["k"]) is float


odd = ["1e-3", "no", "~", "<<", "017"]
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12)
    | st.sampled_from(odd),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.<1e-~ ", max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_what_is_dumped_is_read_back(tree):
    again = json.loads(json.dumps(value(dump({"k": tree}))))
    assert again == {"k": tree}


@given(plain)
def test_json_is_read(tree):
    assert json.loads(json.dumps(value(json.dumps({"k": tree}, ensure_ascii=False)))) == {"k": tree}


def places(node):
    yield node
    inner = {dict: lambda: node.value.values(), list: lambda: node.value}.get(type(node.value), tuple)
    for child in inner():
        yield from places(child)


@given(st.lists(st.sampled_from(["\n", "\r\n", "# é\n", "  \n"]), max_size=3), st.sampled_from(["\n", "\r\n", "\r"]))
def test_places_are_where_an_editor_shows_them(before, newline):
    text = "".join(before) + newline.join(["one: 1", "ünï: {a: 2, b: [3, 4]}", "three: 3", ""])
    (document,) = read(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for node in places(document):
        problem = node.place.source.problem(node.place.offset, "")
        rest = lines[problem.line - 1][problem.column - 1 :]
        assert problem.snippet == lines[problem.line - 1]
        if isinstance(node.value, int):
            assert rest.startswith(str(node.value))


yamlish = st.text(st.sampled_from(list("abl-e:?[]{}&*!|>'\"%@,#<~ .0123\n\t\\x\r\ufeff\x85\u2028é")), max_size=60)


@settings(max_examples=500)
@given(yamlish)
def test_any_text_is_read_or_refused(text):
    try:
        build_specs(Source("f", text)).specs()
    except SpecError as error:
        assert error.problems and all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)


@given(yamlish)
def test_what_is_read_agrees_with_pyyaml_on_structure(text):
    """Where both accept a text, they see the same tree, but for scalars, whose schemas differ, and empty documents."""
    try:
        ours = [tree for tree in (node.plain() for node in read(text)) if tree != ""]
    except SpecError:
        return
    theirs = [tree for tree in yaml.load_all(text, Loader=yaml.BaseLoader) if tree != ""]
    assert json.dumps(ours, default=str).count("[") == json.dumps(theirs, default=str).count("[")
    assert len(ours) == len(theirs)


def test_aliases_share_a_value_and_its_place():
    (node,) = read("a: &x [1, 2]\nb: *x\n")
    a, b = node.value.values()
    assert a.plain() == b.plain() == (1, 2) and a.place == b.place and a.key != b.key


def test_one_mistake_is_kept_per_place_and_they_come_in_order():
    problems, first, second = Problems(), Source("a", "xyz", 0), Source("b", "xyz", 1)
    for source, offset, message in [(second, 0, "3"), (first, 2, "2"), (first, 0, "1"), (first, 2, "again")]:
        problems.add(Place(source, offset), message)
    assert [problem.message for problem in problems.error().problems] == ["1", "2", "3"]


line_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1, max_size=400)


@given(line_text, st.data())
def test_the_caret_stands_under_the_column(line, data):
    column = data.draw(st.integers(1, len(line)))
    shown = str(Problem("f", 1, column, "m", line)).split("\n")
    if len(shown) == 1:
        assert not line.strip()
        return
    _, text, caret = shown
    expected = line[column - 1] if line[column - 1].isprintable() else " "
    assert caret.strip() == "^" and len(text) <= 110
    assert text[caret.index("^")] == expected if caret.index("^") < len(text) else expected == " "


@pytest.mark.parametrize(
    "typed, hint",
    [
        ("tabel1", "did you mean table1?"),
        ("fair/backprob.yaml", "did you mean fair/backprop?"),
        ("min.yaml", "did you mean mine.yaml?"),
        ("zzzzzz.yaml", "lrarun list experiments"),
    ],
)
def test_a_misspelt_file_is_met_with_the_nearest_one_here_or_shipped(typed, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    with pytest.raises(SpecError) as caught:
        read_source(typed)
    assert "No such file" in str(caught.value) and hint in str(caught.value)
