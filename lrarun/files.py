"""Files that are whole or absent: written under another name and renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp-"


@contextlib.contextmanager
def atomic(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """A binary file that takes its name only when the block ends well.

    The temporary name starts with :data:`TEMPORARY` and holds the process's number;
    it is removed if the block fails. Readers see the old content or the new.

    Args:
        path: the file's name.
        durable: wait until the content is on the disk, so that not even a power failure
            leaves a damaged file. Without it, only the death of a process is survived.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, content: bytes | str, durable: bool = True) -> None:
    """Replaces a file's content in one go, see :func:`atomic`; text is written as UTF-8."""
    with atomic(path, durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def append(path: Path, content: str) -> None:
    """Adds to a file's end in one write, whole or not at all: a reader never sees half of it.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    data = content.encode()
    with open(path, "ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            written = file.write(data)
            if written != len(data):  # what a full disk had room for
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        except OSError:
            file.truncate(size)
            raise


def remove_temporaries(folder: Path) -> None:
    """Removes what killed writers left in a folder; call it only while holding the folder's lock."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        leftover.unlink(missing_ok=True)
