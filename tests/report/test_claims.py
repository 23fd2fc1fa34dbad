"""The paper's claims, checked on runs whose truth is known."""

from __future__ import annotations

import itertools
import json
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrarun.cli import main
from lrarun.paper import MARGINS, Key, printed_cells
from lrarun.report.claims.check import check
from lrarun.report.claims.claim import FAILS, HOLDS, Claim, load_claims
from lrarun.report.claims.evidence import Evidence
from lrarun.report.claims.kinds import KINDS
from lrarun.report.claims.render import render_claims
from lrarun.report.paired import MissingEvidence, Mistakes, compare, mistakes_of
from lrarun.report.repetitions import MISSING
from lrarun.report.statistics import holm
from lrarun.report.verdicts import INCONCLUSIVE
from lrarun.results.read import read_results
from lrarun.specs.paper_runs import paper_spec
from tests.support.fabricate import NAMES, spec_for, write_log, write_predictions, write_run

IMAGES = 10_000
LRAE = Key("mnist", "LRA-E", 3, "sgd")
BACKPROP = Key("mnist", "Backprop", 3, "sgd")


def resolve(key, changed):
    """As the command line's, without the engine: settings are put into an invented spec."""
    plain = {name: {"name": value} if name == "init" else value for name, value in changed.items()}
    return spec_for(key) | plain if key.model in NAMES else None


def claim(kind, **fields):
    usual = {"id": "it", "says": "It is so", "where": "here", "needs": "runs", "model": "LRA-E", "depths": [3]}
    return Claim(**usual | {"kind": kind} | fields)


def verdict(results, *claims, products=None):
    """The verdicts of claims on a results folder, one per comparison of the first."""
    checked = check(claims, Evidence(read_results(results), resolve), products)
    return checked[0]


def verdicts(checked):
    return [part.verdict for part in checked.comparisons]


def first_wrong(error):
    """An error in percent -> wrong images: nested, so that the lower errs on a subset."""
    return np.arange(IMAGES) < round(error * IMAGES / 100)


def write_tested(results, key, *errors, state="finished", wrong=first_wrong, **changed):
    for seed, error in enumerate(errors):
        folder = write_run(results, spec_for(key, seed=seed, **changed), state, test_error=error)
        write_predictions(folder, wrong(error))


# Paired tests


def side(*wrong):
    return Mistakes(np.array(wrong, bool), np.zeros(len(wrong[0]), int), tuple(range(len(wrong))))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=80))
def test_one_run_each_varies_over_images_and_by_the_spread_assumed(pairs):
    first, second = zip(*pairs)
    found = compare(side(first), side(second))
    n = len(pairs)
    assert found.effect == pytest.approx(100 * (sum(first) - sum(second)) / n)
    per_image = [100 * (a - b) for a, b in pairs]
    assumed = [
        4 * 1e4 * (sum(wrong) / n) * (1 - sum(wrong) / n) / n if 0 < sum(wrong) < n else math.inf
        for wrong in (first, second)
    ]
    assert found.known == pytest.approx(statistics.variance(per_image) / n + sum(assumed), abs=1e-9)
    assert found.estimated[0] == 0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.floats(-2, 2))
def test_swapping_the_sides_changes_only_the_sign(seed, runs, others, margin):
    rng = np.random.default_rng(seed)
    one, two = side(*(rng.random((runs, 50)) < 0.3)), side(*(rng.random((others, 50)) < 0.2))
    there, back = compare(one, two), compare(two, one)
    assert there.effect == pytest.approx(-back.effect) and there.p(margin) == pytest.approx(back.p(-margin))


