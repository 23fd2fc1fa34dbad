"""Train a run again and keep its result until the new one is finished.

The new training has a folder of its own, ``.new`` in the run's folder, under the same lock. Once it is finished, that
folder is renamed to ``.done``, and its files move into the run's folder, ``run.json`` last. Whoever locks the run's
folder next completes a move that a killed process has left. All functions but the first three need that lock.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lrarun.errors import LrarunError
from lrarun.results.left_out import Damaged, Unreadable
from lrarun.results.read import load_result
from lrarun.results.result import DIVERGED, FINISHED, Result
from lrarun.results.run_folder import DONE, LOCK, NEW, RUN

SETTLED = (FINISHED, DIVERGED)  # more training would change nothing


def place(folder: Path) -> Path:
    """Return the folder that a run is trained in: ``.new`` if it is being trained again, else its own."""
    return folder / NEW if os.path.isdir(folder / NEW) else folder  # False for a folder that can't be read


def newest(folder: Path) -> Result | None:
    """Return the run that was trained last, even if an earlier result is still the one that counts; without warnings.

    None if there is no sound ``run.json``, or if it is of a run whose id is not the folder's name.
    """
    result = quietly(place(folder))
    return result if result is not None and result.run_id == folder.name else None


def quietly(folder: Path) -> Result | None:
    """Return the run in a folder; None without a sound ``run.json``, which whoever lists the runs warns of."""
    try:
        return load_result(folder)
    except Damaged:
        return None


def is_damaged(folder: Path) -> bool:
    """Return whether a run's ``run.json`` holds no run, so that nobody knows what its checkpoint is of.

    Raises:
        LrarunError: this process can't read it, but it may be sound.
    """
    try:
        load_result(place(folder))
    except Unreadable as error:
        raise LrarunError(f"{RUN} {error}: mend that, or name another folder with --results") from error
    except Damaged:
        return True
    return False


def begin(folder: Path) -> None:
    """Prepare a run's training from its first epoch: keep a settled result, forget all else."""
    complete(folder)
    result = quietly(folder)
    if result is None or result.state not in SETTLED:
        clear(folder)
        return
    if (folder / NEW).is_dir():
        shutil.rmtree(folder / NEW)
    (folder / NEW).mkdir()


def settle(folder: Path) -> None:
    """Put a new result in the old one's place if it has come to its end, and complete a move that was cut off.

    A new training that diverged does not replace a finished result; it is dropped.
    """
    complete(folder)
    if not (folder / NEW).is_dir():
        return
    new, old = quietly(folder / NEW), quietly(folder)
    if new is None or new.state not in SETTLED:
        return
    if new.state == DIVERGED and old is not None and old.finished:
        shutil.rmtree(folder / NEW)
        return
    os.rename(folder / NEW, folder / DONE)
    complete(folder)


def complete(folder: Path) -> None:
    """Move a new result's files into the run's folder, from where a killed process left them."""
    done = folder / DONE
    if not done.is_dir():
        return
    for name in sorted(os.listdir(done), key=lambda name: name == RUN):
        os.replace(done / name, folder / name)
    done.rmdir()


def clear(folder: Path) -> None:
    """Empty a run's folder."""
    for path in folder.iterdir():
        if path.name != LOCK:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
