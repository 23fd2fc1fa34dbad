"""Check whether this machine can train, and advise what to do where it can't: for ``lrarun doctor``."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lrarun.errors import LrarunError, how_to_install
from lrarun.runs.lock import existing_part, try_folder
from lrarun.shipped import is_checkout

OK, NOTE, BAD = "ok", "note", "bad"

OLDEST_PYTHON = (3, 11)
# Distribution -> oldest version; a test holds this to setup.cfg.
BASE = {
    "click": "8.2",
    "numpy": "2.0",
    "pandas": "2.2",
    "platformdirs": "4.0",
    "pooch": "1.8",
    "pydantic": "2.7",
    "pyyaml": "6.0",
    "requests": "2.31",
    "rich": "13.7",
    "scipy": "1.11",
    "tabulate": "0.9",
    "threadpoolctl": "3.5",
}
# Extra -> the packages that it installs, and what they are for.
EXTRAS = {
    "plots": (("matplotlib", "scikit-learn"), "pictures of learning curves and figures"),
    "export": (("pyarrow",), "export as Parquet"),
    "cluster": (("distributed",), "runs on more than one machine"),
    "bench": (("torch",), "speed comparison with PyTorch"),
    "jax": (("jax",), "stacks of networks on a GPU"),
    "fast": (("numba",), "faster RMSprop and Adam, to the same bits"),
    "tune": (("optuna",), "searches for settings"),
    "dev": (
        (
            "pytest",
            "pytest-xdist",
            "hypothesis",
            "autograd",
            "jax",
            "optax",
            "ruff",
            "mypy",
            "matplotlib",
            "numba",
            "optuna",
            "scikit-learn",
            "setuptools",
        ),
        "tests",
    ),
}  # fmt: skip
LITTLE_DISK, LITTLE_MEMORY = 1e9, 1e9  # bytes
NO_DISK = 50e6  # five times what a run with 8 hidden layers writes, checkpoint included


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        state: ``ok``; ``note`` if it is worth knowing but stops no run; ``bad`` if it would stop a run.
        found: what was found.
        advice: what to do; empty if there is nothing to do.
    """

    name: str
    state: str
    found: str
    advice: str = ""


def examine(results: Path, data_dir: Path | None = None) -> Iterator[Check]:
    """Run the checks, one after the other.

    Args:
        results: the folder that runs would be written to.
        data_dir: where to look for data sets first.
    """
    yield python()
    yield dependencies()
    # These checks import the libraries. Where one is missing, the user must install it first.
    for check in (blas, cores, memory, rules):
        yield guarded(check)
    yield guarded(lambda: disk(results), "results folder")
    yield from datasets(data_dir)
    for extra in (name for name in EXTRAS if name != "dev" or is_checkout()):  # an installed lrarun has no tests
        yield extra_installed(extra)


def guarded(check: Callable[[], Check], name: str = "") -> Check:
    """Run a check; if an error stops it, return that error as the check's result."""
    try:
        return check()
    except LrarunError as error:
        return Check(name or check.__name__, BAD, str(error))
    except ImportError as error:
        return Check(name or check.__name__, BAD, f"could not be checked: {error}", "mend the packages first")


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def older(version: str, oldest: str) -> bool:
    """Return whether a version comes before another, by the numbers at their start.

    >>> older("1.26.4", "2.0"), older("2.10.0rc1", "2.9")
    (True, False)
    """
    first, second = ([int(n) for n in re.split(r"[^\d.]", text)[0].split(".") if n] for text in (version, oldest))
    return first < second


