"""``python -m lrarun`` and the ``lrarun`` command."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Any

from lrarun import THREAD_VARIABLES

# Before NumPy loads: parallelism goes over runs, and one thread is what makes a run repeatable.
os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
# Before matplotlib loads: pictures go into files. A notebook's own backend need not exist for this process.
os.environ["MPLBACKEND"] = "agg"

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
# What to print where the encoding lacks a sign.
IN_ASCII = {"±": "+/-", "†": "#", "σ": "sigma", "–": "-", "—": "-", "×": "x", "°": " degrees", "…": "..."}


def main() -> None:
    """Run the command line and exit with its code."""
    from lrarun.cli import main as command
    from lrarun.cli.support.global_options import ClosedPipeTolerant

    open_closed_streams()
    codecs.register_error("lrarun", in_ascii)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="lrarun")  # type: ignore[union-attr]
    sys.stderr = ClosedPipeTolerant(sys.stderr)  # type: ignore[assignment]
    command()


def open_closed_streams() -> None:
    """Connect standard streams that are closed, as by ``2>&-``, to the null device.

    Otherwise the next file that is opened gets the stream's number, and messages of a library end up in it.
    """
    for number, (name, mode) in enumerate(STREAMS):
        place: int | str = os.devnull  # if something else has the number already
        try:
            os.fstat(number)
        except OSError:
            place = os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(place, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(place, mode, encoding="utf-8", closefd=isinstance(place, str)))  # noqa: SIM115


def in_ascii(error: UnicodeError) -> tuple[Any, int]:
    """Return what to print for characters that an encoding lacks: a readable stand-in, a file name's byte, an escape.

    Raises:
        UnicodeError: the error is not from encoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte of a file name that is no text
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return IN_ASCII.get(character) or ascii(character)[1:-1], error.start + 1


if __name__ == "__main__":
    main()
