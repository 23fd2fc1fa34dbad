"""Unpack a wheel's reference results into a folder, once."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

import platformdirs

from lrarun.errors import Incomplete

LOG = logging.getLogger(__name__)
_held: list[tempfile.TemporaryDirectory[str]] = []  # removed when this process ends


@functools.cache
def unpacked(archive: Path) -> Path:
    """Return the folder of an archive's content: in the user's cache, or a temporary one if that can't be written.

    The folder's name has the archive's digest, so that another version of lrarun has another folder.

    Raises:
        Incomplete: no such folder can be made, or the archive is damaged.
    """
    name = f"reference-{hashlib.sha256(archive.read_bytes()).hexdigest()[:12]}"
    try:
        try:
            return unpack(archive, platformdirs.user_cache_path("lrarun") / name)
        except OSError as error:
            LOG.info("lrarun: the reference results are unpacked for this command alone: %s", error)
        _held.append(tempfile.TemporaryDirectory(prefix="lrarun-"))
        return unpack(archive, Path(_held[-1].name) / name)
    except OSError as error:
        raise Incomplete(f"the reference results can't be unpacked: {error}") from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Incomplete(f"{archive} is damaged ({error}); install lrarun again") from error


def unpack(archive: Path, target: Path) -> Path:
    """Unpack an archive into a folder that is whole or absent, unless it is there; several processes may do so at once.

    Raises:
        OSError: it can't be written.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        with tarfile.open(archive) as content:
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            content.extractall(place / "new", **safe)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):  # another process was faster
            os.rename(place / "new", target)
        if not target.is_dir():
            raise OSError(f"{target} can't be made")
        return target
    finally:
        shutil.rmtree(place, ignore_errors=True)
