"""Read YAML safely, with the place of every key and value; and write it.

Only plain data comes out: no tag builds an object. The size of the text, its nesting, the number
of aliases and the size of what they expand to are bounded. Scalars follow the core schema of
YAML 1.2: ``1e-3`` is a number, ``no`` and ``10:30`` are strings, ``017`` is 17. Mistakes go to a
:class:`~lrarun.specs.places.Problems`, with line and column.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.events import AliasEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from lrarun.errors import Problem, SpecError
from lrarun.files import user_path
from lrarun.settings import nearest, short_repr
from lrarun.shipped import EXPERIMENTS, named_file, spec_names
from lrarun.specs.places import Node, Place, Problems, Source

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_ALIASES = 100
MAX_NODES = 50_000
MAX_DIGITS = 100
SPEC_ENDINGS = (".yaml", ".yml")
NO_COLON = "could not find expected ':'"


def read_source(path: str | Path) -> Source:
    """Return the text of a file or of a shipped spec (:mod:`lrarun.shipped`); ``-`` is standard input.

    Raises:
        SpecError: the file can't be read, is larger than ``MAX_BYTES`` or is not UTF-8.
    """
    name = "<stdin>" if str(path) == "-" else str(path)
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else open(named_file(path), "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, FileNotFoundError):
            reason += f"; {_hint(path)}"
        raise SpecError([Problem(name, None, None, f"cannot be read: {reason}")]) from None
    if len(content) > MAX_BYTES:
        what = f"is larger than {MAX_BYTES // 2**20} MiB; no spec is"
        raise Problems().fatal(Place(Source(name, ""), 0), what)
    try:
        return Source(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        # error.object has no byte order mark, like the text of a good file.
        text = error.object.decode("utf-8", "replace")
        offset = len(error.object[: error.start].decode("utf-8"))
        raise Problems().fatal(Place(Source(name, text), offset), "not UTF-8: save the file as UTF-8") from None


def _hint(path: str | Path) -> str:
    """Return which spec a user may have meant by a path that leads nowhere: one beside it, or a shipped one."""
    typed = Path(path)
    beside = {
        file.stem: str(file) for ending in SPEC_ENDINGS for file in sorted(user_path(typed.parent).glob(f"*{ending}"))
    }
    shipped = {name: name for name in spec_names()}
    stem = typed.stem if typed.suffix in SPEC_ENDINGS else typed.name
    name = typed.with_name(stem).as_posix().removeprefix(f"{EXPERIMENTS}/")
    close = beside.get(nearest(stem, beside) or "") or shipped.get(nearest(name, shipped) or "")
    return f"did you mean {close}?" if close else "lrarun list experiments shows those that lrarun ships"


class _CoreSchema(BaseResolver):
    """The core schema of YAML 1.2, section 10.3.2: which plain scalars are not strings."""


CORE_SCHEMA = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)
for _kind, _pattern, _first in CORE_SCHEMA:
    _CoreSchema.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)


class _Loader(Reader, Scanner, Parser, Composer, _CoreSchema):
    """PyYAML's composer with bounds. It makes nodes only: it has no constructor that could make objects."""

    def __init__(self, source: Source, text: str, problems: Problems):
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _CoreSchema.__init__(self)
        self._source, self._problems = source, problems
        self._depth = self._aliases = self._count = 0
        self._sizes: dict[int, int] = {}

    def place(self, mark: yaml.Mark | None) -> Place:
        return Place(self._source, (mark or self.get_mark()).index)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        place = self.place(event.start_mark)
        before = self._count
        if isinstance(event, AliasEvent):
            node = self._compose_alias(event, place)
        else:
            self._count += 1
            tagged = event.tag is not None
            if tagged:
                self._problems.add(place, f"the tag {short_repr(event.tag)} is refused: a spec holds only plain values")
            self._depth += 1
            self._check(self._depth <= MAX_DEPTH, place, f"nested more than {MAX_DEPTH} levels deep")
            node = super().compose_node(parent, index)
            self._depth -= 1
            if tagged:
                # A refused tag may claim that its text is a number.
                node.tag = "tag:yaml.org,2002:str"
            self._sizes[id(node)] = self._count - before
        self._check(self._count <= MAX_NODES, place, f"more than {MAX_NODES} values, counting what aliases stand for")
        return node

    def _compose_alias(self, event: AliasEvent, place: Place) -> yaml.Node | None:
        self._aliases += 1
        self._check(self._aliases <= MAX_ALIASES, place, f"more than {MAX_ALIASES} aliases")
        node = super().compose_node(None, None)
        self._check(id(node) in self._sizes, place, f"the alias *{event.anchor} stands inside its own anchor")
        self._count += self._sizes[id(node)]
        return node

    def _check(self, holds: bool, place: Place, message: str) -> None:
        if not holds:
            raise self._problems.fatal(place, message)


