"""Locks of runs: one holder at a time, released with its process, undisturbed by those who check it."""

from __future__ import annotations

import os
import shutil
import signal
import threading

import pytest

from lrarun.results.read import is_locked
from lrarun.runs.lock import Locked, holder, locked
from tests.support.small_runs import until


def test_one_holder_at_a_time(tmp_path):
    folder = tmp_path / "run"
    with locked(folder):
        assert is_locked(folder)
        assert holder(folder) == f"here, process {os.getpid()}"
        with pytest.raises(Locked, match="run is being trained by another process"), locked(folder):
            pass
    assert not is_locked(folder)
    assert holder(folder) == ""


def test_a_lock_goes_with_its_process(tmp_path):
    child = os.fork()
    if not child:
        with locked(tmp_path):
            signal.pause()
    until(lambda: is_locked(tmp_path))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not is_locked(tmp_path)
    assert holder(tmp_path) == "", "although the killed process is still named in the file"
    with locked(tmp_path):
        pass


def test_looking_neither_makes_a_lock_nor_keeps_anyone_from_taking_it(tmp_path):
    assert not is_locked(tmp_path) and not is_locked(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())
    with locked(tmp_path):
        pass
    done = threading.Event()

    def look():
        while not done.is_set():
            is_locked(tmp_path)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(50):
            with locked(tmp_path):
                pass
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()


def test_a_lock_on_a_folder_that_was_removed_meanwhile_is_taken_on_the_new_one(tmp_path, monkeypatch):
    import fcntl

    folder, flock = tmp_path / "run", fcntl.flock

    def remove_first(file, operation):
        monkeypatch.setattr(fcntl, "flock", flock)
        flock(file, operation)
        shutil.rmtree(folder)  # as `lrarun clean` beside us would, just before

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with locked(folder), pytest.raises(Locked), locked(folder):
        pass
    assert (folder / ".lock").exists()


def test_trouble_with_the_file_system_is_not_another_process(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError), locked(tmp_path / "file"):
        pass
