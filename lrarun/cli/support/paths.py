"""Paths on the command line and in the environment: read in one way, and files named as what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from lrarun.files import is_special, user_path

OF_REFERENCE = "reference-figures"  # where figures of the reference results go: nothing is written among these
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


class UserPath(click.Path):
    """A path from the command line or the environment; ``~`` is the home folder, which a shell does not always see.

    An empty path is refused: it would be the working folder, and most likely comes from a variable that
    is not set. In an environment variable with several paths, empty entries count as none.
    """

    def __init__(self, **how: Any):
        super().__init__(path_type=Path, **how)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, checked as :class:`click.Path` does."""
        if not str(value):
            self.fail("the path is empty; is a variable not set?", param, ctx)
        return super().convert(user_path(value), param, ctx)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the paths of an environment variable."""
        return [part for part in super().split_envvar_value(rv) if part.strip()]


def check_folder(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Return an option's file; refuse it if the folder that it would be written into does not exist."""
    if path is not None and str(path) != "-" and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}; create it, or name another place.")
    return path


def folder_of_pictures(results: Path) -> Path:
    """Return the folder that ``figure`` writes pictures of a results folder into, for ``report`` to show.

    That is in the folder, but for reference results, which are kept as they are.
    """
    from lrarun.cli.support.options import is_of_reference
    from lrarun.report.web.pictures import FIGURES
    from lrarun.results.run_folder import is_reference

    return Path(OF_REFERENCE) if is_of_reference() or is_reference(results) else results / FIGURES


def suffix_of(path: Path) -> str:
    """Return the ending that names a file's type, in small letters; empty if it has none, as in ``results-v1.2``."""
    suffix = path.suffix.lower()
    return "" if suffix.removeprefix(".").removeprefix("v").isdecimal() else suffix


def format_of(out: Path | None, given: str | None, formats: Mapping[str, str]) -> str:
    """Return the format to write: the one asked for, else that of the file's ending, else the first.

    Args:
        out: the file; None and ``-`` are stdout.
        given: what ``--format`` says, or None.
        formats: ending -> format, in the order of preference.

    Raises:
        UsageError: the ending says something else than what the file would hold.
    """
    default = next(iter(formats.values()))
    if out is None or str(out) == "-" or is_special(out) or not (suffix := suffix_of(out)):
        return given or default
    meant = formats.get(suffix)
    if given is not None and given != meant and (meant or suffix in COMPRESSED):
        raise click.UsageError(
            f"--out {out}: would hold {given}, and its name ends in {suffix}; change one of the two."
        )
    if meant is None and given is None:
        endings = " or ".join(formats)
        more = ", or add --format" if len(set(formats.values())) > 1 else ""
        raise click.UsageError(
            f"--out {out}: {suffix} is no format that can be written; end the name in {endings}{more}."
        )
    return given or meant or default