def python() -> Check:
    """Check the interpreter's version."""
    found = "{}.{}.{}".format(*sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", BAD, found, "install Python 3.11 or newer")
    return Check("Python", OK, found)


def dependencies() -> Check:
    """Check the packages that every installation needs."""
    wrong = []
    for name, oldest in BASE.items():
        version = version_of(name)
        if version is None:
            wrong.append(f"{name} is missing")
        elif older(version, oldest):
            wrong.append(f"{name} is {version}, older than {oldest}")
    if wrong:
        named = {text.partition(" ")[0] for text in wrong}
        wanted = " ".join(f"'{name}>={oldest}'" for name, oldest in BASE.items() if name in named)
        return Check("packages", BAD, "; ".join(wrong), f"pip install {wanted}")
    return Check("packages", OK, f"NumPy {version_of('numpy')}, pandas {version_of('pandas')}, all {len(BASE)} present")


def blas() -> Check:
    """Check NumPy's BLAS library and its number of threads."""
    from lrarun.runs import provenance

    found = provenance.blas()
    if found["name"] == "unknown":
        return Check(
            "BLAS", NOTE, "not recognised", "set its threads to 1 yourself, or runs may not be repeatable to the bit"
        )
    text = f"{found['name']} {found['version']} ({found['architecture']}), threads: {found['threads']}"
    if found["threads"] != 1:
        advice = "set OPENBLAS_NUM_THREADS=1 before Python starts: more threads change the last digits"
        return Check("BLAS", NOTE, text, advice)
    return Check("BLAS", OK, text)


def cores() -> Check:
    """Check how many cores this process may use, and whether a container grants less."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = cpu_quota()
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    if granted is not None and granted < usable:
        return Check(
            "cores",
            NOTE,
            f"{usable} visible, but this container may use {granted:g}{busy}",
            f"train with at most {max(1, int(granted))} runs at a time",
        )
    return Check("cores", OK, f"{usable}{busy}")


def cpu_quota(file: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """Return the number of cores whose time a container may use, or None without a limit."""
    try:
        quota, period = file.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None


def memory(file: Path = Path("/proc/meminfo")) -> Check:
    """Check the free memory."""
    try:
        lines = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
        available, total = (int(lines[key].split()[0]) * 1024 for key in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError):
        return Check("memory", NOTE, "could not be measured on this system")
    text = f"{available / 1e9:.1f} of {total / 1e9:.1f} GB free"
    if available < LITTLE_MEMORY:
        return Check("memory", NOTE, text, "a run needs up to 0.4 GB: train few at a time")
    return Check("memory", OK, text)


def rules() -> Check:
    """Check that all learning rules load, those of other packages and plugin files included."""
    from lrarun.algorithms.registry import algorithms

    return Check("algorithms", OK, ", ".join(algorithms()))


def disk(results: Path) -> Check:
    """Check whether the results folder can be written and locked, and has room."""
    folder = existing_part(results)
    where = f"{results}" if results.exists() else f"{results} (will be created)"
    try:
        try_folder(folder)
    except OSError as error:
        return Check(
            "results folder",
            BAD,
            f"{where}: {error.strerror or error}",
            "choose another with --results or LRARUN_RESULTS",
        )
    free = shutil.disk_usage(folder).free
    text = f"{where}: can be written, {free / 1e9:.1f} GB free"
    if free < LITTLE_DISK:
        return Check(
            "results folder",
            BAD if free < NO_DISK else NOTE,
            text,
            "make room, or choose another with --results or LRARUN_RESULTS",
        )
    return Check("results folder", OK, text)


def datasets(data_dir: Path | None) -> Iterator[Check]:
    """Check each published data set: present, absent or damaged."""
    from lrarun.data.published import PUBLISHED

    for name, data in PUBLISHED.items():
        yield guarded(functools.partial(dataset, name, data_dir), data.title)


def dataset(name: str, data_dir: Path | None) -> Check:
    """Check one published data set."""
    from lrarun.data.load import where
    from lrarun.data.published import PUBLISHED

    found, title = where(name, data_dir), PUBLISHED[name].title
    return absent(name, data_dir) if found is None else Check(title, OK, f"{found}: intact")


def absent(name: str, data_dir: Path | None) -> Check:
    """Check whether a data set that is not on this machine can be downloaded. Downloads nothing."""
    from lrarun.data import locate, sources
    from lrarun.data.published import FILES, PUBLISHED
    from lrarun.data.source import Unavailable

    title, target = PUBLISHED[name].title, locate.named_folder(data_dir) or locate.cache_folder()
    try:
        try_folder(existing_part(target))
        source = sources.available(PUBLISHED[name])
    except OSError as error:
        text = f"not on this machine, and {target}, which it would be downloaded to: {error.strerror or error}"
        return Check(title, BAD, text, "choose another folder with --data-dir or LRARUN_DATA_DIR")
    except Unavailable as error:
        advice = (
            f"connect this machine, or put the four files ({', '.join(FILES)}; raw or .gz) into a folder"
            " and name that with --data-dir or LRARUN_DATA_DIR"
        )
        return Check(title, BAD, f"not on this machine, and not to be had: {error}", advice)
    text = f"not on this machine; the first run that needs it downloads it ({source} has it)"
    return Check(title, NOTE, text, f"lrarun data fetch {name}")


def extra_installed(extra: str) -> Check:
    """Check whether the packages of an extra are installed and work."""
    packages, purpose = EXTRAS[extra]
    missing = [name for name in packages if version_of(name) is None]
    name = f"extra {extra}"
    if missing:
        text = f"for {purpose}: {', '.join(missing)} not installed"
        return Check(name, NOTE, text, how_to_install(extra))
    trouble = TRIED[extra]() if extra in TRIED else ""
    if trouble:
        return Check(
            name,
            NOTE,
            f"for {purpose}: {', '.join(packages)} can't be used: {trouble}",
            "runs work without it; reinstall it to use it",
        )
    found = SHOWN[extra]() if extra in SHOWN else ""
    return Check(name, OK, f"for {purpose}{found}")


def numba_trouble() -> str:
    """Return why the installed Numba can't be used; empty if it can."""
    from lrarun.nn.compiled import at_once

    return at_once()


def jax_trouble() -> str:
    """Return why the installed JAX can't be used; empty if it can."""
    from lrarun.engine.stacked import device

    try:
        device.description()
    except Exception as error:  # JAX is optional, and whatever is wrong with it is told
        return f"{type(error).__name__}: {error}"
    return ""


def jax_device() -> str:
    """Return which device JAX computes on, and what to do with it."""
    from lrarun.engine.stacked import device

    found = device.description()
    if found["device"] == "cpu":
        return (
            f": JAX {found['jax']} finds no GPU, only the CPU, where the engine numpy is faster; for one of NVIDIA's,"
            " pip install 'jax[cuda12]' or 'jax[cuda13]'"
        )
    return f": JAX {found['jax']} on {found['device']}, {device.free_bytes() / 1e9:.0f} GB for a stack"


# Extras that can be installed and yet not work -> a function that says why.
TRIED = {"fast": numba_trouble, "jax": jax_trouble}
# Extras of which more is told than that they are there -> a function that tells it.
SHOWN = {"jax": jax_device}
