"""Files that the user names with --out and --plot: links, pipes, devices, modes, and what the ending says."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from lrarun.files import write_named
from tests.cli.test_behaviour import environment
from tests.support.fabricate import write_log, write_run
from tests.support.small_runs import spec, write_dataset

RUN = "small-run"
ENDING = {"export": ".csv", "report": ".html", "figure": ".png", "show": ".png"}
START = {"export": b"run_id,", "report": b"<!DOCTYPE html>", "figure": b"\x89PNG", "show": b"\x89PNG"}
OF_ONE_KIND = pytest.mark.parametrize("command", ENDING)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a run of a small spec."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    settings = spec(write_dataset(tmp_path / "d.npz"), "dtp").to_dict()
    folder = write_run(
        tmp_path / "results", settings, epoch=3, best_epoch=2, run_id=RUN, test_error=5.0, train_error=5.0
    )
    folder = folder.rename(folder.with_name(RUN))
    write_log(folder, train_nll=[3, 2, 1], validation_nll=[3, 2, 1], validation_error=[9, 5, 6], seconds=[1, 1, 1])
    (tmp_path / "s.yaml").write_text(spec(settings["dataset"], "dtp").to_yaml())
    return tmp_path


def words(command, out):
    """The command line that writes a file."""
    return {
        "export": ["export", "--out", out],
        "report": ["report", "--out", out],
        "figure": ["figure", "3", "--spec", "s.yaml", "--out", out],
        "show": ["show", RUN, "--plot", out],
    }[command]


def assert_written(command, content):
    assert content.startswith(START[command]) and len(content) > 100


def leftovers(folder):
    return [path.name for path in folder.rglob(".tmp-*")]


@OF_ONE_KIND
def test_a_link_is_followed_and_stays_a_link(call, here, command):
    (here / "elsewhere").mkdir()
    file, link = here / "elsewhere" / "file", here / f"link{ENDING[command]}"
    for content in ("old", None):
        file.write_text(content) if content else file.unlink()
        link.unlink(missing_ok=True)
        link.symlink_to(file)
        call(*words(command, link))
        assert link.is_symlink() and os.readlink(link) == str(file)
        assert_written(command, file.read_bytes())
    assert not leftovers(here)


@OF_ONE_KIND
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_keeps_its_mode_and_a_new_one_has_that_of_the_umask(call, here, command, mode):
    file = here / f"a{ENDING[command]}"
    file.write_text("old")
    file.chmod(mode)
    call(*words(command, file))
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert_written(command, file.read_bytes())
    before = os.umask(0o027)
    try:
        call(*words(command, here / f"new{ENDING[command]}"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((here / f"new{ENDING[command]}").stat().st_mode) == 0o640


@OF_ONE_KIND
def test_a_pipe_is_written_to(call, here, command):
    pipe, read = here / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    call(*words(command, pipe))
    reader.join(30)
    assert_written(command, read[0])
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@OF_ONE_KIND
def test_a_device_is_written_to_and_stays_one(call, here, command):
    link = here / "null"
    link.symlink_to("/dev/null")
    for device in ("/dev/null", link):
        assert call(*words(command, device)).code in (0, 4)
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode) and link.is_symlink()


@OF_ONE_KIND
def test_an_open_file_is_written_to_where_it_stands(here, command):
    """As the shell hands it over for ``>(wc -c)``, and as ``/dev/stdout``, whatever that is."""
    reader, writer = os.pipe()
    started = [sys.executable, "-m", "lrarun", *map(str, words(command, f"/dev/fd/{writer}"))]
    process = subprocess.Popen(
        started, pass_fds=[writer], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(writer)
    with open(reader, "rb") as file:
        assert_written(command, file.read())
    process.communicate(timeout=60)
    file = here / "log"
    file.write_bytes(b"before\n")
    started = [sys.executable, "-m", "lrarun", *map(str, words(command, "/dev/stdout"))]
    with open(file, "ab") as log:
        subprocess.run(started, env=environment(), stdout=log, stderr=subprocess.PIPE, timeout=60)
    assert file.read_bytes().startswith(b"before\n")
    assert_written(command, file.read_bytes().removeprefix(b"before\n"))


@OF_ONE_KIND
def test_what_a_file_holds_is_what_its_ending_says_or_it_is_refused(call, here, command):
    wrong = {"export": "xlsx html png", "report": "pdf csv png", "figure": "pdf csv mp4", "show": "csv html xyz"}[
        command
    ]
    for ending in wrong.split():
        code, out, err = call(*words(command, here / f"a.{ending}"))
        assert (code, out) == (2, "") and ENDING[command] in err and "Traceback" not in err
        assert not (here / f"a.{ending}").exists()


def test_export_takes_its_format_from_the_ending(call, here):
    code, _, err = call("export", "--out", "e.parquet")
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        assert code == 2 and "pyarrow" in err and not (here / "e.parquet").exists()
    else:
        assert (code, (here / "e.parquet").read_bytes()[:4]) == (0, b"PAR1")
    for name, format in (("a.parquet", "csv"), ("a.csv", "parquet"), ("a.csv.gz", "csv")):
        code, _, err = call("export", "--out", name, "--format", format)
        assert code == 2 and "--format" not in err and format in err and not (here / name).exists()
    for name in ("e", "e.CSV", "e-v1.2"):
        assert call("export", "--out", name).code == 0
        assert_written("export", (here / name).read_bytes())
    assert call("export", "--out", "e.txt", "--format", "csv").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_in_a_read_only_folder_is_overwritten_and_a_read_only_file_is_not(tmp_path):
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "file"
    file.write_text("old")
    (tmp_path / "in").chmod(0o555)
    try:
        write_named(file, "new")
        assert file.read_text() == "new"
    finally:
        (tmp_path / "in").chmod(0o755)
    file.chmod(0o444)
    with pytest.raises(PermissionError):
        write_named(file, "newer")
    assert file.read_text() == "new"


@pytest.mark.parametrize("failure", [PermissionError(13, "no"), OSError(16, "busy"), OSError(30, "read-only")])
def test_a_file_that_can_not_be_replaced_is_overwritten_in_place(tmp_path, monkeypatch, failure):
    file = tmp_path / "file"
    file.write_text("old and long")
    number = file.stat().st_ino

    def refuse(*_):
        raise failure

    monkeypatch.setattr("os.replace", refuse)
    write_named(file, "new")
    assert (file.read_text(), file.stat().st_ino, leftovers(tmp_path)) == ("new", number, [])
    with pytest.raises(OSError):
        write_named(tmp_path / "absent", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@OF_ONE_KIND
def test_a_folder_is_refused(call, here, command):
    (here / f"in{ENDING[command]}").mkdir()
    code, _, err = call(*words(command, here / f"in{ENDING[command]}"))
    assert "Traceback" not in err and "unexpected" not in err
    # A figure has several files, and goes into a folder whatever its name is.
    assert code == (0 if command == "figure" else 2)


def test_json_on_stdout_stands_alone(call, here):
    code, out, err = call("report", "--json", "--out", "/dev/stdout")
    assert code == 2 and not out and "--out can't be stdout" in err


def test_pictures_of_reference_results_are_not_written_among_them(call, here):
    (here / "results" / "REFERENCE-RESULTS.md").touch()
    code, out, _ = call("figure", "3", "--spec", "s.yaml", "--results", here / "results")
    assert code == 0 and not (here / "results" / "figures").exists()
    assert all((here / line).is_file() for line in out.splitlines()) and out
