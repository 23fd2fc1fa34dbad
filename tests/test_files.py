"""Files are whole or absent, even on a full disk."""

from __future__ import annotations

import os
import resource
import signal

import pytest

from lrarun.files import append, write_atomic


def in_a_child(action, limit):
    """Run an action in a forked child whose files may hold ``limit`` bytes; return the error's type, or None."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            action()
        except OSError as error:
            os.write(writer, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    return os.read(reader, 100).decode() or None


@pytest.mark.parametrize("room", range(8))
def test_a_row_that_does_not_fit_leaves_the_log_as_it_was(tmp_path, room):
    log = tmp_path / "log.csv"
    log.write_text("1,2\n")
    assert in_a_child(lambda: append(log, "123456\n"), limit=4 + room) == ("OSError" if room < 7 else None)
    assert log.read_text() == ("1,2\n" if room < 7 else "1,2\n123456\n")


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_else(tmp_path, durable):
    path = tmp_path / "run.json"
    write_atomic(path, "old")
    assert in_a_child(lambda: write_atomic(path, "n" * 5000, durable), limit=1000) == "OSError"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_atomic(path, "new", durable)
    assert path.read_text() == "new"