@pytest.mark.parametrize("few", [2, 3])
def test_over_seeds_the_variance_is_that_of_images_and_of_seeds(few):
    """Rebuilt with plain loops for runs against four. Two runs have one degree of freedom, more have Welch's."""
    rng = np.random.default_rng(3)
    one, two = rng.random((few, 400)) < 0.2, rng.random((4, 400)) < 0.1
    images = [100 * (one[:, i].mean() - two[:, i].mean()) for i in range(400)]
    mean = sum(images) / 400
    seeds = [statistics.variance([100 * run.sum() / 400 for run in wrong]) / len(wrong) for wrong in (one, two)]
    found = compare(side(*one), side(*two))
    assert found.effect == pytest.approx(mean)
    assert found.known == pytest.approx(sum((d - mean) ** 2 for d in images) / 399 / 400)
    welch = sum(seeds) ** 2 / (seeds[0] ** 2 / (few - 1) + seeds[1] ** 2 / 3)
    assert found.estimated == pytest.approx((sum(seeds), 1 if few == 2 else welch))


@pytest.mark.parametrize("runs", [1, 3])
def test_equal_rules_are_told_apart_in_at_most_a_twentieth(runs):
    """Simulated: both sides' runs err on images by the same chances, images hard or easy."""
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(600):
        chance = rng.beta(0.1, 1.5, 1_000)
        draws = rng.random((2, runs, 1_000)) < chance
        found += compare(side(*draws[0]), side(*draws[1])).p() < 0.05
    # Standard error of the simulated rate: 0.9 points.
    assert found / 600 < 0.05 + 3 * 0.009


def test_a_margin_shifts_what_is_tested():
    one, two = side(first_wrong(10)), side(first_wrong(3))
    assert compare(one, two).p(2) < 0.001
    assert compare(one, two).p(7) == pytest.approx(1)
    assert compare(one, two).p(12) < 0.001


# What is read from a run's folder


@pytest.mark.parametrize("seeds, expected", [(1, INCONCLUSIVE), (2, HOLDS)])
def test_a_diverged_run_is_wrong_on_every_image(tmp_path, seeds, expected):
    """One that diverged does not say that others would."""
    write_tested(tmp_path, LRAE, *[2.0, 2.1][:seeds])
    for seed in range(seeds):
        write_run(tmp_path, spec_for(BACKPROP, seed=seed), "diverged", epoch=3)
    below = verdict(tmp_path, claim("lower", than=["Backprop"]))
    assert verdicts(below) == [expected] and "vs 100.00" in below.comparisons[0].numbers


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_damaged_predictions_are_missing_and_named(tmp_path, content):
    write_tested(tmp_path, LRAE, 2.0)
    folder = write_run(tmp_path, spec_for(BACKPROP), test_error=3.0)
    if content is not None:
        (folder / "test_predictions.npz").write_bytes(content)
    below = verdict(tmp_path, claim("lower", than=["Backprop"]))
    assert verdicts(below) == ["missing"] and folder.name in below.comparisons[0].lacking


def test_other_images_are_not_compared(tmp_path):
    write_tested(tmp_path, LRAE, 2.0)
    folder = write_run(tmp_path, spec_for(BACKPROP), test_error=3.0)
    write_predictions(folder, first_wrong(3), labels=np.arange(IMAGES) % 7)
    assert "different images" in verdict(tmp_path, claim("lower", than=["Backprop"])).comparisons[0].lacking
    runs = read_results(tmp_path)
    with pytest.raises(MissingEvidence, match="different images"):
        mistakes_of(runs)


def test_only_the_papers_protocol_counts(tmp_path):
    write_tested(tmp_path, LRAE, 2.0)
    write_tested(tmp_path, BACKPROP, 9.0, epochs=1)
    below = verdict(tmp_path, claim("lower", than=["Backprop"]))
    assert verdicts(below) == ["missing"] and "Backprop with sgd, 3 layers, mnist" in below.comparisons[0].lacking


def test_a_rule_that_is_not_installed_is_missing(tmp_path):
    checked = check([claim("lower", than=["Backprop"])], Evidence([], lambda key, changed: None))
    assert "LRA-E" in checked[0].comparisons[0].lacking


# Kinds of claims


@pytest.mark.parametrize(
    "ours, theirs, expected", [(2.0, 3.0, HOLDS), (3.0, 2.0, FAILS), (2.0, 2.02, INCONCLUSIVE), (2, 2, INCONCLUSIVE)]
)
def test_lower(tmp_path, ours, theirs, expected):
    write_tested(tmp_path, LRAE, ours)
    write_tested(tmp_path, BACKPROP, theirs)
    found = verdict(tmp_path, claim("lower", than=["Backprop"]))
    assert (verdicts(found), found.verdict) == ([expected], expected)
    part = found.comparisons[0]
    assert part.numbers == f"{ours:.2f} vs {theirs:.2f}"
    assert (part.paper, part.paper_agrees) == ("2.20 vs 3.02", True)


