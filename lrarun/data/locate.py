"""Find the files of a data set on this machine; verify and unpack them."""

from __future__ import annotations

import logging
import os
import shlex
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
    """A folder to look in. Damage in one that the user named is an error, not a reason to look elsewhere."""

    folder: Path
    named: bool = False


class AnotherDataset(DataError):
    """The file belongs to another published data set."""


def cache_folder() -> Path:
    """Return the folder for downloads and unpacked files."""
    import platformdirs

    return platformdirs.user_cache_path("lrarun")


def named_folder(data_dir: str | Path | None, *, new: bool = False) -> Path | None:
    """Return the folder that the user named: the argument, else LRARUN_DATA_DIR, else None.

    Args:
        new: it need not exist.

    Raises:
        DataError: it does not exist, is not a folder, or is not readable.
    """
    named = data_dir or os.environ.get("LRARUN_DATA_DIR")
    if not named:
        return None
    folder = Path(os.path.expanduser(named))
    if not new and not os.path.lexists(folder):
        raise DataError(
            f"{folder}: named as the data folder, but there is no such folder; name the right one with --data-dir or"
            f" LRARUN_DATA_DIR, or make it with: lrarun data fetch --data-dir {shlex.quote(str(folder))}"
        )
    if os.path.lexists(folder) and not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        raise DataError(f"{folder}: named as the data folder, but it is not a readable folder")
    return folder


def places(dataset: Published, named: Path | None) -> Iterator[Place]:
    """Yield the folders where a data set may be on this machine, in the order to look."""
    if named is not None:
        for part in (dataset.name, dataset.torchvision, ""):
            yield Place(named / part, named=True)
    yield Place(cache_folder() / dataset.name)
    for folder in dataset.system:
        yield Place(Path(folder))
    for root in ("data", ""):
        yield Place(Path(root, dataset.torchvision))


def find(dataset: Published, named: Path | None) -> Files | None:
    """Return a published data set's verified files, or None if this machine has no sound copy.

    Raises:
        DataError: the files in the folder that the user named are damaged.
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
                continue  # the user's folder may hold only the other data set
            if place.named:
                raise DataError(
                    f"{error}. Put a sound copy there, or delete what the folder has "
                    f"of {dataset.title} and run: lrarun data fetch"
                ) from error
            LOG.warning("lrarun: %s. Skipped; looking elsewhere.", error)
    return None


def verified(dataset: Published, folder: Path) -> Files:
    """Return a published data set's files in one folder; raise a DataError that names the first bad one."""
    found = {}
    for file in FILES:
        path, contents = inspected(folder, file)
        _check_digest(dataset, file, path, contents)
        found[file] = uncompressed(path, contents, cache_folder() / dataset.name / file)
    return found


def own(folder: Path) -> Files:
    """Return the four files of a user's own data set; raise a DataError unless each is sound by itself."""
    found = {}
    for file in FILES:
        with _of_the_user(folder):
            path, contents = inspected(folder, file)
        found[file] = uncompressed(path, contents, cache_folder() / "unpacked" / contents.digest / file)
    return found


def own_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a user's own files, from their headers alone; raise a DataError as :func:`own`."""
    with _of_the_user(folder):
        return {file: idx.shape(_present(folder, file), dimensions) for file, dimensions in FILES.items()}


@contextmanager
def _of_the_user(folder: Path) -> Iterator[None]:
    """Add to a DataError in this block what to do about it."""
    if not any(idx.file_in(folder, file) for file in FILES):
        raise DataError(f"{folder}: a folder without IDX files; a data set has {', '.join(FILES)}, raw or .gz")
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}. Put a sound IDX file there") from error


def inspected(folder: Path, file: str) -> tuple[Path, Contents]:
    """Return a file's path and contents; raise a DataError if it is missing or damaged."""
    path = _present(folder, file)
    return path, idx.inspect(path, FILES[file])


def _present(folder: Path, file: str) -> Path:
    path = idx.file_in(folder, file)
    if path is None:
        raise DataError(f"{folder / file}: missing, also as .gz")
    return path


def uncompressed(path: Path, contents: Contents, target: Path) -> tuple[Path, Contents]:
    """Return the file itself if it is raw; else unpack it to ``target``, unless that was done before."""
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
