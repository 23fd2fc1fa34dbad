"""The parts of ``lrarun bench`` that a clock does not decide."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun.bench import chosen_specs, step_row
from lrarun.bench.data import synthetic
from lrarun.bench.epochs import EpochTimes, configuration, estimates, makespan, time_epochs
from lrarun.bench.products import bare
from lrarun.bench.timing import Task, alternate
from lrarun.engine.product_counts import Operand, Product
from lrarun.paper import printed_cells
from lrarun.specs.build import make_spec
from lrarun.specs.paper_runs import paper_specs


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr("lrarun.bench.products.SECONDS_PER_SHAPE", 0)


def test_tasks_take_turns_and_each_shortest_time_is_its_own():
    calls = []
    slow = Task(lambda: [calls.append("b"), sum(range(20_000))])
    times = alternate({"a": Task(lambda: calls.append("a"), lambda: sum(range(50_000))), "b": slow}, 0.01, 3)
    assert "".join(calls).startswith("ab" + "aaabbb") and set("".join(calls[2:]).split("aaabbb")) == {""}
    assert 0 < times["a"] < times["b"] < 1


def test_bare_products_are_products_of_the_given_shapes_in_both_sets_of_layouts(monkeypatch):
    seen = []
    plain = np.matmul

    def watch(left, right, out):
        seen.append((left, right, out))
        plain(left, right, out=out)
        np.testing.assert_allclose(out, left.astype(float) @ right, rtol=1e-4, atol=1e-4)

    W, z, h, G = (Operand(shape, address, "C") for address, shape in enumerate([(6, 5), (5, 4), (6, 4), (5, 6)]))
    tasks = bare([Product(W, z, h), Product(Operand((5, 6), 0, "F"), h, z), Product(G, h, z)], np.dtype("float32"))
    monkeypatch.setattr(np, "matmul", watch)
    for task in tasks.values():
        seen.clear()
        task.run()
        assert [(a.shape, b.shape) for a, b, _ in seen] == [((6, 5), (5, 4)), ((5, 6), (6, 4)), ((5, 6), (6, 4))]
        for left, right, out in seen:
            assert not np.shares_memory(left, out) and not np.shares_memory(right, out)
    assert np.shares_memory(seen[0][0], seen[1][0]), "one weight matrix, used twice"
    assert not np.shares_memory(seen[1][0], seen[2][0])
    assert seen[1][0].flags.f_contiguous and seen[0][0].flags.c_contiguous


def test_the_data_set_is_mostly_dark_and_can_be_learned():
    dataset = synthetic(600, 100)
    dark = np.mean(dataset.train_images == 0)
    assert 0.7 < dark < 0.9
    assert not dataset.train_images.reshape(-1, 28, 28)[:, :4].any()
    means = np.array([dataset.train_images[dataset.train_labels == k].mean(axis=0) for k in range(10)])
    distances = ((dataset.test_images[:, None] - means) ** 2).sum(axis=-1)
    assert np.mean(distances.argmin(axis=1) == dataset.test_labels) > 0.9


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=30), st.integers(1, 8))
def test_the_last_of_some_runs_ends_within_the_bounds_of_list_scheduling(lengths, jobs):
    end = makespan(lengths, jobs)
    least = max(max(lengths), sum(lengths) / jobs)
    assert least * (1 - 1e-9) <= end <= least * (2 - 1 / jobs) * (1 + 1e-9)
    assert makespan(lengths, 1) == pytest.approx(sum(lengths))


def test_tables_are_estimated_from_their_distinct_runs():
    specs = [make_spec(spec) for spec in paper_specs({cell.key for cell in printed_cells()}).values()]
    times = {configuration(spec): EpochTimes(epoch=36.0, steps=30.0, end=0.0) for spec in specs}
    found = {estimate.what: estimate for estimate in estimates(times, jobs=2)}
    assert {what: estimate.runs for what, estimate in found.items()} == {
        "Table 1": 21,
        "Table 2": 21,
        "Table 3": 6,
        "all of them": 46,
    }
    assert found["all of them"].hours == pytest.approx(46) and found["all of them"].hours_in_jobs == pytest.approx(23)
    without = {key: value for key, value in times.items() if key[2] != "adam"}
    assert [estimate.what for estimate in estimates(without, jobs=2)] == ["Table 1", "Table 2"]


def test_without_a_choice_the_papers_runs_are_timed():
    named = {configuration(spec) for spec in chosen_specs((), (), ())}
    paper = {configuration(make_spec(s)) for s in paper_specs({cell.key for cell in printed_cells()}).values()}
    assert len(named) == 23 and named == paper
    assert [configuration(s) for s in chosen_specs(["dfa"], [2], ["adam"])] == [("dfa", 2, "adam")]


def test_an_epoch_takes_longer_than_its_steps():
    spec = make_spec({"algorithm": "backprop", "depth": 1, "width": 16, "validation": 20})
    times = time_epochs(spec, synthetic(600, 100), 0)
    assert 0 < times.steps < times.epoch and times.end > 0


def test_a_row_holds_the_times_and_their_ratio():
    spec = dataclasses.replace(make_spec({"algorithm": "lra-e", "depth": 1, "width": 16}), validation=20)
    row = step_row(spec, synthetic(600, 100), 0.01)
    assert (row["algorithm"], row["depth"], row["optimizer"]) == ("lra-e", 1, "sgd")
    assert row["ratio"] == pytest.approx(row["step_us"] / row["products_us"], rel=0.05)
