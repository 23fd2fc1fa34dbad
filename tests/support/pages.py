"""Reads HTML pages as strictly as a test wants them read."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br"}


class Node:
    """An element: its name, attributes, child elements and the text in it."""

    def __init__(self, name, attributes, parent=None):
        self.name, self.attributes, self.parent = name, attributes, parent
        self.children, self.pieces = [], []

    @property
    def text(self):
        """All text in the element, white space run together."""
        return " ".join("".join(self._texts()).split())

    def _texts(self):
        for piece in self.pieces:
            yield from piece._texts() if isinstance(piece, Node) else [piece]

    def all(self, name=None, **attributes):
        """Every element below of that name with those attributes; ``class_`` may be one of several."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        found = []
        for child in self.children:
            if name in (None, child.name) and all(child.has(key, value) for key, value in wanted.items()):
                found.append(child)
            found += child.all(name, **attributes)
        return found

    def has(self, key, value):
        own = self.attributes.get(key)
        return own is not None and (value in own.split() if key == "class" else own == value)

    def one(self, name=None, **attributes):
        (found,) = self.all(name, **attributes)
        return found


class Page(HTMLParser):
    """Builds a tree; an end tag that does not close what is open is an error."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = self.root
        self.declarations = []

    def handle_decl(self, declaration):
        self.declarations.append(declaration)

    def handle_starttag(self, name, attributes):
        assert len(dict(attributes)) == len(attributes), f"an attribute twice in <{name}>"
        node = Node(name, dict(attributes), self.open)
        self.open.children.append(node)
        self.open.pieces.append(node)
        if name not in VOID:
            self.open = node

    def handle_endtag(self, name):
        assert name == self.open.name, f"</{name}> closes <{self.open.name}> at {self.getpos()}"
        self.open = self.open.parent

    def handle_data(self, data):
        self.open.pieces.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def parse(source):
    """The tree of a whole page; fails if it is not well-formed."""
    page = Page()
    page.feed(source)
    page.close()
    assert page.open is page.root, f"<{page.open.name}> is never closed"
    assert page.declarations == ["DOCTYPE html"]
    return page.root
