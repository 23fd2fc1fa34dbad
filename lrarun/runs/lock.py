"""A run's lock: held by the process that trains the run, released by the operating system if it dies."""

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
from lrarun.results.read import is_locked
from lrarun.results.run_folder import LOCK

PATIENCE = 0.2  # seconds; `lrarun.results.read.is_locked` holds the lock too, but for less than that


class Locked(LrarunError):
    """Another process is training this run."""


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a folder's lock during the block. Creates the folder if it is absent; the lock's file names this process.

    Raises:
        Locked: another process still holds the lock after ``patience`` seconds.
        OSError: the folder can't be written, or its file system has no locks.
    """
    with _acquired(folder, patience) as file:
        _write_holder(file)
        try:
            yield
        finally:
            # A full disk or a read-only folder must not hide the error that ended the block.
            with suppress(OSError):
                file.truncate(0)


def holder(folder: Path) -> str:
    """Return which process holds the folder's lock (``here, process 123``; or ``unknown``); empty if none does."""
    if not is_locked(folder):
        return ""
    try:
        process = json.loads((folder / LOCK).read_bytes())
        host = "here" if process["host"] == platform.node() else f"on {process['host']}"
        return f"{host}, process {process['process']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def existing_part(folder: Path) -> Path:
    """Return the folder, absolute, or the nearest folder above it that exists."""
    folder = folder.absolute()
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def try_folder(folder: Path) -> None:
    """Write and lock a nameless file in a folder; raise ``OSError`` if that fails, as no run could be stored there."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x" * 4096)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _acquired(folder: Path, patience: float) -> IO[bytes]:
    deadline = time.monotonic() + patience
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process removed the folder since the line above: try again
            file = open(folder / LOCK, "ab", buffering=0)  # noqa: SIM115
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A file that was removed meanwhile no longer locks the folder.
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
    # In the lock's file, because run.json may be published and must name no machine.
    with suppress(OSError):
        file.truncate(0)
        file.write(json.dumps({"process": os.getpid(), "host": platform.node()}).encode())
