"""Describe an error that ended a run: a line for the user, and a traceback for the author of the rule.

Neither names a folder, so that results can be published.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from lrarun.errors import LrarunError


def reason_of(error: BaseException, rule: object = None) -> str:
    """Return an error as a line: the message of an ``LrarunError``, else the error's type, message and place.

    Args:
        error: the error.
        rule: the run's learning rule. The innermost line in the rule's own file comes first,
            because the rule's author must look there and not in NumPy or lrarun.
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
    """Return the path of the file that defines a class; None without one."""
    return getattr(sys.modules.get(kind.__module__), "__file__", None)


def _place(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def traceback_of(error: BaseException) -> list[str]:
    """Return the lines of an error's traceback, without folders; none for an ``LrarunError``."""
    if isinstance(error, LrarunError):
        return []
    summary = traceback.TracebackException.from_exception(error)
    _remove_folders(summary)
    return "".join(summary.format()).splitlines()


def _remove_folders(summary: traceback.TracebackException) -> None:
    """Shorten file paths to names, in the traceback of the error and of those that caused it."""
    for frame in summary.stack:
        _ = frame.line  # reads the source line now, while the path still leads to it
        frame.filename = Path(frame.filename).name
    for earlier in (summary.__cause__, summary.__context__):
        if earlier is not None:
            _remove_folders(earlier)
