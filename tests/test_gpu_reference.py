"""maintenance/gpu_reference.py: what it trains in the minutes of a GPU. No test needs the GPU."""

from __future__ import annotations

import sys

import pytest
import yaml

from lrarun.paper import printed_cells
from lrarun.report.repetitions import settings
from lrarun.specs.build import load_specs
from lrarun.specs.paper_runs import paper_specs
from maintenance import gpu_reference

SEEDS = 16


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """The specs of each call of ``lrarun train``, with a stand-in for the training."""
    calls = []

    def record(spec, results, overrides, deadline):
        path = tmp_path / "spec.yaml"
        path.write_text(yaml.safe_dump(dict(spec)), encoding="utf-8")
        calls.append(load_specs(path, ["engine=jax", *overrides]))
        return True

    monkeypatch.setattr(gpu_reference, "train", record)
    monkeypatch.setattr(gpu_reference, "measure", lambda results: None)
    monkeypatch.setattr(sys, "argv", ["", "--results", str(tmp_path / "runs"), "--archive", str(tmp_path / "a.tar.xz")])
    gpu_reference.main()
    return calls


def test_every_cell_of_the_tables_is_trained_with_three_seeds_or_more(trained):
    seeds = {}
    for spec in (spec.to_dict() for call in trained for spec in call):
        seeds.setdefault(settings(spec), set()).add(spec["seed"])
    wanted = paper_specs({cell.key for cell in printed_cells()})
    counts = {key: len(seeds.get(settings(spec), ())) for key, spec in wanted.items()}
    assert len(counts) == 46
    assert {key.model: count for key, count in counts.items() if key.optimizer == "sgd" and count != SEEDS} == {
        "Equil-Prop": 5
    }
    assert min(counts.values()) == 5


def test_no_run_is_trained_twice_and_those_of_a_call_can_be_stacked(trained):
    """A stack holds networks of the same shapes; data set, seed and numbers may differ."""
    runs = [spec.run_id for call in trained for spec in call]
    assert len(runs) == len(set(runs))
    for call in trained:
        assert len({(spec.algorithm.name, spec.optimizer.name, spec.depth) for spec in call}) == 1


def test_what_is_out_of_time_is_not_begun(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu_reference, "measure", lambda results: None)
    monkeypatch.setattr(gpu_reference, "train", lambda *arguments: pytest.fail("trained out of time"))
    archive = tmp_path / "a.tar.xz"
    argv = ["", "--minutes", "0", "--results", str(tmp_path / "runs"), "--archive", str(archive)]
    monkeypatch.setattr(sys, "argv", argv)
    gpu_reference.main()
    assert archive.exists() and "0 runs" in capsys.readouterr().err
