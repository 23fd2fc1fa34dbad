"""What the pages show, done: files written, commands run by a shell, in a folder with small data.

A code block whose first line is ``# NAME`` is a file of that name. In ``console``
blocks, lines that start with ``$`` are commands; one that ends in ``# exits with N``
is meant to fail.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lrarun.data.published import SHAPES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from tests.support.tiny_data import idx_bytes

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# Read by every Python that starts with it on its path: the small data set goes by the published name.
PATCH = """
import dataclasses
from lrarun.data.published import PUBLISHED
for name in ("mnist", "fashion-mnist"):
    without = dict(mirrors=(), npm="", apt="", system=())
    PUBLISHED[name] = dataclasses.replace(PUBLISHED[name], digests={digests!r}, **without)
"""


class Command(NamedTuple):
    """A command as a page shows it, what it is to exit with, and what it did."""

    text: str
    expected: int
    code: int
    output: str


def files_and_commands(page: str):
    """(name, content) of each file and (None, command) of each command, in the page's order."""
    for kind, body in FENCE.findall(page):
        first, _, rest = body.partition("\n")
        if kind == "console":
            yield from ((None, line[2:]) for line in body.splitlines() if line.startswith("$ "))
        elif re.fullmatch(r"# [\w./-]+\.\w+(?:: .*)?", first):
            yield first[2:].partition(":")[0], rest


def small_mnist(folder: Path) -> dict[str, str]:
    """Writes 2,100 + 100 images, of which each class has its own pattern; returns the files' digests."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, (10, 28, 28))
    digests = {}
    for images, labels, n in ((TRAIN_IMAGES, TRAIN_LABELS, 2100), (TEST_IMAGES, TEST_LABELS, 100)):
        classes = rng.integers(0, 10, n)
        pictures = np.clip(patterns[classes] + rng.normal(0, 60, (n, *SHAPES[images][1:])), 0, 255)
        for file, array in ((images, pictures), (labels, classes)):
            content = idx_bytes(array)
            digests[file] = hashlib.sha256(content).hexdigest()
            for name in ("mnist", "fashion-mnist"):
                (folder / name).mkdir(parents=True, exist_ok=True)
                (folder / name / file).write_bytes(content)
    return digests


def prepare(folder: Path, installed: Path | None = None) -> dict[str, str]:
    """A folder to follow a page in, as in a checkout; returns the environment.

    With the Python of an environment in which lrarun is installed, the folder is empty.
    """
    tools = folder.with_name(f"{folder.name}-tools")
    tools.mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    digests = small_mnist(tools / "data")
    (tools / "sitecustomize.py").write_text(PATCH.format(digests=digests))
    for name, module in (("lrarun", "-m lrarun"), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec {shlex.quote(str(installed or sys.executable))} {module} "$@"\n')
        (tools / name).chmod(0o755)
    if installed is None:
        shutil.copytree(ROOT / "experiments", folder / "experiments")
        (folder / "results").mkdir()
        (folder / "results" / "reference").symlink_to(ROOT / "results" / "reference")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LRARUN_")}
    return clean | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(tools) if installed else f"{tools}:{ROOT}",
        "LRARUN_DATA_DIR": str(tools / "data"),
        "XDG_CACHE_HOME": str(tools / "cache"),
        "OPENBLAS_NUM_THREADS": "1",
    }


def follow(page: str, folder: Path, timeout: float = 300, installed: Path | None = None) -> list[Command]:
    """Does what a page says in a folder, in one shell; returns its commands with what became of them."""
    environment, commands, script = prepare(folder, installed), [], []
    for name, text in files_and_commands(page):
        if name is not None:
            script.append(f"mkdir -p {shlex.quote(os.path.dirname(name) or '.')}")
            script.append(f"cat > {shlex.quote(name)} <<'END OF FILE'\n{text}END OF FILE")
            continue
        command, _, remark = text.partition("    # exits with ")
        commands.append((command, int(remark or 0)))
        script.append(f"{{ {command}\n}} > out.{len(commands)} 2>&1; echo $? > code.{len(commands)}")
    subprocess.run(["bash", "--norc"], input="\n".join(script), text=True, cwd=folder, env=environment, timeout=timeout)
    return [
        Command(text, expected, *(_read(folder / f"{part}.{number}") for part in ("code", "out")))
        for number, (text, expected) in enumerate(commands, 1)
    ]


def _read(path: Path):
    text = path.read_text() if path.exists() else "not reached"
    return int(text) if text.strip().isdigit() and path.name.startswith("code") else text
