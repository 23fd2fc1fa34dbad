"""Streams are reproducible, and independent by name, seed and index."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun.nn.randomness import stream

NAMES = ("split", "weights", "order", "noise")


def draws(*key, n=4):
    return tuple(stream(*key).integers(2**63, size=n))


@settings(max_examples=30)
@given(st.integers(0, 2**64), st.text(max_size=8), st.lists(st.integers(0, 2**32 - 1), max_size=3))
def test_equal_keys_give_equal_streams(seed, name, index):
    assert draws(seed, name, *index) == draws(seed, name, *index)


def test_no_two_keys_share_a_stream():
    indices = [(), (0,), (0, 0), (1,), (0, 1), (1, 0)]
    seeds = [0, 1, 2, 2**32, 2**32 + 1, 2**64]
    keys = [(seed, name, *index) for seed, name, index in itertools.product(seeds, NAMES, indices)]
    assert len({draws(*key) for key in keys}) == len(keys)


def test_drawing_from_one_stream_leaves_the_others_alone():
    wanted = draws(7, "order", 3)
    order = stream(7, "order", 3)
    stream(7, "noise").standard_normal(1000)
    stream(7, "order", 2).standard_normal(1000)
    assert tuple(order.integers(2**63, size=4)) == wanted


def test_streams_of_different_names_seeds_and_epochs_are_uncorrelated():
    n = 20_000
    samples = [
        stream(seed, name, epoch).standard_normal(n)
        for seed in (0, 1)
        for name in ("weights", "noise")
        for epoch in (0, 1)
    ]
    correlation = np.corrcoef(samples) - np.eye(len(samples))
    assert np.abs(correlation).max() < 5 / np.sqrt(n)


def test_the_stream_does_not_depend_on_the_process():
    """Names are hashed by content: Python's own hash would differ from run to run."""
    code = "from lrarun.nn.randomness import stream; print(stream(3, 'weights', 1).integers(2**63))"
    environment = os.environ | {"PYTHONHASHSEED": "12"}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert int(printed.stdout) == stream(3, "weights", 1).integers(2**63)