def test_lower_over_seeds(tmp_path):
    write_tested(tmp_path, LRAE, 2.0, 2.1, 1.9)
    write_tested(tmp_path, BACKPROP, 4.0, 4.1)
    assert verdict(tmp_path, claim("lower", than=["Backprop"])).comparisons[0].numbers == "2.00 [3] vs 4.05 [2]"


def test_seeds_that_differ_more_than_the_rules_decide_nothing(tmp_path):
    """One lucky seed against another is significant by itself, and is not over three."""
    write_tested(tmp_path, LRAE, 2.0, 6.0, 4.0)
    write_tested(tmp_path, BACKPROP, 7.0, 3.0, 5.0)
    assert verdicts(verdict(tmp_path, claim("lower", than=["Backprop"]))) == [INCONCLUSIVE]


def test_lower_between_optimizers(tmp_path):
    write_tested(tmp_path, LRAE, 2.2)
    write_tested(tmp_path, LRAE._replace(optimizer="adam"), 1.0)
    found = verdict(tmp_path, claim("lower", optimizer="adam", than=["LRA-E"], than_optimizer="sgd"))
    assert verdicts(found) == [HOLDS] and found.comparisons[0].what == "LRA-E adam below LRA-E sgd, 3 layers, MNIST"
    assert found.comparisons[0].paper == "1.75 vs 2.20"


