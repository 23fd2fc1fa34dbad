"""Downloads: whole and verified, or nothing. The mirrors are file servers on this machine."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lrarun.data import download, locate, mirrors
from lrarun.data.load import fetch, load
from lrarun.data.published import FASHION_MNIST, FILES, MNIST, TEST_IMAGES, TRAIN_IMAGES, TRAIN_LABELS
from lrarun.errors import LrarunError
from tests.support.fakes import PACKED, STORED, Told, reason
from tests.support.tiny_data import contents, listing, write


@pytest.mark.parametrize("files", [PACKED, {name: contents()[name[:-3]] for name in PACKED}], ids=["gzip", "unpacked"])
def test_a_mirror_is_enough_even_if_it_unpacks(machine, serve, mnist, files):
    mnist(mirrors=(serve(files).url,))
    told = Told()
    assert load("mnist", progress=told).classes == 3
    assert listing(machine) == STORED
    assert [label for label, _, _ in told.transfers] == list(FILES)
    assert all(total == len(files[f"{label}.gz"]) == count for label, total, count in told.transfers)
    assert not told.open


def test_what_is_here_is_not_asked_for_again(machine, serve, mnist):
    server = serve(PACKED)
    mnist(mirrors=(server.url,))
    for _ in range(3):
        assert fetch("mnist") == machine / "cache/mnist"
    assert len(server.asked) == 4


def test_downloads_go_into_the_named_folder(machine, serve, mnist):
    mnist(mirrors=(serve(PACKED).url,))
    assert fetch("mnist", machine / "new/folder") == machine / "new/folder/mnist"
    assert listing(machine) == {f"new/folder/mnist/{file}": content for file, content in contents().items()}


def test_stored_folders_have_the_usual_permissions(machine, serve, mnist):
    mnist(mirrors=(serve(PACKED).url,))
    usual = machine / "usual"
    usual.mkdir()
    folder = fetch("mnist")
    assert folder.stat().st_mode == usual.stat().st_mode


BAD = {
    "one bit": (
        gzip.compress(contents()[TRAIN_IMAGES][:-1] + b"\0"),
        "the SHA-256 of train-images-idx3-ubyte is not that of the published file",
    ),
    "cut": (PACKED[f"{TRAIN_IMAGES}.gz"][:-20], "damaged data"),
    "garbage": (b"\x1f\x8b" + bytes(100), "damaged data"),
    "a page": (
        b"<html>please log in</html>",
        "the SHA-256 of train-images-idx3-ubyte is not that of the published file",
    ),
    "nothing": (b"", "the SHA-256 of train-images-idx3-ubyte is not that of the published file"),
    "a bomb": (gzip.compress(bytes(20_000)), "too large"),
    "no end": (os.urandom(200_000), "more data than the file has"),
}


@pytest.mark.parametrize("case", BAD)
def test_nothing_of_a_bad_download_stays(machine, serve, mnist, monkeypatch, case):
    for module in (mirrors, download):
        monkeypatch.setattr(module, "LARGEST", 10_000)
    body, complaint = BAD[case]
    mnist(mirrors=(serve(PACKED | {f"{TRAIN_IMAGES}.gz": body}).url,))
    assert complaint in reason()
    assert listing(machine) == {}


def test_a_transfer_that_breaks_off_is_no_file(machine, serve, mnist):
    mnist(mirrors=(serve(PACKED, promised=50).url,))
    assert "the connection failed" in reason()
    assert listing(machine) == {}


def test_the_next_mirror_gives_what_the_first_did_not(machine, serve, mnist):
    without = {name: body for name, body in PACKED.items() if TEST_IMAGES not in name}
    lacking, whole = serve(without), serve(PACKED)
    mnist(mirrors=(lacking.url, whole.url))
    told = Told()
    load("mnist", progress=told)
    assert listing(machine) == STORED
    assert whole.asked == [f"/{TEST_IMAGES}.gz", *(path for path in whole.asked[1:])]
    assert not [path for path in whole.asked if TRAIN_IMAGES in path], "what is verified is not loaded twice"
    assert "  HTTP status 404" in told.notes


def test_mirrors_that_cannot_be_reached_are_passed_quickly(machine, serve, mnist, monkeypatch):
    monkeypatch.setattr(mirrors, "CONNECT_TIMEOUT", 0.2)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        refusing = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        mnist(mirrors=("http://no-such-host.invalid/", refusing, serve(PACKED).url))
        start = time.monotonic()
        told = Told()
        load("mnist", progress=told)
        assert time.monotonic() - start < 5
    assert "  the host name cannot be resolved" in told.notes
    assert "  no connection" in told.notes


def test_a_server_that_falls_silent_is_left(machine, serve, mnist, monkeypatch):
    monkeypatch.setattr(mirrors, "READ_TIMEOUT", 0.2)
    server = serve(PACKED)
    server.pause.clear()
    mnist(mirrors=(server.url,))
    assert "stopped answering" in reason()
    assert listing(machine) == {}


def test_a_damaged_file_in_the_cache_is_fetched_anew(machine, serve, mnist, caplog):
    mnist(mirrors=(serve(PACKED).url,))
    write(machine / "cache/mnist", contents() | {TRAIN_LABELS: b"damaged"})
    load("mnist")
    assert listing(machine) == STORED
    assert f"{TRAIN_LABELS}: wrong magic number" in caplog.text


def test_threads_that_fetch_together_all_get_the_whole(machine, serve, mnist):
    server = serve(PACKED)
    server.pause.clear()
    mnist(mirrors=(server.url,))
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(fetch, "mnist") for _ in range(6)]
        while len(server.asked) < 6:  # all are downloading
            time.sleep(0.01)
        server.pause.set()
        assert {future.result() for future in futures} == {machine / "cache/mnist"}
    assert listing(machine) == STORED


PROCESS = """
import sys
from pathlib import Path
from lrarun.data.load import load
from lrarun.data import locate
from lrarun.data.published import PUBLISHED
from tests.support.tiny_data import published
PUBLISHED["mnist"] = published(mirrors=(sys.argv[1],))
locate.cache_folder = lambda: Path(sys.argv[2])
print(load("mnist").train_images.sum())
"""


def test_processes_that_fetch_together_all_get_the_whole(machine, serve):
    server = serve(PACKED)
    server.pause.clear()
    command = [sys.executable, "-c", PROCESS, server.url, str(machine / "cache")]
    root = Path(__file__).parent.parent.parent
    running = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    deadline = time.monotonic() + 60
    while len(server.asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    server.pause.set()
    total = sum(contents()[TRAIN_IMAGES][16:])
    assert [int(process.communicate(timeout=60)[0]) for process in running] == [total, total]
    assert listing(machine) == STORED


def test_an_interrupt_leaves_nothing(machine, serve, mnist):
    mnist(mirrors=(serve(PACKED).url,))

    class Interrupted(Told):
        def advance(self, count):
            if self.transfers[-1][0] == TEST_IMAGES:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("mnist", progress=Interrupted())
    assert listing(machine) == {}


def test_what_a_killed_download_left_long_ago_is_removed(machine, serve, mnist):
    mnist(mirrors=(serve(PACKED).url,))
    old, new = (write(machine / "cache" / name / "files", {TRAIN_IMAGES: b"half"}) for name in (".mnist-a", ".mnist-b"))
    os.utime(old.parent, (0, 0))
    load("mnist")
    assert not old.exists() and new.exists()


def test_a_folder_that_cannot_be_written_is_named(machine, serve, mnist):
    server = serve(PACKED)
    mnist(mirrors=(server.url,))
    (machine / "cache").write_bytes(b"a file where the cache should be")
    with pytest.raises(LrarunError, match="cache/mnist: cannot be written"):
        load("mnist")
    assert server.asked == []


@pytest.mark.network
@pytest.mark.parametrize("real", [MNIST, FASHION_MNIST], ids=lambda real: real.name)
def test_the_published_data_can_be_had(tmp_path, real):
    download.download(real, tmp_path / real.name)
    locate.verified(real, tmp_path / real.name)
