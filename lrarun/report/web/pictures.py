"""Pictures that are embedded in the report."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lrarun.errors import UsageError
from lrarun.report.figures.stored import read_caption
from lrarun.report.web.markup import Html, tag

FIGURES = "figures"  # the folder in a results folder that `lrarun figure` writes into
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
# If an SVG is larger than this, the page shows the PNG of the same name, if there is one.
COMFORTABLE = 300_000
LARGEST = 4_000_000


@dataclass(frozen=True)
class Picture:
    """A picture file.

    Attributes:
        name: its file's name, without the ending.
        type: its MIME type.
        content: its bytes; empty if it is too large for the page.
        caption: what is in it, as `lrarun figure` stored it there; empty for any other picture.
    """

    name: str
    type: str
    content: bytes
    caption: str = ""


def read_pictures(folder: Path) -> list[Picture]:
    """Return the PNG and SVG files in a folder, by name, one of each.

    Raises:
        UsageError: the folder, or a file in it, cannot be read.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in TYPES and path.name[0] != ".")
        return [picture(found) for found in by_name(files)]
    except OSError as error:
        raise UsageError(f"{error.filename}: no pictures can be read from here: {error.strerror}") from error


def by_name(files: Iterable[Path]) -> list[list[Path]]:
    """Group files that differ only in the ending."""
    groups: dict[str, list[Path]] = {}
    for path in files:
        groups.setdefault(path.stem, []).append(path)
    return list(groups.values())


def picture(files: Sequence[Path]) -> Picture:
    """Return one of the files of a name: the SVG unless it is large, else the smallest."""
    sizes = {path: path.stat().st_size for path in files}
    vector = [path for path in files if path.suffix.lower() == ".svg" and sizes[path] <= COMFORTABLE]
    path = vector[0] if vector else min(files, key=lambda path: sizes[path])
    content = path.read_bytes() if sizes[path] <= LARGEST else b""
    return Picture(path.stem, TYPES[path.suffix.lower()], content, read_caption(content))


def pictures_section(pictures: Sequence[Picture], draw: str = "") -> Html:
    """Return the pictures, one below the other; where there are none, the command that draws one, if any does."""
    if not pictures:
        hint = [" ", tag("code", draw), " draws one of these runs."] if draw else []
        return tag("p", "There are no pictures.", *hint, class_="empty")
    return tag("div", *map(figure, pictures))


def figure(picture: Picture) -> Html:
    """Return a picture with its caption, or with its file's name: what it shows is known only if the file says so."""
    title = picture.caption or picture.name
    if not picture.content:
        return tag("p", f"{title}: left out, as it has more than {LARGEST / 1e6:g} MB.")
    source = f"data:{picture.type};base64,{base64.b64encode(picture.content).decode('ascii')}"
    return tag("figure", tag("figcaption", title), tag("img", src=source, alt=title), class_="picture")
