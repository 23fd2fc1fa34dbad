"""How to install an extra, in one wording for all messages.

lrarun is installed from its repository. ``-e`` leaves an editable install, such as the
Makefile's, as it is, which is what lets a run note the git commit that it was made by;
and it does no harm to another.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def how_to_install(extra: str) -> str:
    """The command that installs an extra for the Python that is running, and where to type it."""
    return f"{_python()} -m pip install -e '.[{extra}]' (in lrarun's repository)"


def _python() -> str:
    """This Python as one would type it here."""
    if shutil.which("python") == sys.executable:
        return "python"
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
