"""Download a published data set from web mirrors."""

from __future__ import annotations

import functools
import socket
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

from lrarun.data.progress import Progress
from lrarun.data.published import TEST_LABELS, Published
from lrarun.data.source import ANSWER_TIMEOUT, LARGEST, Keep, Source, Unavailable

CONNECT_TIMEOUT = 3.0  # seconds; short, so that a machine without a network fails fast
READ_TIMEOUT = 30.0  # seconds without a byte


def mirrors(dataset: Published) -> list[Source]:
    """Return the mirrors of a data set in the order to try."""
    return [
        Source(urlsplit(url).netloc, _from_mirror(url), functools.partial(_ask_mirror, url)) for url in dataset.mirrors
    ]


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
