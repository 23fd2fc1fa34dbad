"""IDX files of unsigned bytes: checked, hashed, memory-mapped, unpacked.

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
    """What a checked file holds.

    Attributes:
        shape: samples first: ``(n, rows, columns)`` of images, ``(n,)`` of labels.
        digest: SHA-256 of the uncompressed file, in hexadecimal.
    """

    shape: tuple[int, ...]
    digest: str


def file_in(folder: Path, file: str) -> Path | None:
    """Where a data set's file is in a folder: raw or ``.gz``, also spelt with a dot (``images.idx3``)."""
    dotted = file.replace("-idx", ".idx")
    for name in (file, dotted, f"{file}.gz", f"{dotted}.gz"):
        if os.path.lexists(folder / name):
            return folder / name
    return None


def inspect(path: Path, dimensions: int) -> Contents:
    """Reads a whole file, raw or ``.gz``, and checks all that an IDX file says of itself.

    Raises:
        DataError: the file is missing, unreadable, empty, truncated, too long, no gzip
            file though named so, or its header is not that of ``dimensions``
            dimensions of unsigned bytes.
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
    """The shape that a file's header states, samples first; the values are not read.

    Raises:
        DataError: as :func:`inspect`, of what the header tells.
    """
    with _reading(path) as stream:
        return _header(path, stream, dimensions)[0]


def memory_map(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The values of a raw file as a read-only array, not copied: ``(n, pixels)`` of images, ``(n,)`` of labels.

    Processes that map the same file share its memory.
    """
    rows = shape if len(shape) == 1 else (shape[0], math.prod(shape[1:]))
    mapped = np.memmap(path, dtype=np.uint8, mode="r", offset=4 * (1 + len(shape)), shape=rows)
    return np.asarray(mapped)  # a plain array over the same pages: indexing a memmap costs more


def unpack(path: Path, target: Path) -> None:
    """Writes a ``.gz`` file's content to ``target``, whole or not at all.

    Raises:
        DataError: the file is damaged.
        LrarunError: ``target`` cannot be written.
    """
    with replacing(target) as file, _reading(path) as stream:
        while chunk := stream.read(CHUNK):
            file.write(chunk)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Trouble with the file system, in this block, means that ``path`` cannot be written: a LrarunError."""
    try:
        yield
    except OSError as error:
        raise LrarunError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file that becomes ``target`` when the block ends well, and vanishes if it does not.

    Raises:
        LrarunError: it cannot be written.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic(target) as file:
            yield file


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """A file's uncompressed content; trouble with it becomes a DataError."""
    try:
        with _open(path) as stream:
            yield stream
    except gzip.BadGzipFile as error:
        raise DataError(f"{path}: not a sound gzip file ({error})") from error
    except EOFError as error:
        raise DataError(f"{path}: truncated: the compressed data ends too early") from error
    except zlib.error as error:
        raise DataError(f"{path}: the compressed data is damaged") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else open(path, "rb")


def _header(path: Path, stream: IO[bytes], dimensions: int) -> tuple[tuple[int, ...], bytes]:
    """A file's shape and the bytes that state it."""
    header = stream.read(4 * (1 + dimensions))
    if not header:
        raise DataError(f"{path}: empty")
    if header.startswith(GZIP_START):
        raise DataError(f"{path}: compressed, but its name does not end in .gz")
    magic = bytes((0, 0, 8, dimensions))
    if header[:4] != magic[: len(header)]:
        raise DataError(
            f"{path}: wrong magic number 0x{header[:4].hex()}, expected 0x{magic.hex()} "
            f"(unsigned bytes, {dimensions} dimension{'s' * (dimensions > 1)})"
        )
    if len(header) < 4 * (1 + dimensions):
        raise DataError(f"{path}: truncated: it ends within its header")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if 0 in shape:
        raise DataError(f"{path}: holds nothing: its shape is {shape}")
    return shape, header
