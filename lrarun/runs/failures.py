"""What is said and kept of an error that ends a run: a line for everyone, and the traceback for who wrote the rule.

Neither names a folder, so that results can be published.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from lrarun.errors import LrarunError


def reason_of(error: BaseException, rule: object = None) -> str:
    """An error in words: its own where it was made to be read, else with its kind before it and the place behind.

    Args:
        error: as it was caught.
        rule: the run's learning rule. The innermost line of its own file is named first, since it is
            there that whoever wrote the rule has to look, not where in NumPy or lrarun it came to grief.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f": {Path(error.filename).name}" if isinstance(error.filename, str) else "")
    if isinstance(error, LrarunError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if rule is not None and frame.filename == file_of(type(rule))]
    places = dict.fromkeys(_place(frame) for frame in [*own[-1:], *frames[-1:]])
    return f"{type(error).__name__}: {error}" + (f" ({', in '.join(places)})" if places else "")


def file_of(kind: type) -> str | None:
    """The path of the file that a class comes from; None where it is in none."""
    return getattr(sys.modules.get(kind.__module__), "__file__", None)


def _place(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def traceback_of(error: BaseException) -> list[str]:
    """The lines of an error's traceback, files by their names alone; none of an error that was made to be read."""
    if isinstance(error, LrarunError):
        return []
    told = traceback.TracebackException.from_exception(error)
    return "".join(_without_folders(told).format()).splitlines()


def _without_folders(told: traceback.TracebackException) -> traceback.TracebackException:
    """The same, and what it came from, after its source lines were read."""
    for frame in told.stack:
        _ = frame.line  # read by now, or it would be looked for under the short name
        frame.filename = Path(frame.filename).name
    for before in (told.__cause__, told.__context__):
        if before is not None:
            _without_folders(before)
    return told