def parse(source: Source, problems: Problems, start: int = 0) -> list[Node]:
    """Return the documents of a source that have something in them.

    Args:
        problems: receives the mistakes after which reading can go on: tags, equal keys,
            keys that are not names, numbers that are not finite or too long.
        start: the offset where the YAML begins. Columns still count from the source's start.

    Raises:
        SpecError: with every mistake so far, if reading can't go on.
    """
    text = " " * start + source.text[start:]
    if bad := Reader.NON_PRINTABLE.search(text):
        raise problems.fatal(Place(source, bad.start()), f"the character U+{ord(bad.group()):04X} is not text")
    loader = _Loader(source, text, problems)
    try:
        documents = []
        while loader.check_node():
            documents.append(loader.get_node())
    except yaml.MarkedYAMLError as error:
        raise problems.fatal(loader.place(_mark(error)), _syntax(error)) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML raises these for "\UFFFFFFFF" and for %YAML with thousands of digits.
        raise problems.fatal(loader.place(None), "not YAML: a number or an escape out of range") from None
    converter = _Converter(loader, problems)
    return [converter.convert(document) for document in documents if not _is_empty(document)]


def _is_empty(document: yaml.Node) -> bool:
    """Return whether there is nothing in a document, as after a ``---`` at the end of a file; ``null`` is something."""
    return isinstance(document, yaml.ScalarNode) and document.value == "" and document.style is None


def _mark(error: yaml.MarkedYAMLError) -> yaml.Mark | None:
    """Return where a mistake is. For a key without a colon that is its own line; PyYAML notices on the next one."""
    return error.context_mark if error.problem == NO_COLON else error.problem_mark


def _syntax(error: yaml.MarkedYAMLError) -> str:
    if error.problem == NO_COLON:
        return "not YAML: a colon and a space are missing here, as in KEY: VALUE"
    if error.problem == "mapping values are not allowed here":
        return f"not YAML: {error.problem}: there is a second colon, or the line before lacks one"
    if "'\\t'" in str(error.problem):
        return "a tab can't indent or separate here; use spaces"
    return "not YAML: " + " ".join(part for part in (error.context, error.problem) if part)


class _Converter:
    """A converter of PyYAML's nodes, which may share subtrees, to ours."""

    def __init__(self, loader: _Loader, problems: Problems):
        self._loader, self._problems = loader, problems
        self._done: dict[int, Node] = {}

    def convert(self, node: yaml.Node) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = Node(self._value(node), self._loader.place(node.start_mark))
        return self._done[id(node)]

    def _value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(part) for part in node.value]
        return self._scalar(node)

    def _entries(self, mapping: yaml.MappingNode) -> Iterator[tuple[str, Node]]:
        seen: dict[str, Place] = {}
        for key_node, value_node in mapping.value:
            key, value = self.convert(key_node), self.convert(value_node)
            if not isinstance(key.value, str):
                self._problems.add(key.place, "a key must be a name")
            elif key.value == "<<" and key_node.style is None:
                self._problems.add(key.place, "merge keys (<<) are not supported: write the keys out")
            elif key.value in seen:
                first = seen[key.value].line
                self._problems.add(key.place, f"the key {short_repr(key.value)} is given twice, first on line {first}")
            else:
                seen[key.value] = key.place
                yield key.value, Node(value.value, value.place, key.place)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            return node.value.lower() == "true"
        return self._number(node, kind) if kind in ("int", "float") else self._string(node)

    def _number(self, node: yaml.ScalarNode, kind: str) -> int | float:
        text, place = node.value, self._loader.place(node.start_mark)
        if len(text) > MAX_DIGITS:
            self._problems.add(place, f"a number of {len(text)} characters is too long")
            return 0
        if kind == "int":
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        number = math.inf if text.lower().endswith(("inf", "nan")) else float(text)
        if math.isinf(number):
            self._problems.add(place, f"{text} is not a finite number")
        return number

    def _string(self, node: yaml.ScalarNode) -> str:
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in node.value):
            self._problems.add(self._loader.place(node.start_mark), "control characters are refused in a value")
            return ""
        return node.value


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes every string that our reader or YAML 1.1 would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _kind, _pattern, _first in CORE_SCHEMA:
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)


def dump(value: Mapping[str, Any]) -> str:
    """Return plain values as YAML in block style, keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
