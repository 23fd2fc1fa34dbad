"""Finding a run by what the user typed."""

from __future__ import annotations

import json

import pytest

from lrarun.errors import Incomplete, UsageError
from lrarun.results.find_run import differences_of_similar, find_result


def write(folder, run_id):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"state": "finished", "spec": {"depth": 3}, "run_id": run_id}))


def test_a_digest_may_be_begun_where_no_id_begins_so(tmp_path):
    for run_id in ("dfa-s0-0123456789", "rfa-s0-0123f56789", "rfa-s1-dfa3456789", "rfa-s2-9876543210"):
        write(tmp_path / run_id, run_id)
    for text, run_id in (
        ("9876", "rfa-s2-9876543210"),
        ("0123f", "rfa-s0-0123f56789"),
        ("dfa", "dfa-s0-0123456789"),
        ("dfa3", "rfa-s1-dfa3456789"),
        ("9876543210", "rfa-s2-9876543210"),
    ):
        assert find_result(tmp_path, text).run_id == run_id, text
    with pytest.raises(UsageError, match="means 2 runs") as refusal:
        find_result(tmp_path, "0123")
    assert "dfa-s0-0123456789" in str(refusal.value) and "rfa-s0-0123f56789" in str(refusal.value)
    for nothing in ("3210", "f3", "987"):
        with pytest.raises(Incomplete):
            find_result(tmp_path, nothing)


def test_runs_with_similar_ids_are_told_apart_by_their_settings():
    specs = {f"mnist-lra-e-{beta}": {"algorithm": {"name": "lra-e", "beta": beta}, "seed": 0} for beta in (0.1, 0.2)}
    alone = {"mnist-dfa-0": {"algorithm": {"name": "dfa"}, "seed": 0}}
    assert list(differences_of_similar(specs | alone).values()) == ["algorithm.beta=0.1", "algorithm.beta=0.2", ""]
