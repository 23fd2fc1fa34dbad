"""Paths as users write them, files that are whole or absent, and JSON that every program can read."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

TEMPORARY = ".tmp-"
DESCRIPTORS = ("/proc/self/fd", "/dev/fd")  # folders whose entries stand for open files
LINKS = 40  # the most links that a path can go through, as Linux has it


def user_path(path: str | Path) -> Path:
    """Return a path with a leading ``~`` replaced by the home folder: the one way for paths from every source.

    An unknown user's ``~name`` stays as it is, where ``Path.expanduser`` raises.
    """
    return Path(os.path.expanduser(path))


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
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name[-40:]}")
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


def write_named(path: Path, content: bytes | str) -> None:
    """Write a file that the user named, whole or not at all where that can be; text is written as UTF-8.

    A regular file is replaced as in :func:`atomic`, behind symbolic links, and keeps its mode and owner.
    It is overwritten in place where it can't be replaced: in a read-only folder, or as a mount point.
    An open file (``/dev/stdout``), a named pipe and a device are written to.

    Raises:
        PermissionError: the file is read-only.
        OSError: it can't be written; a regular file is as it was, unless the disk filled in place.
    """
    data = content.encode() if isinstance(content, str) else content
    number = descriptor(path)
    if number is not None:
        # Another open would begin at the file's start, and can't be done for a socket.
        with open(os.dup(number), "wb") as file:
            file.write(data)
        return
    target = Path(os.path.realpath(path))
    try:
        before = target.stat()
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        _write_in_place(target, data)
        return
    if before is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(target))
    try:
        with atomic(target) as file:
            file.write(data)
            if before is not None:
                _copy_owner_and_mode(file.fileno(), before)
    except OSError as error:
        if before is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY):
            raise
        _write_in_place(target, data)


def descriptor(path: Path) -> int | None:
    """Return the number of the open file that a path such as ``/dev/stdout`` or ``/dev/fd/63`` stands for."""
    folders = {os.path.realpath(folder) for folder in DESCRIPTORS}
    for _ in range(LINKS):
        folder = os.path.realpath(path.parent)
        if folder in folders:
            return int(path.name) if path.name.isdecimal() else None
        if not path.is_symlink():
            return None
        path = Path(folder, os.readlink(path))
    return None


def is_special(path: Path) -> bool:
    """Return whether a path is something to write to, not to replace: an open file, a pipe or a device."""
    try:
        return descriptor(path) is not None or (path.exists() and not path.is_file() and not path.is_dir())
    except OSError:  # no file has such a name; whoever writes it says why
        return False


def _write_in_place(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _copy_owner_and_mode(file: int, before: os.stat_result) -> None:
    own = os.fstat(file)
    if (own.st_uid, own.st_gid) != (before.st_uid, before.st_gid):
        with contextlib.suppress(OSError):  # only root can give files away
            os.chown(file, before.st_uid, before.st_gid)
    os.fchmod(file, stat.S_IMODE(before.st_mode))


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


def to_json(value: Any, ascii: bool = True) -> str:
    """Return a value as indented JSON text, for every JSON that lrarun writes or prints.

    JSON has no number for infinity or for what is none: these become ``null``. Dataclasses and
    mappings become objects, sequences lists, NumPy scalars numbers, and anything else its text.

    Args:
        value: what to encode.
        ascii: write other characters as escapes.
    """
    return json.dumps(_plain(value), indent=2, ensure_ascii=ascii, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return a value made of nothing but what JSON has."""
    if hasattr(value, "tolist"):  # NumPy's, without importing it
        value = value.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
