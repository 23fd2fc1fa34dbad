"""Read IDX files of unsigned bytes: check, hash, memory-map and unpack them.

The format is a magic number (two zero bytes, 8 for "unsigned byte", the number of
dimensions), each dimension's size as a big-endian 32-bit integer, then the values,
the last dimension fastest.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from lrarun.errors import DataError, LrarunError
from lrarun.files import atomic

GZIP_START = b"\x1f\x8b"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Contents:
    """What a checked file contains.

    Attributes:
        shape: samples first: ``(n, rows, columns)`` for images, ``(n,)`` for labels.
        digest: SHA-256 of the uncompressed file, in hexadecimal.
    """

    shape: tuple[int, ...]
    digest: str


def file_in(folder: Path, file: str) -> Path | None:
    """Return the path of a data set's file in a folder: raw or ``.gz``, also with a dot (``images.idx3``); or None."""
    dotted = file.replace("-idx", ".idx")
    for name in (file, dotted, f"{file}.gz", f"{dotted}.gz"):
        if os.path.lexists(folder / name):
            return folder / name
    return None


def inspect(path: Path, dimensions: int) -> Contents:
    """Read a whole file, raw or ``.gz``, and check that it is a sound IDX file.

    Raises:
        DataError: the file is missing, unreadable, empty, truncated, too long, named ``.gz``
            without being a gzip file, or its header is not that of unsigned bytes in
            ``dimensions`` dimensions.
    """
    with _reading(path) as stream:
        shape, header = _header(path, stream, dimensions)
        digest, left = hashlib.sha256(header), math.prod(shape)
        while left and (chunk := stream.read(min(CHUNK, left))):
            digest.update(chunk)
            left -= len(chunk)
        if left:
            raise DataError(f"{path}: truncated: {left} of {math.prod(shape)} bytes of data are missing")
        if stream.read(1):
            raise DataError(f"{path}: longer than its header says")
    return Contents(shape, digest.hexdigest())


def shape(path: Path, dimensions: int) -> tuple[int, ...]:
    """Return the shape in a file's header, samples first, without reading the values.

    Raises:
        DataError: the file is missing or unreadable, or its header is wrong.
    """
    with _reading(path) as stream:
        return _header(path, stream, dimensions)[0]


def memory_map(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map a raw file into memory, read-only: shape ``(n, pixels)`` for images, ``(n,)`` for labels.

    Processes that map the same file share its memory.
    """
    rows = shape if len(shape) == 1 else (shape[0], math.prod(shape[1:]))
    mapped = np.memmap(path, dtype=np.uint8, mode="r", offset=4 * (1 + len(shape)), shape=rows)
    return np.asarray(mapped)  # a plain array over the same pages: indexing a memmap costs more


def unpack(path: Path, target: Path) -> None:
    """Write a ``.gz`` file's content to ``target``, whole or not at all.

    Raises:
        DataError: the file is damaged.
        LrarunError: ``target`` cannot be written.
    """
    with replacing(target) as file, _reading(path) as stream:
        while chunk := stream.read(CHUNK):
            file.write(chunk)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError in this block into a LrarunError: ``path`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise LrarunError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that becomes ``target`` when the block ends, and is removed if the block fails.

    Raises:
        LrarunError: the file cannot be written.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic(target) as file:
            yield file


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file's uncompressed content; turn every failure to read it into a DataError."""
    try:
        with _open(path) as stream:
            yield stream
    except gzip.BadGzipFile as error:
        raise DataError(f"{path}: not a gzip file, or damaged ({error})") from error
    except EOFError as error:
        raise DataError(f"{path}: truncated: the compressed data ends too early") from error
    except zlib.error as error:
        raise DataError(f"{path}: the compressed data is damaged") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else open(path, "rb")


def _header(path: Path, stream: IO[bytes], dimensions: int) -> tuple[tuple[int, ...], bytes]:
    """Return a file's shape, and the bytes of its header."""
    header = stream.read(4 * (1 + dimensions))
    if not header:
        raise DataError(f"{path}: empty")
    if header.startswith(GZIP_START):
        raise DataError(f"{path}: compressed, but its name does not end with .gz")
    magic = bytes((0, 0, 8, dimensions))
    if header[:4] != magic[: len(header)]:
        raise DataError(
            f"{path}: wrong magic number 0x{header[:4].hex()}, expected 0x{magic.hex()} "
            f"(unsigned bytes, {dimensions} dimension{'s' * (dimensions > 1)})"
        )
    if len(header) < 4 * (1 + dimensions):
        raise DataError(f"{path}: truncated: the file ends within its header")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if 0 in shape:
        raise DataError(f"{path}: no data: the shape in its header is {shape}")
    return shape, header