@pytest.mark.parametrize(
    "shallow, deep, breaks, stays",
    [
        (2.8, 10.1, HOLDS, FAILS),
        (2.8, 3.0, FAILS, HOLDS),
        (2.8, 2.0, FAILS, HOLDS),
        (2.8, 4.85, INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_breakdown_and_its_absence_are_two_sides_of_one_test(tmp_path, shallow, deep, breaks, stays):
    for depth, error in ((3, shallow), (8, deep)):
        write_tested(tmp_path, Key("mnist", "DTP", depth, "rmsprop"), error)
    for happens, expected in ((True, breaks), (False, stays)):
        found = verdict(tmp_path, claim("breakdown", model="DTP", depths=[3, 8], points=2, happens=happens))
        assert verdicts(found) == [expected]
        assert found.comparisons[0].paper_agrees == happens


def test_a_breakdown_notes_how_the_deep_network_ends(tmp_path):
    for depth, error, best, last in ((3, 2.8, 60, 3.0), (8, 10.1, 1, 14.5)):
        spec = spec_for(Key("mnist", "DTP", depth, "rmsprop"))
        folder = write_run(tmp_path, spec, test_error=error, validation_error=9.0, best_epoch=best)
        write_predictions(folder, first_wrong(error))
        write_log(folder, validation_error=[9.0] * 99 + [last])
    found = verdict(tmp_path, claim("breakdown", model="DTP", depths=[3, 8], points=2))
    said = "8 layers, MNIST: best at epoch 1 of 100: validation error 9.00, at the last 14.50"
    assert [part.note for part in found.comparisons] == [said]
    assert said in render_claims([found], "text")
    (folder / "log.csv").unlink()
    assert verdict(tmp_path, claim("breakdown", model="DTP", depths=[3, 8], points=2)).comparisons[0].note == ""


@pytest.mark.parametrize(
    "sigma, others, expected",
    [((2.2, 2.2, 2.2), (2.0, 2.1, 2.0), HOLDS), ((4.0, 4.1, 4.0), (2.0, 2.1, 2.0), FAILS),
     ((2.6, 2.5, 2.4), (2.0, 2.1, 2.0), INCONCLUSIVE), ((2.0, 3.5, 2.5), (2.5, 3.4, 2.1), INCONCLUSIVE),
     ((1.0, 1.0, 1.1), (2.0, 2.1, 2.0), HOLDS)],
)  # fmt: skip
def test_as_good_is_less_than_the_margin_above(tmp_path, sigma, others, expected):
    """A wide interval is no proof of it; to be lower by far is."""
    write_tested(tmp_path, Key("mnist", "DTP-sigma", 3, "rmsprop"), *sigma)
    write_tested(tmp_path, LRAE, *others)
    found = verdict(tmp_path, claim("as-good", model="DTP-sigma", than=["LRA-E"]))
    assert verdicts(found) == [expected]
    assert found.comparisons[0].against == MARGINS["mnist"] and found.comparisons[0].paper_agrees


def write_curves(results, model, finals, seed=0, epochs=20, state="finished", depth=5):
    key = Key("mnist", model, depth, "rmsprop")
    for init, final in finals.items():
        folder = write_run(results, spec_for(key, seed=seed, init={"name": init}, epochs=epochs), state)
        # Up and down by 2 around it over the last ten epochs.
        late = [final + 2 * (-1) ** epoch for epoch in range(10)]
        write_log(folder, validation_error=([90.0] * epochs + late)[-epochs:])


SPREAD = {"model": "DTP", "depths": [5], "epochs": 20, "settings": [{"init": i} for i in ("a", "b", "c")]}


@pytest.mark.parametrize(
    "dtp, sigma, depends, more",
    [
        ((4.0, 9.0, 5.0), (3.0, 3.1, 3.0), HOLDS, HOLDS),
        ((3.0, 3.1, 3.0), (4.0, 9.0, 5.0), INCONCLUSIVE, FAILS),
        ((4.0, 4.2, 4.1), (4.1, 4.0, 4.2), INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_spread_over_initial_weights(tmp_path, dtp, sigma, depends, more):
    write_curves(tmp_path, "DTP", dict(zip("abc", dtp)))
    write_curves(tmp_path, "DTP-sigma", dict(zip("abc", sigma)))
    assert verdicts(verdict(tmp_path, claim("spread", **SPREAD))) == [depends]
    found = verdict(tmp_path, claim("spread", than=["DTP-sigma"], **SPREAD))
    assert verdicts(found) == [more]
    ranges = f"{max(dtp) - min(dtp):.2f} vs {max(sigma) - min(sigma):.2f}"
    assert found.comparisons[0].numbers == f"{ranges} points over epochs 11 to 20"


def test_a_claim_of_dependence_can_fail(tmp_path):
    """Seeds that share what moves them: all schemes end within a tenth of a point, surely less than the margin."""
    for seed, level in enumerate((4.0, 9.0, 6.0)):
        write_curves(tmp_path, "DTP", {"a": level, "b": level + 0.1, "c": level + 0.05 * (seed % 2)}, seed=seed)
    found = verdict(tmp_path, claim("spread", **SPREAD))
    assert verdicts(found) == [FAILS]
    assert found.comparisons[0].against == MARGINS["mnist"]


def test_a_range_is_over_the_seeds_that_all_schemes_have(tmp_path):
    """Seeds 0 and 1 differ by 6 points, as their validation images do, and the schemes by 0.1; one has a third seed."""
    for seed, level in enumerate((4.0, 10.0, 90.0)):
        for init, off in {"a": 0.0, "b": 0.1, "c": 0.05}.items():
            if seed < 2 or init == "a":
                write_curves(tmp_path, "DTP", {init: level + off}, seed=seed)
    part = verdict(tmp_path, claim("spread", **SPREAD)).comparisons[0]
    assert part.effect == pytest.approx(0.1) and part.high == pytest.approx(0.1) and part.verdict == FAILS


def test_one_shared_seed_is_no_reason_to_drop_the_others(tmp_path):
    write_curves(tmp_path, "DTP", {"a": 4.0, "b": 4.0, "c": 4.0})
    write_curves(tmp_path, "DTP", {"a": 8.0}, seed=1)
    assert verdict(tmp_path, claim("spread", **SPREAD)).comparisons[0].effect == pytest.approx(2.0)


def test_spread_compares_over_epochs_that_all_curves_have(tmp_path):
    write_curves(tmp_path, "DTP", {"a": 3.0, "b": 3.0})
    write_curves(tmp_path, "DTP", {"c": 60.0}, epochs=40)
    assert "over epochs 11 to 20" in (part := verdict(tmp_path, claim("spread", **SPREAD)).comparisons[0]).numbers
    # In those epochs of its 40 the third is still at 90.
    assert part.numbers.startswith("87.00")


def test_a_log_that_lost_a_row_counts_up_to_there(tmp_path):
    write_curves(tmp_path, "DTP", {"a": 3.0, "b": 3.0, "c": 3.0}, epochs=40)
    log = tmp_path / "run-0" / "log.csv"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:26] + lines[27:]) + "\n")
    assert "over epochs 16 to 25" in verdict(tmp_path, claim("spread", **SPREAD)).comparisons[0].numbers
    log.write_text("\n".join(lines[:6] + lines[7:]) + "\n")
    assert verdict(tmp_path, claim("spread", **SPREAD)).verdict == MISSING


def test_spread_needs_every_setting_and_long_enough_logs(tmp_path):
    write_curves(tmp_path, "DTP", {"a": 3.0, "b": 3.0})
    assert "init c" in verdict(tmp_path, claim("spread", **SPREAD)).comparisons[0].lacking
    write_curves(tmp_path, "DTP", {"c": 3.0}, epochs=19)
    assert verdicts(verdict(tmp_path, claim("spread", **SPREAD))) == ["missing"]
    # A diverged run has ended, however early: it is as far off as can be.
    write_curves(tmp_path, "DTP", {"c": 3.0}, epochs=5, state="diverged")
    assert verdict(tmp_path, claim("spread", **SPREAD)).comparisons[0].numbers.startswith("97.00")


@pytest.mark.parametrize(
    "largest, at_most, expected", [(10.9, 11, HOLDS), (11, 11, HOLDS), (11.1, 11, FAILS), (95, 90, FAILS)]
)
def test_angle(tmp_path, largest, at_most, expected):
    folder = write_run(tmp_path, spec_for(LRAE, epochs=25, probes=["angle"]), "running")
    # What comes after the 20 epochs is not part of the claim.
    write_log(folder, angle_mean=[5.0] * 25, angle_max=[9.0] * 10 + [largest] + [9.0] * 9 + [120.0] * 5)
    found = verdict(tmp_path, claim("angle", at_most=at_most, epochs=20))
    assert verdicts(found) == [expected] and f"largest {largest:.1f}" in found.comparisons[0].numbers


def test_angles_that_were_not_measured_are_missing(tmp_path):
    folder = write_run(tmp_path, spec_for(LRAE))
    write_log(folder, validation_error=[3.0] * 100)
    assert verdicts(verdict(tmp_path, claim("angle", at_most=90, epochs=20))) == ["missing"]
    folder = write_run(tmp_path, spec_for(LRAE, probes=["angle"]))
    write_log(folder, angle_mean=[float("nan")] * 20, angle_max=[1.0] * 20)
    assert verdicts(verdict(tmp_path, claim("angle", at_most=90, epochs=20))) == ["missing"]


@pytest.mark.parametrize("ours, theirs, expected", [(4, 11, HOLDS), (5, 5, FAILS), (9, 5, FAILS)])
def test_products(tmp_path, ours, theirs, expected):
    counts = {("LRA-E", 3): ours, ("DTP", 3): theirs}
    fewer = claim("products", than=["DTP"])
    assert verdicts(verdict(tmp_path, fewer, products=lambda model, depth: counts[model, depth])) == [expected]
    assert verdicts(verdict(tmp_path, fewer)) == ["missing"]


# Claims together


def test_p_values_are_corrected_over_the_comparisons_of_a_claim(tmp_path):
    others = ["Backprop", "RFA", "DFA", "Equil-Prop"]
    write_tested(tmp_path, LRAE, 2.0)
    for other in others:
        write_tested(tmp_path, LRAE._replace(model=other), 2.92)
    evidence = Evidence(read_results(tmp_path), resolve)
    (together,) = check([claim("lower", than=others)], evidence)
    parts = together.comparisons
    assert [part.p_holm for part in parts] == pytest.approx(holm([part.p for part in parts]))
    # Each by itself is significant, and is not as one of four.
    assert all(part.p < 0.05 < part.p_holm for part in parts) and together.verdict == INCONCLUSIVE
    apart = check([claim("lower", than=[other]) for other in others], evidence)
    assert [one.verdict for one in apart] == [HOLDS] * 4, "other claims are another family"


def test_a_comparison_that_lacks_runs_counts_in_the_correction(tmp_path):
    """So nothing is decided while runs are missing that is not once they are there."""
    write_tested(tmp_path, LRAE, 2.0)
    write_tested(tmp_path, LRAE._replace(model="RFA"), 2.92)
    (found,) = check(
        [claim("lower", than=["RFA", "DFA", "Backprop", "Equil-Prop"])], Evidence(read_results(tmp_path), resolve)
    )
    first = found.comparisons[0]
    assert first.p < 0.05 and first.p_holm == pytest.approx(4 * first.p) and first.verdict == INCONCLUSIVE
    assert [part.p_holm for part in found.comparisons[1:]] == [None] * 3


@pytest.mark.parametrize(
    "errors, expected",
    [
        ((4.0, 4.0), HOLDS),
        ((4.0, 0.5), FAILS),
        ((4.0, 2.0), INCONCLUSIVE),
        ((4.0, None), "missing"),
        ((0.5, None), FAILS),
    ],
)
def test_a_claim_is_what_its_parts_are(tmp_path, errors, expected):
    write_tested(tmp_path, LRAE, 2.0)
    for other, error in zip(("RFA", "DFA"), errors):
        if error is not None:
            write_tested(tmp_path, LRAE._replace(model=other), error)
    assert verdict(tmp_path, claim("lower", than=["RFA", "DFA"])).verdict == expected


# The shipped claims


def test_the_shipped_claims_are_well_formed():
    claims = load_claims()
    assert len({one.id for one in claims}) == len(claims) >= 10
    models = {cell.key.model for cell in printed_cells()}
    for one in claims:
        assert one.kind in KINDS and {one.model, *one.than} <= models
        assert one.says and one.where and one.needs
    assert {one.kind for one in claims} == set(KINDS)


def write_world(results, error_of, apart_of, angle):
    """Three seeds of all that the shipped claims need, with the real protocol's specs.

    error_of: experiment -> test error; apart_of: model -> points between one initial scheme and the next.
    """
    seeds = range(3)
    for key in {cell.key for cell in printed_cells()}:
        for seed in seeds:
            folder = write_run(results, paper_spec(key, {}) | {"seed": seed}, test_error=error_of(key))
            write_predictions(folder, first_wrong(error_of(key)))
    (spread,) = {tuple(map(str, one.settings)): one for one in load_claims() if one.kind == "spread"}.values()
    for model, apart in apart_of.items():
        for number, changed in enumerate(spread.settings):
            for dataset, depth, seed in itertools.product(spread.datasets, spread.depths, seeds):
                spec = paper_spec(Key(dataset, model, depth, "rmsprop"), changed) | {"epochs": 20, "seed": seed}
                write_log(write_run(results, spec), validation_error=[3.0 + seed + apart * number] * 20)
    angles = write_run(results, paper_spec(LRAE._replace(depth=2), {}) | {"probes": [{"name": "angle", "every": 1}]})
    write_log(angles, angle_mean=[5.0] * 20, angle_max=[angle] * 20)
    return Evidence(read_results(results), paper_spec)


def test_every_shipped_claim_can_hold(tmp_path):
    """Runs that bear every claim out: nothing is left missing."""

    def error_of(key):
        error = {"LRA-E": 1.0, "DTP-sigma": 1.3}.get(key.model, 5.0)
        error = 40.0 if key.depth == 8 and key.model in ("DTP", "Equil-Prop") else error
        return error / 2 if key.optimizer == "adam" else error

    evidence = write_world(tmp_path, error_of, {"DTP": 10.0, "DTP-sigma": 0.1}, 10.0)
    checked = check(load_claims(), evidence, lambda model, depth: 1 if model == "LRA-E" else 2)
    assert {one.claim.id: one.verdict for one in checked} == {one.id: HOLDS for one in load_claims()}
    without = check(load_claims(), evidence)
    assert [one.claim.id for one in without if one.verdict != HOLDS] == ["lra-e-needs-fewer-products"]


def test_every_shipped_claim_can_fail(tmp_path):
    """A world in which each claim is false: LRA-E is worst, DTP-sigma breaks down and depends on its weights."""

    def error_of(key):
        error = {"LRA-E": 9.0, "DTP-sigma": 11.0}.get(key.model, 5.0)
        return error + (20.0 if key.depth == 8 and key.model == "DTP-sigma" else 3.0 if key.optimizer == "adam" else 0)

    evidence = write_world(tmp_path, error_of, {"DTP": 0.01, "DTP-sigma": 10.0}, 95.0)
    checked = check(load_claims(), evidence, lambda model, depth: 2 if model == "LRA-E" else 1)
    assert {one.claim.id: one.verdict for one in checked} == {one.id: FAILS for one in load_claims()}
    # Each of its parts, but for what another part of the same world contradicts.
    assert {part.verdict for one in checked for part in one.comparisons if "DTP-sigma" not in part.what} == {FAILS}


def test_text_and_json_say_the_same(tmp_path):
    write_tested(tmp_path, LRAE, 2.0)
    write_tested(tmp_path, BACKPROP, 5.0)
    write_tested(tmp_path, LRAE._replace(model="RFA"), 0.2)
    claims = [claim("lower", than=["Backprop", "RFA", "DFA"]), claim("lower", id="other", than=["Backprop"])]
    checked = check(claims, Evidence(read_results(tmp_path), resolve))
    text, content = render_claims(checked, "text"), json.loads(render_claims(checked, "json"))
    assert content["comparisons"] == 3 and content["level"] == 0.05
    assert [one["verdict"] for one in content["claims"]] == ["fails", "holds"]
    assert [part["verdict"] for part in content["claims"][0]["comparisons"]] == ["holds", "fails", "missing"]
    assert "FAILS         It is so (here)" in text and "it: 1 holds, 1 fails, 1 missing" in text
    assert "by the paper's own numbers 3 of 3" in text
    assert "LRA-E below RFA, 3 layers, MNIST" in text and "2.00 vs 0.20" in text and "p < 0.001" in text
    first = content["claims"][0]["comparisons"][0]
    assert f"-3.00 ({first['low']:+.2f} to {first['high']:+.2f})" in text and first["low"] < first["effect"] == -3
    assert first["p"] <= first["p_holm"] < 0.001 and first["against"] == 0
    assert "lacks a finished run of DFA with sgd, 3 layers, mnist" in text
    assert "2 claims: 1 holds, 1 fails." in text


@pytest.mark.parametrize("error, code, said", [(None, 4, "11 of 12 claims lack results"), (9.0, 5, "lra-e-below-bac")])
def test_the_command_exits_with_what_the_claims_say(tmp_path, capsys, error, code, said):
    if error:
        for key, wrong in ((LRAE, error), (BACKPROP, 3.0)):
            write_predictions(write_run(tmp_path, paper_spec(key, {})), first_wrong(wrong))
    with pytest.raises(SystemExit) as end:
        main(["claims", "--results", str(tmp_path)])
    captured = capsys.readouterr()
    assert end.value.code == code
    lines = 1 if error else 2  # the second says how to see the results that lrarun ships
    assert said in captured.err and len(captured.err.splitlines()) == lines
    assert "12 claims:" in captured.out


@pytest.mark.parametrize("errors", [(3.0,), (3.0, 3.1)])
def test_what_rests_on_one_seed_is_marked(tmp_path, errors):
    for depth in (3, 8):
        write_tested(tmp_path, Key("mnist", "LRA-E", depth, "sgd"), *errors)
    checked = verdict(tmp_path, claim("breakdown", model="LRA-E", depths=(3, 8), points=2.0))
    few = len(errors) == 1
    assert [part.assumed for part in checked.comparisons] == [few]
    assert ("assumed spread" in render_claims([checked], "text")) == few
