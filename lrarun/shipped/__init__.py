"""What the project ships besides code: its specs, its reference results and its pages.

In a checkout, these are the checkout's own files. A wheel has copies of them in this folder, which ``setup.py`` makes:
the specs and pages as they are, the reference results in one compressed file. That file is unpacked into the user's
cache once, since whatever reads results reads folders.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path, PurePath

from lrarun.errors import Incomplete
from lrarun.files import user_path

LOG = logging.getLogger(__name__)

PACKAGED = Path(__file__).parent
CHECKOUT = PACKAGED.parent.parent
EXPERIMENTS, DOCS, ARCHIVE = "experiments", "docs", "reference.tar.xz"  # their names in a wheel; see setup.py
REFERENCE = PurePath("results/reference")  # in a checkout
SPEC, RULE = ".yaml", ".py"


def is_checkout() -> bool:
    """Return whether this lrarun runs from a checkout, and not from an installed wheel."""
    return not (PACKAGED / EXPERIMENTS).is_dir()


def root() -> Path:
    """Return the folder that ``experiments/`` and ``docs/`` are in."""
    return CHECKOUT if is_checkout() else PACKAGED


# --- specs, and the rules beside them


def spec_names() -> list[str]:
    """Return the names of the shipped specs, such as ``table1`` and ``calibration/dtp``."""
    folder = root() / EXPERIMENTS
    found = [path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{SPEC}")]
    return sorted(found, key=lambda name: (name.count("/"), name))


def shipped_file(typed: str | Path, suffix: str = SPEC) -> Path | None:
    """Return the shipped file that is typed as ``table1``, ``table1.yaml`` or ``experiments/table1.yaml``, if any.

    Args:
        typed: the name.
        suffix: ``.yaml`` for a spec, ``.py`` for a learning rule beside one.
    """
    parts = PurePath(typed).parts
    parts = parts[1:] if parts[:1] == (EXPERIMENTS,) else parts
    if not parts or PurePath(typed).is_absolute() or os.pardir in parts:
        return None
    name = "/".join(parts).removesuffix(suffix) + suffix
    path = root() / EXPERIMENTS / name
    return path if os.path.isfile(path) else None


def named_file(typed: str | Path, suffix: str = SPEC) -> Path:
    """Return the file that a user means: one in the working folder, else a shipped one, else what was typed.

    Warns where the name of a shipped one, without its ending, means a file in the working folder.
    """
    shipped = shipped_file(typed, suffix)
    if shipped is None:
        return user_path(typed)
    here = _in_working_folder(typed, suffix)
    if here is None:
        return shipped
    if not str(typed).endswith(suffix) and not os.path.samefile(here, shipped):
        LOG.warning("lrarun: %s is the file %s in this folder, not what lrarun ships by that name", typed, here)
    return here


def _in_working_folder(typed: str | Path, suffix: str) -> Path | None:
    """Return the file of that name, or of that name with the ending, in the working folder."""
    forms = (Path(typed),) if str(typed).endswith(suffix) else (Path(typed), Path(f"{typed}{suffix}"))
    return next((path for path in forms if os.path.exists(path) and not os.path.isdir(path)), None)


def typed_name(path: Path) -> str:
    """Return what to type for a shipped file, such that no other file in the working folder is meant."""
    name = path.relative_to(root() / EXPERIMENTS).as_posix()
    for form in (name.removesuffix(SPEC), f"{EXPERIMENTS}/{name}"):
        here = _in_working_folder(form, path.suffix)
        if here is None or os.path.samefile(here, path):
            return form
    return str(path)


# --- reference results


def reference() -> Path:
    """Return the folder of the reference results: a results folder like any other, but never written to.

    Raises:
        Incomplete: this installation has none, or they can't be unpacked.
    """
    archive = PACKAGED / ARCHIVE
    if archive.is_file():
        from lrarun.shipped.unpack import unpacked  # only here, so that every command starts fast

        return unpacked(archive)
    if (CHECKOUT / REFERENCE).is_dir():
        return CHECKOUT / REFERENCE
    raise Incomplete(f"this installation of lrarun has no reference results: {archive} is missing; install it again")


def results_folder(typed: Path) -> Path:
    """Return the results folder that a user means: ``results/reference``, if not here, is what lrarun ships.

    Raises:
        Incomplete: as :func:`reference`.
    """
    parts = PurePath(typed).parts
    if parts[: len(REFERENCE.parts)] != REFERENCE.parts or os.pardir in parts or os.path.lexists(typed):
        return typed
    return reference().joinpath(*parts[len(REFERENCE.parts) :])


# --- pages


def pages() -> dict[str, tuple[str, Path]]:
    """Return the project's pages by their names: the question that each answers, and its file."""
    folder = root() / DOCS
    try:
        listed = (folder / "README.md").read_text(encoding="utf-8")
    except OSError:
        return {}
    rows = re.findall(r"^\| \[([\w-]+)\.md\]\([^)]*\) \| (.+?) \|$", listed, re.MULTILINE)
    return {name: (question, folder / f"{name}.md") for name, question in rows if (folder / f"{name}.md").is_file()}
