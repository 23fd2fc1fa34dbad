"""Downloads a published data set into a folder: whole, verified, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lrarun.data import idx
from lrarun.data.published import FILES, Published
from lrarun.data.sources import LARGEST, Progress, Source, Unavailable, sources
from lrarun.errors import FetchError

STALE = 86_400.0  # seconds after which a folder that a killed download left is removed


def download(dataset: Published, folder: Path, progress: Progress | None = None) -> None:
    """Fills ``folder`` with a data set's four raw files, all of them or none.

    Any number of processes may do so at the same time: each writes to a folder of its
    own beside the target and then renames.

    Raises:
        FetchError: no source had them; names each source and why.
        LrarunError: the folder cannot be written.
    """
    progress = progress or Progress()
    failures = []
    with _staging(dataset, folder) as staging:
        for source in sources(dataset):
            progress.note(f"{dataset.name}: trying {source.label}")
            failure = _take(source, staging, progress)
            if not staging.missing:
                staging.publish(folder)
                return progress.note("  complete and verified")
            progress.note(f"  {failure}")
            failures.append(f"  {source.label}: {failure}")
    raise FetchError(
        "\n".join(
            [
                f"{dataset.title} is not on this machine and could not be downloaded:",
                *failures,
                f"Put its four files ({', '.join(FILES)}; raw or .gz) into a folder "
                "and name that folder by --data-dir or LRARUN_DATA_DIR.",
            ]
        )
    )


def _take(source: Source, staging: Staging, progress: Progress) -> str:
    """Takes what is missing from one source; how that failed, or an empty text."""
    try:
        source.take(staging.missing, staging.keep, progress)
    except Unavailable as error:
        return str(error)
    except OSError as error:  # for example no room for its temporary files
        return error.strerror or str(error)
    finally:
        progress.stop()
    return ""


@dataclass(frozen=True)
class Staging:
    """A folder where a download gathers files until all four are there."""

    dataset: Published
    folder: Path

    @property
    def missing(self) -> list[str]:
        """The files that are not there yet."""
        return [file for file in FILES if not (self.folder / file).exists()]

    def keep(self, file: str, content: IO[bytes]) -> None:
        """Stores one file from its raw or gzipped bytes.

        Raises:
            Unavailable: they are not the published ones; then nothing is stored.
        """
        # By content, not by name: some servers unpack .gz files on their way.
        packed = content.peek(2)[:2] == idx.GZIP_START  # type: ignore[attr-defined]
        digest, size = hashlib.sha256(), 0
        with idx.replacing(self.folder / file) as target:
            for chunk in _chunks(gzip.GzipFile(fileobj=content) if packed else content):
                size += len(chunk)
                if size > LARGEST:
                    raise Unavailable(f"{file} is too large")
                digest.update(chunk)
                target.write(chunk)
            if digest.hexdigest() != self.dataset.digests[file]:
                raise Unavailable(f"{file} has another SHA-256 than the published file")

    def publish(self, folder: Path) -> None:
        """Puts the files where they belong: at one stroke if nothing is there yet, else each at one stroke."""
        with idx.writing(folder):
            try:
                os.rename(self.folder, folder)
            except OSError:
                folder.mkdir(exist_ok=True)
                for file in FILES:
                    os.replace(self.folder / file, folder / file)


@contextmanager
def _staging(dataset: Published, folder: Path) -> Iterator[Staging]:
    """A Staging beside ``folder``, so that files can be renamed into it; it is gone afterwards."""
    prefix = f".{folder.name}-"
    with idx.writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent, prefix)
        scratch = tempfile.mkdtemp(prefix=prefix, dir=folder.parent)
    try:
        # One level down: what mkdir makes has the user's usual permissions, what mkdtemp makes its owner's alone.
        inner = Path(scratch, "files")
        inner.mkdir()
        yield Staging(dataset, inner)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    """Removes what downloads that were killed long ago left."""
    for left in parent.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):  # another process may be done with it just now
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)


def _chunks(stream: Any) -> Iterator[bytes]:
    """A stream's bytes; damage in what is compressed becomes Unavailable."""
    try:
        while chunk := stream.read(idx.CHUNK):
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise Unavailable("sent damaged data") from error
