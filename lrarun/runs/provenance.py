"""Record what a run's numbers depend on beyond its spec: versions, BLAS, CPU, commit.

Records no host name, user name or path, so that results can be published.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from lrarun import __version__
from lrarun.algorithms import plugins


def blas() -> dict[str, Any]:
    """Return the BLAS library that NumPy uses: name, version, kernel architecture and threads."""
    libraries = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    if not libraries:
        return {"name": "unknown"}
    # Another package, such as SciPy, may have loaded a BLAS library of its own.
    library = next((library for library in libraries if "numpy" in library["filepath"]), libraries[0])
    return {
        "name": library["internal_api"],
        "version": library["version"],
        "architecture": library.get("architecture", "unknown"),
        "threads": library["num_threads"],
    }


@functools.cache
def simd() -> str:
    """Return the widest instruction set of NumPy's own loops; ``tanh`` and ``exp`` round differently with another."""
    sets = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return ["unknown", *sets.get("baseline", ()), *sets.get("found", ())][-1]


@functools.cache
def cpu_model() -> str:
    """Return the processor's model name, or the machine's architecture if that is unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    tree = Path(__file__).resolve().parent.parent.parent
    if not (tree / ".git").exists():
        return None
    # Without Git's optional lock: it would stay if this process were killed, and block the user's own git.
    command = ["git", "--no-optional-locks", "-C", os.fspath(tree), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@functools.cache
def _numba() -> dict[str, str]:
    """Return the version of Numba, if it is installed. It changes a run's time, not its numbers."""
    try:
        return {"numba": importlib.metadata.version("numba")}
    except importlib.metadata.PackageNotFoundError:
        return {}


@functools.cache
def commit_and_changes() -> tuple[str | None, bool | None]:
    """Return the commit of the package's work tree, and whether tracked files outside results/ differ from it."""
    try:
        commit = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    except OSError:
        return None, None
    return commit, None if changes is None else bool(changes)


def provenance() -> dict[str, Any]:
    """Return versions, hardware and commit, as ``run.json`` holds them.

    ``git_dirty`` says whether tracked files outside ``results/`` differ from the commit. Both git
    entries are None if the package is in no git work tree, or git is missing. ``plugins`` holds
    the digests of plugin files, and ``numba`` its version; both are absent if there is none.
    """
    commit, dirty = commit_and_changes()
    own = plugins.digests()
    return {
        "lrarun": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numpy_simd": simd(),
        **_numba(),
        "blas": blas(),  # not cached: the number of threads can change
        "cpu": cpu_model(),
        "system": f"{platform.system()} {platform.machine()}",
        "git_commit": commit,
        "git_dirty": dirty,
    } | ({"plugins": own} if own else {})
