"""Captions in picture files: how they are stored, and read again. Loads neither matplotlib nor NumPy."""

from __future__ import annotations

import html
import re
import struct
import zlib

MAKER = "lrarun"  # a caption counts only in a picture that names it
LONGEST = 2000  # characters of a caption that are read; a file may hold anything


def metadata(format: str, text: str) -> dict[str, str | None]:
    """Return the metadata of a picture with a caption, for ``Figure.savefig``; only PNG and SVG hold one."""
    if format == "png":
        return {"Software": MAKER, "Description": text}
    return {"Date": None, "Creator": MAKER, "Description": text} if format == "svg" else {}


def read_caption(content: bytes) -> str:
    """Return the caption that lrarun stored in a PNG or an SVG; empty if there is none."""
    found = _of_png(content) if content.startswith(b"\x89PNG") else _of_svg(content)
    known = found.get("Software") == MAKER or found.get("creator") == MAKER
    return (found.get("Description") or found.get("description") or "")[:LONGEST] if known else ""


def _of_png(content: bytes) -> dict[str, str]:
    """Return a PNG's texts (chunks tEXt and iTXt; PNG specification, section 11.3.4); none of a damaged file."""
    found: dict[str, str] = {}
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        key, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            found[key.decode("latin-1")] = rest.decode("latin-1")
        elif kind == b"iTXt" and len(rest) > 2:
            text = rest[2:].split(b"\0", 2)[-1]
            found[key.decode("latin-1")] = (_inflated(text) if rest[0] else text).decode("utf-8", "replace")
        at += length + 12
    return found


def _inflated(text: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(text, 4 * LONGEST)
    except zlib.error:
        return b""


def _of_svg(content: bytes) -> dict[str, str]:
    """Return what an SVG's Dublin Core metadata says, by the elements' names."""
    head = content[:20_000].decode("utf-8", "replace")
    elements = re.findall(r"<dc:(\w+)>(.*?)</dc:\1>", head, re.DOTALL)
    return {name: " ".join(html.unescape(re.sub(r"<[^>]*>", " ", inner)).split()) for name, inner in elements}
