"""What plays the outside world: file servers, programs of package registries, someone who watches a download."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lrarun.data.load import load
from lrarun.data.progress import Progress
from lrarun.errors import FetchError
from tests.support.tiny_data import contents

PACKED = {f"{file}.gz": gzip.compress(content) for file, content in contents().items()}
STORED = {f"cache/mnist/{file}": content for file, content in contents().items()}


class Server:
    """An HTTP server on this machine that answers from ``files`` and notes what was asked for."""

    def __init__(self, files: dict[str, bytes], promised: int = 0):
        self.files, self.promised, self.asked = files, promised, []
        self.pause = threading.Event()
        self.pause.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                outer.pause.wait(10)
                body = outer.files.get(self.path.lstrip("/"))
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"") + outer.promised))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *words):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.pause.set()
        self.http.shutdown()
        self.http.server_close()


class Told(Progress):
    """Remembers all that it is told."""

    def __init__(self):
        self.notes, self.transfers, self.open = [], [], False

    def note(self, text):
        self.notes.append(text)

    def start(self, label, total):
        self.transfers.append([label, total, 0])
        self.open = True

    def advance(self, count):
        self.transfers[-1][2] += count

    def stop(self):
        self.open = False


def reason() -> str:
    """Why MNIST cannot be had."""
    with pytest.raises(FetchError) as failure:
        load("mnist")
    return str(failure.value)


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def client(folder: Path, name: str, body: str) -> None:
    """A program in Python; what it is called with goes into NAME.log."""
    path, script = folder / name, folder / f"{name}.py"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    script.write_text(
        "import os, shutil, sys\n"
        f"open({str(folder / name)!r} + '.log', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n{body}\n"
    )
    path.chmod(0o755)
