"""A table of settings, held against pandas and SciPy, which know nothing of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from lrarun.errors import UsageError
from lrarun.paper import Key
from lrarun.report.summary.difference import NO_SCORE, ONE_SEED, SAME_EACH, compare
from lrarun.report.summary.render import render_summary
from lrarun.report.summary.render_difference import render_difference
from lrarun.report.summary.rows import MEASURES, averaged_by, frame, ordered, summarize
from lrarun.report.summary.settings import flat_settings, keys_of
from lrarun.results.read import read_results
from lrarun.results.result import Result
from tests.support.fabricate import spec_for, write_predictions, write_run

OWN = Key("mine.npz", "LRA-E", 3, "sgd")
SCORES = [name for name in MEASURES if name != "best_epoch"]


def a_run(spec, state="finished", **record):
    """A run whose folder has nothing in it."""
    name = f"run-{spec['seed']}"
    return Result(name, Path("nowhere"), state, spec, {"epoch": spec["epochs"]} | record)


def runs_of(betas=(0.05, 0.1, 0.2), seeds=(0, 1, 2), depths=(3,), **more):
    rng = np.random.default_rng(0)
    return [
        a_run(
            spec_for(OWN._replace(depth=depth), seed=seed, algorithm={"beta": beta}, **more),
            validation_error=float(rng.uniform(1, 9)),
            test_error=float(rng.uniform(1, 9)),
            train_error=float(rng.uniform(0, 2)),
            best_epoch=int(rng.integers(1, 100)),
            seconds=float(rng.uniform(10, 20)),
        )
        for depth in depths
        for beta in betas
        for seed in seeds
    ]


def as_pandas(runs):
    """Each run as a row, read from its record alone."""
    return pd.DataFrame(
        [
            {"beta": r.spec["algorithm"]["beta"], "depth": r.spec["depth"], "seed": r.spec["seed"]}
            | {name: r.record[name] for name in MEASURES}
            for r in runs
        ]
    )


def test_means_and_deviations_are_those_of_pandas():
    runs = runs_of(depths=(2, 3))
    found = frame(summarize(runs))
    groups = as_pandas(runs).groupby(["beta", "depth"])
    for row in found.to_dict("records"):
        own = groups.get_group((row["algorithm.beta"], row["depth"]))
        assert row["runs"] == 3 == len(own)
        for name in MEASURES:
            assert row[name] == pytest.approx(own[name].mean())
            assert row[f"{name}_std"] == pytest.approx(own[name].std())
    assert len(found) == 6 and found.attrs["common"]["dataset"] == "mine.npz"
    assert "algorithm.beta" not in found.attrs["common"] and "seed" not in found.attrs["common"]


@pytest.mark.parametrize("typed", ["beta", "algorithm.beta", "depth", "seed"])
def test_an_average_by_a_key_is_over_all_runs_with_its_value(typed):
    runs = runs_of(depths=(2, 3, 5))
    made = averaged_by(summarize(runs), [typed])
    found, column = frame(made), typed.rpartition(".")[2]
    expected = as_pandas(runs).groupby(column)["test_error"].agg(["mean", "std", "count"])
    assert found["test_error"].tolist() == pytest.approx(expected["mean"].tolist())
    assert found["test_error_std"].tolist() == pytest.approx(expected["std"].tolist())
    assert found["runs"].tolist() == expected["count"].tolist()
    assert "A row's runs differ in" in " ".join(render_summary(made, "text").split())


@pytest.mark.parametrize("column", [*MEASURES, "test", "beta", "algorithm.beta", "runs"])
@pytest.mark.parametrize("down", [False, True])
def test_any_column_gives_the_order_and_what_has_no_value_comes_last(column, down):
    runs = [*runs_of(), a_run(spec_for(OWN, algorithm={"beta": 0.4}), "diverged")]
    found = frame(ordered(summarize(runs), f"-{column}" if down else column))
    name = {"test": "test_error", "beta": "algorithm.beta"}.get(column, column)
    values = [value for value in found[name] if not np.isnan(value)]
    assert values == sorted(values, reverse=down)
    if column not in ("beta", "algorithm.beta", "runs"):
        assert np.isnan(found[name].iloc[-1]) and len(values) == 3


def test_what_is_not_there_is_counted_by_what_became_of_it():
    betas = (0.05, 0.1, 0.2)
    specs = [spec_for(OWN, seed=seed, algorithm={"beta": beta}) for beta in betas for seed in range(6)]
    states = ["finished", "running", "interrupted", "failed", "diverged"]
    runs = [a_run(spec, state, test_error=3.0) for spec, state in zip(specs, states)]
    found = frame(summarize(runs, specs)).to_dict("records")
    assert [found[0][name] for name in ("runs", *states[1:], "missing")] == [1] * 6
    assert [row["missing"] for row in found] == [1, 6, 6] and found[0]["test_error"] == 3.0
    assert sum(sum(row[name] for name in ("runs", *states[1:], "missing")) for row in found) == len(specs)
    shown = render_summary(summarize(runs, specs), "text")
    assert "1 running, 1 interrupted, 1 failed, 1 diverged, 1 missing" in shown and "6 missing" in shown


def test_one_run_that_has_no_score_says_how_far_it_is():
    spec = spec_for(OWN)
    for state, words in (("running", "running 34/100"), ("diverged", "diverged at 34")):
        assert words in render_summary(summarize([a_run(spec, state, epoch=34)]), "text")


def test_specs_choose_runs_and_seeds_and_keep_their_order():
    runs = runs_of(betas=(0.2, 0.1, 0.05), seeds=(0, 1, 2, 3))
    specs = [run.spec for run in runs if run.spec["seed"] < 2 and run.spec["algorithm"]["beta"] != 0.1]
    found = frame(summarize(runs, specs))
    assert found["algorithm.beta"].tolist() == [0.2, 0.05] and found["runs"].tolist() == [2, 2]
    probing = [spec | {"probes": ["angle"]} for spec in specs]
    assert frame(summarize(runs, probing))["runs"].tolist() == [2, 2], "a probe only observes"


def test_the_columns_are_what_differs_and_the_rest_is_said_once():
    runs = runs_of(width=64)
    shown = render_summary(summarize(runs), "text")
    head, table = shown.split("\n\n")
    assert table.split()[:7] == ["beta", "runs", "validation", "test", "train", "epoch", "time"]
    assert "width 64" in head and "width" not in table and "lra-e" not in table


def test_a_block_says_by_its_name_what_differs_with_it():
    def of(rule, beta=None, **more):
        settings = {} if beta is None else {"beta": beta}
        return flat_settings(spec_for(Key("mnist", rule, 3, "sgd"), algorithm=settings, **more))

    two = keys_of([of("Backprop"), of("LRA-E", 0.1)])
    assert two.columns == ("algorithm",) and two.follows == {"algorithm lra-e": {"beta": 0.1}}
    assert keys_of([of("Backprop"), of("LRA-E", 0.1), of("LRA-E", 0.2)]).columns == ("algorithm", "algorithm.beta")
    usual = {"batch_size": 50, "epochs": 100}
    mixed = [of("Backprop"), of("LRA-E", 0.1, batch_size=10)]
    assert keys_of(mixed).columns == keys_of(mixed, lambda flat: usual).columns == ("algorithm", "batch_size")
    own = {"lra-e": usual | {"batch_size": 10}, "backprop": usual}
    assert keys_of(mixed, lambda flat: own[flat["algorithm"]]).columns == ("algorithm",)
    assert keys_of(mixed, lambda flat: own[flat["algorithm"]]).usual == ("batch_size",)


settings_of_runs = st.fixed_dictionaries(
    {
        "width": st.sampled_from([8, 16]),
        "epochs": st.sampled_from([1, 2]),
        "algorithm": st.sampled_from([{"name": "a"}, {"name": "b", "beta": 1}, {"name": "b", "beta": 2}]),
        "optimizer": st.sampled_from(
            [{"name": "sgd", "rate": 1}, {"name": "adam", "rate": 2}, {"name": "adam", "rate": 3}]
        ),
    }
)


@given(st.lists(settings_of_runs, min_size=1, max_size=8))
def test_columns_tell_every_two_settings_apart_and_nothing_is_said_of_none(specs):
    flats = list({json.dumps(spec, sort_keys=True): flat_settings(spec) for spec in specs}.values())
    keys = keys_of(flats)
    told = [tuple(flat.get(key) for key in keys.columns) for flat in flats]
    assert len(set(told)) == len(flats)
    said = {*keys.columns, *keys.common, *keys.usual}
    said |= {f"{choice.split()[0]}.{name}" for choice, flat in keys.follows.items() for name in flat}
    assert said == {key for flat in flats for key in flat}


@pytest.mark.parametrize("rules", [("LRA-E",), ("LRA-E", "Backprop", "Equil-Prop")])
@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("extra", [0, 3, 6])
def test_the_table_fits_the_width_and_loses_no_setting(rules, width, extra):
    more = ["batch_size", "width", "validation", "epochs", "activation", "dtype"][:extra]
    runs = [
        a_run(spec_for(OWN._replace(model=rule), seed=seed, algorithm={"beta": 0.1}, **dict.fromkeys(more, 10**at)),
              validation_error=12.5 + seed, test_error=12.5, train_error=12.5 + seed, best_epoch=1, seconds=9e4)
        for rule in rules for at in range(3) for seed in (0, 1)
    ]  # fmt: skip
    shown = render_summary(summarize(runs), "text", width)
    assert max(map(len, shown.splitlines())) <= width
    if extra or len(rules) > 1:
        assert len({tuple(row.flat.items()) for row in summarize(runs).rows}) == len(rules) * (3 if extra else 1)
        assert all(word in shown for word in ("12.50", "runs"))


def test_a_long_table_is_cut_and_says_so():
    shown = render_summary(summarize(runs_of(betas=[0.1 * at for at in range(1, 31)])), "text", 80, most=10)
    assert "and 20 more settings" in shown and len(shown.splitlines()) < 25


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "csv", "json"])
def test_every_format_has_the_numbers(format):
    runs = runs_of()
    made = render_summary(summarize(runs), format)
    own = as_pandas(runs).groupby("beta")["test_error"].mean()
    assert all((f"{mean:.5g}"[:-1] if format in ("csv", "json") else f"{mean:.2f}") in made for mean in own)
    if format == "csv":
        read = pd.read_csv(io.StringIO(made))
        assert read["test_error"].tolist() == pytest.approx(own.tolist())
        assert list(read.columns[:2]) == ["algorithm.beta", "runs"] and "test_error_std" in read
    if format == "json":
        told = json.loads(made)
        assert [row["algorithm.beta"] for row in told["settings"]] == [0.05, 0.1, 0.2]
        assert told["common"]["dataset"] == "mine.npz"


@pytest.mark.parametrize("seeds", [2, 3, 10])
@pytest.mark.parametrize("names", [("beta=0.05", "beta=2e-1"), ("0.05", "0.2"), ("algorithm=lra-e,beta=.05", "0.2")])
def test_a_paired_difference_is_scipys(seeds, names):
    runs = runs_of(seeds=range(seeds))
    data = as_pandas(runs).pivot(index="seed", columns="beta", values="test_error")
    expected = scipy.stats.ttest_rel(data[0.05], data[0.2])
    interval = expected.confidence_interval(0.95)
    found = compare(summarize(runs), *names)
    (one,) = [each for each in found.differences if each.error == "test_error"]
    assert (len(one.seeds), one.difference) == (seeds, pytest.approx((data[0.05] - data[0.2]).mean()))
    assert one.interval == pytest.approx((interval.low, interval.high))
    assert ("not told" in one.verdict) == (expected.pvalue > 0.05)


@pytest.mark.parametrize("without", [None, 2])
def test_a_difference_of_test_errors_is_over_the_images_too_where_the_predictions_are_there(tmp_path, without):
    rng, wrong = np.random.default_rng(0), {}
    for beta, often in ((0.1, 0.03), (0.2, 0.04)):
        for seed in range(3):
            wrong[beta, seed] = rng.random(2000) < often
            spec = spec_for(OWN, seed=seed, algorithm={"beta": beta})
            error = 100 * wrong[beta, seed].mean()
            folder = write_run(tmp_path, spec, test_error=error, validation_error=error, train_error=error)
            if seed != without:
                write_predictions(folder, wrong[beta, seed])
    found = compare(summarize(read_results(tmp_path)), "0.1", "0.2")
    made = {one.error: one for one in found.differences}
    of_images = 100 * np.mean([np.subtract(wrong[0.1, seed], wrong[0.2, seed], dtype=float) for seed in range(3)], 0)
    of_seeds = [100 * (wrong[0.1, seed].mean() - wrong[0.2, seed].mean()) for seed in range(3)]
    over_seeds = scipy.stats.t.ppf(0.975, 2) * scipy.stats.sem(of_seeds)
    over_images = 0.0 if without is not None else scipy.stats.norm.ppf(0.975) * scipy.stats.sem(of_images)
    assert made["test_error"].half_width == pytest.approx(np.hypot(over_seeds, over_images))
    assert made["train_error"].half_width == pytest.approx(over_seeds), "its images are drawn anew for each seed"
    said = " ".join(render_difference(found, "text").split())
    assert ("over the test images, too" in said, "over seeds alone" in said) == (without is None, without == 2)


def test_only_seeds_that_both_have_are_compared():
    runs = [run for run in runs_of() if run.spec["algorithm"]["beta"] != 0.1 or run.spec["seed"] != 1]
    found = {one.error: one for one in compare(summarize(runs), "0.05", "0.1").differences}
    data = as_pandas(runs).pivot(index="seed", columns="beta", values="train_error").dropna()
    assert found["train_error"].seeds == (0, 2)
    assert found["train_error"].a == pytest.approx(data[0.05].mean())


def test_one_seed_and_equal_differences_have_no_interval_and_say_so():
    single = compare(summarize(runs_of(seeds=(0,))), "0.05", "0.1")
    assert {one.verdict for one in single.differences} == {ONE_SEED}
    assert "one seed, no interval" in render_difference(single, "text")
    apart = [a_run(spec_for(OWN, seed=seed, algorithm={"beta": beta}), test_error=beta * 10, validation_error=1.0)
             for seed in (0, 1) for beta in (0.1, 0.2)]  # fmt: skip
    same = {one.error: one for one in compare(summarize(apart), "0.1", "0.2").differences}
    assert same["test_error"].verdict == same["validation_error"].verdict == SAME_EACH
    assert same["test_error"].difference == pytest.approx(-1.0) and same["test_error"].interval is None
    assert same["train_error"].verdict == NO_SCORE, "no run has it"


def test_settings_that_differ_otherwise_too_are_compared_pair_by_pair():
    runs = runs_of(depths=(2, 3, 5))
    found = compare(summarize(runs), "beta=0.05", "beta=0.2")
    data = as_pandas(runs).groupby(["beta", "depth"])["test_error"].mean()
    tests = [one for one in found.differences if one.error == "test_error"]
    assert [one.others["depth"] for one in tests] == [2, 3, 5] and found.columns == ("depth",)
    for one in tests:
        assert one.difference == pytest.approx(data[0.05, one.others["depth"]] - data[0.2, one.others["depth"]])
    assert "Of 3 pairs" in render_difference(found, "text")


@pytest.mark.parametrize("width", [60, 70, 80, 100])
@pytest.mark.parametrize("rule", ["backprop", "equilibrium-propagation-of-my-own"])
@pytest.mark.parametrize("uneven", [False, True])
def test_a_comparison_fits_the_width_and_its_verdicts_have_a_heading_and_whole_words(width, rule, uneven):
    runs = [
        a_run(spec_for(OWN, seed=seed, activation=activation, algorithm={"name": name, "beta": 0.1}),
              test_error=10.0 + seed + (activation == "relu") * seed, validation_error=10.0 + seed, train_error=9.0)
        for name in (rule, "lra-e") for activation in ("tanh", "relu")
        for seed in range(3 if uneven and name == rule else 2)
    ]  # fmt: skip
    made = render_difference(compare(summarize(runs), "tanh", "relu"), "text", width)
    lines = made.splitlines()
    assert max(map(len, lines)) <= width
    head = next(line for line in lines if line.startswith("algorithm "))
    assert head.endswith("verdict")
    at = head.index("verdict")
    words = {
        word
        for line in lines[lines.index(head) + 2 :]
        if not line.startswith(("Each", "Left"))
        for word in line[at:].split()
    }
    assert {"not", "told", "apart", "no", "spread,", "interval"} >= words >= {"not", "told", "apart"}
    assert "seeds" in head or "Each row is over 2 seeds." in made or "Left out for want of room: A, B, seeds." in made


def test_few_seeds_are_given_as_the_reason_why_two_are_not_told_apart():
    def said(seeds, effect=0.1):
        runs = [a_run(spec_for(OWN, seed=seed, activation=activation),
                      test_error=10.0 + (seed % 2 + effect) * (activation == "relu"))
                for activation in ("tanh", "relu") for seed in range(seeds)]  # fmt: skip
        return " ".join(render_difference(compare(summarize(runs), "tanh", "relu"), "text", 80).split())

    for seeds in (2, 3, 4):
        assert f"With {seeds} seeds the interval is {scipy.stats.t.ppf(0.975, seeds - 1):.1f} standard errors" in said(
            seeds
        )
    assert "for want of seeds" not in said(10) and "not told apart" in said(10, effect=-0.5)
    assert "for want of seeds" not in said(4, effect=50), "they are told apart"


def test_one_setting_may_be_compared_with_each_of_several():
    runs = [
        *runs_of(),
        *(a_run(spec_for(OWN._replace(model="Backprop"), seed=seed), test_error=5.0) for seed in range(3)),
    ]
    found = compare(summarize(runs), "backprop", "lra-e")
    assert found.columns == ("algorithm.beta",) and len(found.differences) == 9
    assert (found.a, found.b) == ("algorithm backprop", "algorithm lra-e")


@pytest.mark.parametrize(
    "a, b, said",
    [
        ("0.3", "0.1", "no setting '0.3'"),
        ("beta=0.3", "0.1", "no setting 'beta=0.3'"),
        ("bета=0.1", "0.2", "no key"),
        ("beat=0.1", "0.2", "did you mean"),
        ("0.1", "beta=0.1", "the same setting"),
        ("depth=3", "batch_size=50", "the same settings"),
    ],
)
def test_what_cannot_be_compared_is_said_with_what_there_is(a, b, said):
    with pytest.raises(UsageError, match=said) as error:
        compare(summarize(runs_of()), a, b)
    assert "Traceback" not in str(error.value)


def test_groups_that_cannot_be_paired_are_listed():
    others = [
        a_run(spec_for(OWN._replace(model="DFA"), algorithm={"alpha": alpha}), test_error=5.0) for alpha in (1, 2)
    ]
    with pytest.raises(UsageError, match="(?s)'dfa' means 2 settings.*alpha=1.*'lra-e' means 3 settings.*beta=0.2"):
        compare(summarize([*runs_of(), *others]), "dfa", "lra-e")


@pytest.mark.parametrize("typed", ["bela", "nothing-like-it", ""])
@pytest.mark.parametrize("change", [ordered, lambda found, typed: averaged_by(found, [typed])])
def test_a_key_that_is_none_is_met_with_those_that_are(typed, change):
    if typed or change is not ordered:
        with pytest.raises(UsageError, match="no key"):
            change(summarize(runs_of()), typed)


def test_it_reads_what_runs_leave(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path, spec_for(OWN, seed=seed), test_error=4.0 + seed, validation_error=3.0, train_error=1.0,
                  best_epoch=5, seconds=2.0)  # fmt: skip
    (row,) = frame(summarize(read_results(tmp_path))).to_dict("records")
    assert row["test_error"] == 4.5 and row["test_error_std"] == pytest.approx(np.sqrt(0.5))


# A setting that only some specs write out


def with_optimizer(**settings):
    """One setting's two seeds, with an optimizer of these settings."""
    return runs_of(betas=(0.1,), seeds=(0, 1), optimizer={"name": "sgd", "learning_rate": 0.01} | settings)


