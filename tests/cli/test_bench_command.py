"""``lrarun bench`` as a user meets it."""

from __future__ import annotations

import json
import sys

import pytest

from lrarun.bench.epochs import EpochTimes
from lrarun.cli import main

QUICK = ("bench", "--depth", "1", "--algorithm", "backprop", "--seconds", "0.01", "--images", "600")


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr("lrarun.bench.products.SECONDS_PER_SHAPE", 0)


def lrarun(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        main(list(arguments))
    return exit.value.code, capsys.readouterr()


def test_rows_as_json(capsys):
    code, printed = lrarun(capsys, *QUICK, "--algorithm", "lra-e", "--optimizer", "adam", "--no-epochs", "--json")
    rows = json.loads(printed.out)
    assert code == 0 and [(r["algorithm"], r["depth"], r["optimizer"]) for r in rows] == [
        ("backprop", 1, "adam"),
        ("lra-e", 1, "adam"),
    ]
    assert all(r["step_us"] > 0 and r["products_us"] > 0 and r["ratio"] > 0 for r in rows)
    assert "one thread" in printed.err, "which library and kernels"


def test_a_table_with_whole_epochs(capsys):
    code, printed = lrarun(capsys, *QUICK)
    about, header, row = printed.out.splitlines()
    assert code == 0 and "blas" in about
    assert header.split() == [
        "algorithm",
        "depth",
        "optimizer",
        "step_us",
        "products_us",
        "ratio",
        "epoch_s",
        "epoch_ratio",
        "epochs_per_s",
    ]
    assert row.split()[:3] == ["backprop", "1", "sgd"] and len(row) == len(header)


@pytest.mark.parametrize("images", [600, 59_999, 60_000])
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_the_papers_hours_are_estimated_from_data_of_the_papers_size_alone(capsys, monkeypatch, images, as_json):
    times = EpochTimes(epoch=36.0, steps=30.0, end=0.0)
    monkeypatch.setattr("lrarun.bench.step_row", lambda spec, *rest: {"algorithm": spec.algorithm.name})
    monkeypatch.setattr("lrarun.bench.data.synthetic", lambda *sizes: None)
    monkeypatch.setattr("lrarun.bench.epochs.time_epochs", lambda *what: times)
    code, printed = lrarun(capsys, "bench", "--images", str(images), *as_json)
    said = printed.err if as_json else printed.out
    assert code == 0 and ("estimated hours" in said) == ("46 runs   46.00" in said) == (images == 60_000)
    assert ("no estimate" in said and f"of {images:,}" in said) == (images != 60_000)


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (("--algorithm", "bakprop"), "did you mean 'backprop'"),
        (("--optimizer", "adm"), "did you mean 'adam'"),
        (("--depth", "0"), "depth"),
        (("--images", "29"), "--images"),
        (("--seconds", "-1"), "seconds"),
    ],
)
def test_mistakes_are_named(capsys, wrong, hint):
    code, printed = lrarun(capsys, "bench", *wrong)
    assert code == 2 and hint in printed.err and printed.out == ""


def test_without_pytorch_it_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, printed = lrarun(capsys, *QUICK, "--vs", "torch")
    assert code == 2 and "pip install -e '.[bench]'" in printed.err


def test_stacks_of_the_engine_jax(capsys):
    pytest.importorskip("jax")
    code, printed = lrarun(
        capsys, *QUICK, "--optimizer", "sgd", "--engine", "jax", "--stack", "1", "--stack", "3", "--json"
    )
    rows = json.loads(printed.out)
    assert code == 0 and [row["networks"] for row in rows] == [1, 3] and printed.err.startswith("JAX ")
    for row in rows:
        assert row["step_us"] > 0 and row["products_us"] > 0 and row["ratio"] > 0
        assert row["network_us"] == pytest.approx(row["step_us"] / row["networks"], abs=0.1)
