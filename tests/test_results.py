"""Reading what runs left: what is damaged is said, and what failed says where."""

from __future__ import annotations

import json

import pytest

from lrarun.results import read_log, read_result, read_results
from lrarun.runs import reason_of

RECORD = {"state": "finished", "spec": {"depth": 3}}


def test_a_damaged_record_is_warned_of_and_an_absent_one_is_not(tmp_path, caplog):
    for name, content in (("whole", json.dumps(RECORD)), ("torn", json.dumps(RECORD)[:20]), ("odd", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    (tmp_path / "foreign").mkdir()
    assert [result.run_id for result in read_results(tmp_path)] == ["whole"]
    assert {record.args[0] for record in caplog.records} == {"torn", "odd"}
    assert read_result(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content, rows, warned", [
    ("epoch,a\n1,2.5\n2,3.5\n", 2, False),
    ("epoch,a\n1,2.5\n2,", 1, False),  # a writer was killed
    ("epoch,a\n1,x\n2,\n3,1.0\n", 1, True),
    ("", 0, False),  # a run that has just begun
    ("\x00\x01garbage\nmore\nand more\n", 0, True),
])
def test_a_log_that_is_damaged_beyond_its_last_row_is_warned_of(tmp_path, caplog, content, rows, warned):
    (tmp_path / "log.csv").write_text(content)
    assert len(read_log(tmp_path)) == rows
    assert bool(caplog.records) == warned


def test_a_failure_says_where_in_the_code_it_was():
    try:
        {}["nothing"]
    except KeyError as error:
        assert "test_results.py, line " in reason_of(error)