def test_a_setting_that_is_off_in_some_runs_is_a_column_and_can_be_named():
    runs = [*with_optimizer(), *with_optimizer(weight_decay=0.5)]
    found = summarize(runs, silent=lambda flat: {"optimizer.weight_decay": 0.0, "optimizer.other": 1})
    assert found.keys.columns == ("optimizer.weight_decay",) and not found.keys.follows
    assert frame(found)["optimizer.weight_decay"].tolist() == [0.0, 0.5]
    assert compare(found, "weight_decay=0", "weight_decay=0.5").a == "optimizer.weight_decay 0"
    unknown = frame(summarize(runs))["optimizer.weight_decay"]  # of a rule that is not installed
    assert unknown.isna().tolist() == [False, True]


def test_rates_per_layer_are_settings_like_others():
    rates = ([0.1, 0.01], [0.2, 0.01], 0.3)
    found = summarize([run for rate in rates for run in with_optimizer(learning_rate=rate)])
    assert sorted(map(str, frame(found)["optimizer.learning_rate"])) == ["0.3", "[0.1, 0.01]", "[0.2, 0.01]"]
    assert compare(found, "learning_rate=[0.1, 0.01]", "0.3").a == "optimizer.learning_rate [0.1, 0.01]"
    assert len(averaged_by(found, ["learning_rate"]).rows) == 3
    assert "[0.2, 0.01]" in render_summary(found, "text", 40)
    others = summarize([*with_optimizer(learning_rate=[0.1, 0.01]), *runs_of(betas=(0.2,), seeds=(0, 1),
                        optimizer={"name": "sgd", "learning_rate": [0.1, 0.01]})])  # fmt: skip
    assert compare(others, "beta=0.1", "beta=0.2").differences
