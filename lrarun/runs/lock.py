"""A run's lock: held by the process that trains it, released by the operating system when that dies."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lrarun.errors import LrarunError
from lrarun.results.layout import LOCK

PATIENCE = 0.2  # seconds; whoever only looks whether a run is locked holds it for less


class Locked(LrarunError):
    """Another process is training this run."""


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Makes the folder if need be and holds its lock; the lock's file says who does.

    Raises:
        Locked: if another process holds it, and still does after ``patience`` seconds.
        OSError: if the folder cannot be written, or its file system has no locks.
    """
    with _acquired(folder, patience) as file:
        _write_holder(file)
        try:
            yield
        finally:
            # A full disk or a folder gone read-only must not hide what ended the block.
            with suppress(OSError):
                file.truncate(0)


def is_locked(folder: Path) -> bool:
    """Whether a living process holds the folder's lock. Writes nothing."""
    try:
        with open(folder / LOCK, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def holder(folder: Path) -> str:
    """Where the folder's lock is held, in words (``here, process 123``); empty if it is not, or not known."""
    if not is_locked(folder):
        return ""
    try:
        told = json.loads((folder / LOCK).read_bytes())
        host = "here" if told["host"] == platform.node() else f"on {told['host']}"
        return f"{host}, process {told['process']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def existing_part(folder: Path) -> Path:
    """The folder itself, absolute, or the nearest one above it that is there: the one it would be made in."""
    folder = folder.absolute()
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def try_folder(folder: Path) -> None:
    """Writes and locks a nameless file in a folder; raises OSError where that can't be done, and no run could go."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x" * 4096)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _acquired(folder: Path, patience: float) -> IO[bytes]:
    deadline = time.monotonic() + patience
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # removed by someone since the line above: try again
            file = open(folder / LOCK, "ab", buffering=0)  # noqa: SIM115
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A file that was removed meanwhile locks nothing any more.
                if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
                    return file
                file.close()
            except BlockingIOError:
                file.close()
                if time.monotonic() > deadline:
                    raise Locked(f"{folder.name} is being trained by another process") from None
                time.sleep(PATIENCE / 20)
            except BaseException:
                file.close()
                raise


def _write_holder(file: IO[bytes]) -> None:
    # In the lock's file, as run.json is to be published and names no machine.
    with suppress(OSError):
        file.truncate(0)
        file.write(json.dumps({"process": os.getpid(), "host": platform.node()}).encode())
