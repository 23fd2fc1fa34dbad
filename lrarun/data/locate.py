"""Finds the files of a data set on this machine, and verifies and unpacks them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lrarun.data import idx
from lrarun.data.idx import Contents
from lrarun.data.published import FILES, PUBLISHED, Published
from lrarun.errors import DataError

Files = dict[str, tuple[Path, Contents]]  # file -> where it is, uncompressed, and what is in it

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """A folder to look in. What is wrong in one that the user named is an error, not a reason to look elsewhere."""

    folder: Path
    named: bool = False


class AnotherDataset(DataError):
    """A file of another published data set."""


def cache_folder() -> Path:
    """Where downloads and unpacked files are kept."""
    import platformdirs

    return platformdirs.user_cache_path("lrarun")


def named_folder(data_dir: str | Path | None) -> Path | None:
    """The folder that the user named: the argument, else LRARUN_DATA_DIR, else None. It need not exist yet.

    Raises:
        DataError: it is no folder, or may not be read.
    """
    named = data_dir or os.environ.get("LRARUN_DATA_DIR")
    if not named:
        return None
    folder = Path(os.path.expanduser(named))
    if os.path.lexists(folder) and not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        raise DataError(f"{folder}: named as the data folder, but is no folder that can be read")
    return folder


def places(dataset: Published, named: Path | None) -> Iterator[Place]:
    """Where a data set may be on this machine, in the order to look."""
    if named is not None:
        for part in (dataset.name, dataset.torchvision, ""):
            yield Place(named / part, named=True)
    yield Place(cache_folder() / dataset.name)
    for folder in dataset.system:
        yield Place(Path(folder))
    for root in ("data", ""):
        yield Place(Path(root, dataset.torchvision))


def find(dataset: Published, named: Path | None) -> Files | None:
    """A published data set's verified files, or None if this machine has none that are sound.

    Raises:
        DataError: those in the folder that the user named are not sound.
    """
    for place in places(dataset, named):
        if not any(idx.file_in(place.folder, file) for file in FILES):
            continue
        try:
            files = verified(dataset, place.folder)
            LOG.info("%s: found and intact in %s", dataset.title, place.folder)
            return files
        except DataError as error:
            if isinstance(error, AnotherDataset) and place.folder == named:
                continue  # the user's folder may well hold just the other one
            if place.named:
                raise DataError(
                    f"{error}. Put a sound copy there, or delete what the folder has "
                    f"of {dataset.title} and run: lrarun data fetch"
                ) from error
            LOG.warning("lrarun: %s. Not used; looking elsewhere.", error)
    return None


def verified(dataset: Published, folder: Path) -> Files:
    """A published data set's files in one folder, or a DataError that names the first bad one."""
    found = {}
    for file in FILES:
        path, contents = inspected(folder, file)
        _check_digest(dataset, file, path, contents)
        found[file] = uncompressed(path, contents, cache_folder() / dataset.name / file)
    return found


def own(folder: Path) -> Files:
    """The four files of a user's own data set, each sound by itself, or a DataError."""
    found = {}
    for file in FILES:
        with _of_the_user(folder):
            path, contents = inspected(folder, file)
        found[file] = uncompressed(path, contents, cache_folder() / "unpacked" / contents.digest / file)
    return found


def own_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of a user's own data set by file, from their headers alone; a DataError as :func:`own`."""
    with _of_the_user(folder):
        return {file: idx.shape(_present(folder, file), dimensions) for file, dimensions in FILES.items()}


@contextmanager
def _of_the_user(folder: Path) -> Iterator[None]:
    """A DataError in this block is told with what to do about it."""
    if not any(idx.file_in(folder, file) for file in FILES):
        raise DataError(f"{folder}: a folder without IDX files; a data set has {', '.join(FILES)}, raw or .gz")
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}. Put a sound IDX file there") from error


def inspected(folder: Path, file: str) -> tuple[Path, Contents]:
    """Where a file is in a folder and what is in it, or a DataError if it is missing or not sound by itself."""
    path = _present(folder, file)
    return path, idx.inspect(path, FILES[file])


def _present(folder: Path, file: str) -> Path:
    path = idx.file_in(folder, file)
    if path is None:
        raise DataError(f"{folder / file}: missing, also as .gz")
    return path


def uncompressed(path: Path, contents: Contents, target: Path) -> tuple[Path, Contents]:
    """The file itself if it is raw; else its content unpacked to ``target``, unless it is there already."""
    if path.suffix != ".gz":
        return path, contents
    try:
        present = idx.inspect(target, len(contents.shape)).digest == contents.digest
    except DataError:
        present = False
    if not present:
        idx.unpack(path, target)
    return target, contents


def _check_digest(dataset: Published, file: str, path: Path, contents: Contents) -> None:
    if contents.digest == dataset.digests[file]:
        return
    for other in PUBLISHED.values():
        if contents.digest == other.digests[file]:
            raise AnotherDataset(f"{path}: belongs to {other.title}, not to {dataset.title}")
    raise DataError(
        f"{path}: not {dataset.title}'s file, or damaged: the SHA-256 of its content is "
        f"{contents.digest}, expected {dataset.digests[file]}"
    )
