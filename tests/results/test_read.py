"""Reading what runs left on disk, damaged files included."""

from __future__ import annotations

import json

import pytest

from lrarun.results import read
from lrarun.results.find_run import find_result
from lrarun.results.log import read_log
from lrarun.results.read import load_result, read_result, read_results
from lrarun.results.result import Result
from lrarun.runs.failures import reason_of
from lrarun.runs.lock import locked

RECORD = {"state": "finished", "spec": {"depth": 3}}
RECORDS = (
    ("whole", json.dumps(RECORD)),
    ("torn", json.dumps(RECORD)[:20]),
    ("odd", "[]"),
    ("with a list for a spec", json.dumps(RECORD | {"spec": [1]})),
    ("without an id", json.dumps(RECORD | {"run_id": None})),
)


def test_a_damaged_record_is_warned_of_and_an_absent_one_is_not(tmp_path, caplog):
    for name, content in RECORDS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "round").symlink_to("round")
    assert [result.run_id for result in read_results(tmp_path)] == ["whole"]
    assert {record.args[0] for record in caplog.records} == set(dict(RECORDS)) - {"whole"}
    assert read_result(tmp_path / "nowhere") is None


def write(folder, run_id, **record):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(RECORD | {"run_id": run_id} | record))


@pytest.mark.parametrize("place", [".", ".new"])
def test_a_run_is_running_while_a_process_holds_its_lock_and_interrupted_if_that_was_killed(tmp_path, place):
    write(tmp_path / "a" / place, "a", state="running")
    with locked(tmp_path / "a"):
        assert load_result((tmp_path / "a" / place).resolve()).state == "running"
    killed = load_result((tmp_path / "a" / place).resolve())
    assert (killed.state, killed.reason) == ("interrupted", "its process was killed")
    assert killed.record["state"] == "running", "the record is as it is stored"


def test_a_run_that_ends_while_it_is_read_was_not_killed(tmp_path, monkeypatch):
    write(tmp_path / "a", "a", state="running")

    def unlocked(folder):
        write(folder, "a", state="finished")  # its process stores the end, then gives up the lock
        return False

    monkeypatch.setattr(read, "is_locked", unlocked)
    assert load_result(tmp_path / "a").state == "finished"


def test_a_run_counts_once_whatever_copies_lie_beside_it(tmp_path, caplog):
    for name, run_id in (("a-1", "a-1"), ("a-2", "a-2"), ("copy of a-1", "a-1")):
        write(tmp_path / name, run_id)
    assert [result.run_id for result in read_results(tmp_path)] == ["a-1", "a-2"]
    (record,) = caplog.records
    said = record.getMessage()
    assert str(tmp_path / "copy of a-1") in said and "holds the run a-1;" in said and "rename it" in said


def test_runs_in_renamed_folders_are_left_out_with_one_warning_for_all(tmp_path, caplog):
    for number in range(12):
        write(tmp_path / f"mine-{number}", f"a-{number}")
    assert read_results(tmp_path) == []
    (record,) = caplog.records
    assert "12 folders" in record.getMessage() and "and 4 more" in record.getMessage()
    caplog.clear()
    assert read_result(tmp_path / "mine-3") is None and len(caplog.records) == 1
    assert find_result(tmp_path, "mine-3").run_id == "a-3", "who names the folder means it"


def test_a_results_folder_that_is_a_file_or_in_one_holds_no_runs(tmp_path):
    (tmp_path / "file").touch()
    assert read_results(tmp_path / "file" / "results") == read_results(tmp_path / "file") == []


@pytest.mark.parametrize(
    "content, rows, warned",
    [
        ("epoch,a\n1,2.5\n2,3.5\n", 2, False),
        ("epoch,a\n1,2.5\n2,", 1, False),  # a writer was killed
        ("epoch,a\n1,x\n2,\n3,1.0\n", 1, True),
        ("", 0, False),  # a run that has just begun
        ("\x00\x01garbage\nmore\nand more\n", 0, True),
    ],
)
def test_a_log_that_is_damaged_beyond_its_last_row_is_warned_of(tmp_path, caplog, content, rows, warned):
    (tmp_path / "log.csv").write_text(content)
    assert len(read_log(tmp_path)) == rows
    assert bool(caplog.records) == warned


def test_a_failure_says_where_in_the_code_it_was():
    try:
        {}["nothing"]
    except KeyError as error:
        assert "test_read.py, line " in reason_of(error)


def test_an_entry_that_is_absent_or_odd_is_none_or_empty():
    for record in ({}, {"test_error": "low", "epoch": None, "provenance": [], "resumed": 3, "seconds": {}}):
        result = Result("a-1", None, "finished", {}, record)
        assert (result.epoch, result.epochs, result.test_error, result.seconds) == (0, None, None, None)
        assert (result.provenance, result.resumed, result.traceback, result.reason) == ({}, [], (), None)
