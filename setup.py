"""Puts what the project ships beside its code into a wheel: specs, pages, reference results. All else: setup.cfg.

``lrarun.shipped`` finds it there. An editable install has no copies: it reads the checkout's own files.
"""

import shutil
import tarfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
COPIED = {"experiments": ("*.yaml", "*.py"), "docs": ("*.md",)}  # folder -> patterns
REFERENCE = ROOT / "results" / "reference"


def shipped_files():
    """Yield what is copied as it is: where it is, and its name among what is shipped."""
    for folder, patterns in COPIED.items():
        for pattern in patterns:
            for path in sorted((ROOT / folder).rglob(pattern)):
                yield path, path.relative_to(ROOT)


def reference_files():
    """Yield the files of the reference results: those of runs, and the one that marks the folder."""
    for path in sorted(REFERENCE.rglob("*")):
        name = path.relative_to(REFERENCE)
        if path.is_file() and name.parts[0] != "figures" and not any(part.startswith(".") for part in name.parts):
            yield path, name


def pack(target):
    """Write the reference results as one file; equal results give equal bytes."""
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path, name in reference_files():
            member = tarfile.TarInfo(name.as_posix())
            member.size, member.mode = path.stat().st_size, 0o644
            with open(path, "rb") as content:
                archive.addfile(member, content)


class BuildWithShipped(build_py):
    """Builds the package, and in it what the project ships."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for path, name in shipped_files():
            target = self._shipped(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        pack(self._shipped("reference.tar.xz"))

    def get_outputs(self, include_bytecode=True):
        names = [] if self.editable_mode else [*(name for _, name in shipped_files()), "reference.tar.xz"]
        return super().get_outputs(include_bytecode) + [str(self._shipped(name)) for name in names]

    def _shipped(self, name):
        return Path(self.build_lib, "lrarun", "shipped", name)


setup(cmdclass={"build_py": BuildWithShipped})
