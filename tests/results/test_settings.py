"""Resolved specs as flat mappings, and what differs between them."""

from __future__ import annotations

import doctest

import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.results import settings
from lrarun.results.settings import by_sweep_key, differing, flatten
from lrarun.specs.build import load_specs, make_spec


def test_the_examples_hold():
    assert doctest.testmod(settings).failed == 0 < doctest.testmod(settings).attempted


@pytest.mark.parametrize("name", algorithms())
def test_a_sweep_keys_settings_make_the_spec_again(name, tmp_path):
    (tmp_path / "own.yaml").write_text("algorithm: backprop")
    spec = make_spec({"algorithm": name, "depth": 5, "optimizer": "adam", "seed": 3})
    flat = by_sweep_key(spec.to_dict())
    assert flat.pop("probes") == ""
    assert load_specs(tmp_path / "own.yaml", [f"{key}={value}" for key, value in flat.items()]) == [spec]


def test_a_list_of_probes_is_in_words():
    spec = make_spec({"algorithm": "lra-e", "probes": ["angle", "discrepancy"]}).to_dict()
    assert by_sweep_key(spec)["probes"].split()[0].startswith("angle")
    assert flatten(spec)["probes"] == spec["probes"]


def test_what_differs_is_what_not_all_share():
    flats = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3, "c": None}]
    assert differing(flats) == ["b"] and differing(flats[:2]) == differing(flats[:1]) == differing([]) == []
