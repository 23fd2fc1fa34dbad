"""``python -m lrarun`` and the ``lrarun`` command."""

from __future__ import annotations

import os
import sys

from lrarun import THREAD_VARIABLES

# Before NumPy loads: parallelism goes over runs, and one thread is what makes a run repeatable.
os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))


def main() -> None:
    """Run the command line and exit with its code."""
    from lrarun.cli import main as command
    from lrarun.cli.support.behaviour import ClosedPipeTolerant

    if sys.stderr is not None:
        sys.stderr = ClosedPipeTolerant(sys.stderr)  # type: ignore[assignment]
    command()


if __name__ == "__main__":
    main()
