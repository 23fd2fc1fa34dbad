"""Download a published data set into a folder: whole and verified, or not at all."""

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
from lrarun.data.progress import Progress
from lrarun.data.published import FILES, Published
from lrarun.data.source import LARGEST, Source, Unavailable
from lrarun.data.sources import sources
from lrarun.errors import FetchError

STALE = 86_400.0  # seconds until the folder of a killed download is removed


def download(dataset: Published, folder: Path, progress: Progress | None = None) -> None:
    """Download a data set's four raw files into ``folder``, all of them or none.

    Any number of processes may do this at the same time: each writes to a folder of its own
    beside the target, then renames it.

    Raises:
        FetchError: no source has the files; the message gives the reason for each source.
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
                "and name that folder with --data-dir or LRARUN_DATA_DIR.",
            ]
        )
    )


def _take(source: Source, staging: Staging, progress: Progress) -> str:
    """Download the missing files from one source; return why that failed, or an empty text."""
    try:
        source.take(staging.missing, staging.keep, progress)
    except Unavailable as error:
        return str(error)
    except OSError as error:  # for example no room for temporary files
        return error.strerror or str(error)
    finally:
        progress.stop()
    return ""


@dataclass(frozen=True)
class Staging:
    """The folder where a download collects files until it has all four."""

    dataset: Published
    folder: Path

    @property
    def missing(self) -> list[str]:
        """The files that it still lacks."""
        return [file for file in FILES if not (self.folder / file).exists()]

    def keep(self, file: str, content: IO[bytes]) -> None:
        """Store one file from its raw or gzipped bytes.

        Raises:
            Unavailable: the content is not the published one; nothing is stored.
        """
        # Look at the content, not at the name: some servers unpack .gz files while sending.
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
                raise Unavailable(f"the SHA-256 of {file} is not that of the published file")

    def publish(self, folder: Path) -> None:
        """Move the files to their folder: in one step if the folder is new, else each file in one step."""
        with idx.writing(folder):
            try:
                os.rename(self.folder, folder)
            except OSError:
                folder.mkdir(exist_ok=True)
                for file in FILES:
                    os.replace(self.folder / file, folder / file)


@contextmanager
def _staging(dataset: Published, folder: Path) -> Iterator[Staging]:
    """Yield a Staging beside ``folder``, on the same file system, so that files can be renamed; then remove it."""
    prefix = f".{folder.name}-"
    with idx.writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent, prefix)
        scratch = tempfile.mkdtemp(prefix=prefix, dir=folder.parent)
    try:
        # One level down: mkdir gives the user's usual permissions, mkdtemp gives them to the owner only.
        inner = Path(scratch, "files")
        inner.mkdir()
        yield Staging(dataset, inner)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove what downloads that were killed long ago left behind."""
    for left in parent.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):  # another process may just have removed it
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)


def _chunks(stream: Any) -> Iterator[bytes]:
    """Yield a stream's bytes; raise Unavailable if the compressed data is damaged."""
    try:
        while chunk := stream.read(idx.CHUNK):
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise Unavailable("sent damaged data") from error
