"""Write files that are whole or absent: under a temporary name first, then renamed."""

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
    """Open a binary file that takes its name only if the block succeeds.

    Readers see the old content or the new, never a mixture. The temporary name starts with
    :data:`TEMPORARY` and holds the process's number; the file is removed if the block fails.

    Args:
        path: the file's name.
        durable: wait until the content is on the disk, so that a power failure can't damage the
            file. Without it, the file survives only the death of the process.
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
    """Replace a file's content at once, see :func:`atomic`; text is written as UTF-8."""
    with atomic(path, durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def append(path: Path, content: str) -> None:
    """Append text to a file in one write, whole or not at all.

    Raises:
        OSError: the text can't be written; the file is as it was.
    """
    data = content.encode()
    with open(path, "ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            written = file.write(data)
            if written != len(data):  # a full disk took only a part
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        except OSError:
            file.truncate(size)
            raise


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files of killed writers. The caller must hold the folder's lock."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        leftover.unlink(missing_ok=True)
