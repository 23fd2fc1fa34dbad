"""The kinds of claims: how each kind is tested on runs, by the rules of ``docs/verdicts.md``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lrarun.paper import DATASETS, MARGINS, Key, printed_cells
from lrarun.report.claims.claim import Claim, Comparison
from lrarun.report.claims.evidence import Evidence, Row
from lrarun.report.paired import MissingEvidence, Mistakes, compare, seeds_apart
from lrarun.report.scored_epoch import best_and_last
from lrarun.report.statistics import Estimate
from lrarun.results.result import DIVERGED, Result

# `spread` averages the validation error over that many epochs: DTP's goes up and down from one to the next.
TAIL = 10

# (model, hidden layers) -> matrix products that finding one mini-batch's targets takes.
Products = Callable[[str, int], int]


def lower(claim: Claim, evidence: Evidence, _: Products | None) -> Iterator[Comparison]:
    """Compare the model's test error with each of the others'; the claim is that it is lower."""
    for dataset, depth, other in itertools.product(claim.datasets, claim.depths, claim.than):
        first = experiment(dataset, claim.model, depth, claim.optimizer)
        second = experiment(dataset, other, depth, claim.than_optimizer)
        what = f"{short(first, claim.optimizer)} below {short(second, claim.than_optimizer)}, {place(dataset, depth)}"
        part = beside_paper(Comparison(what), first, second, less_than_above(0.0))
        yield attempt(paired, part, evidence, first, second, 0.0, -1)


def breakdown(claim: Claim, evidence: Evidence, _: Products | None) -> Iterator[Comparison]:
    """Compare shallow with deep networks; the claim is that the test error rises by more than a bound, or by less.

    Test errors are those of the best epochs. The deep network's last epoch is noted beside it.
    """
    shallow, deep = claim.depths
    sign = 1 if claim.happens else -1
    for dataset in claim.datasets:
        first, second = (experiment(dataset, claim.model, depth, claim.optimizer) for depth in (deep, shallow))
        rise = f"{'more' if claim.happens else 'less'} than {claim.points:g} points"
        part = Comparison(f"{claim.model} {rise} from {shallow} to {deep} layers, {DATASETS[dataset]}")
        part = beside_paper(part, first, second, lambda ours, theirs: sign * (ours - theirs - claim.points) > 0)
        part = attempt(paired, part, evidence, first, second, claim.points, sign)
        ends = best_and_last(evidence.ended(first)) if part.favour is not None else ""
        yield replace(part, note=f"{deep} layers, {DATASETS[dataset]}: {ends}" if ends else "")


def as_good(claim: Claim, evidence: Evidence, _: Products | None) -> Iterator[Comparison]:
    """Compare the model's test error with each of the others'; the claim is that it is less than a margin above."""
    for dataset, depth, other in itertools.product(claim.datasets, claim.depths, claim.than):
        margin = MARGINS[dataset]
        first, second = (experiment(dataset, model, depth, "") for model in (claim.model, other))
        part = Comparison(f"{claim.model} less than {margin:g} above {other}, {place(dataset, depth)}")
        part = beside_paper(part, first, second, less_than_above(margin))
        yield attempt(paired, part, evidence, first, second, margin, -1)


def paired(part: Comparison, evidence: Evidence, first: Key, second: Key, against: float, sign: int) -> Comparison:
    """Compare two test errors, in favour of the claim where sign * (first - second - against) > 0."""
    ours, theirs = evidence.test(first), evidence.test(second)
    found = compare(ours, theirs)
    assumed = 1 in (len(ours.wrong), len(theirs.wrong))
    part = replace(part, numbers=f"{with_runs(ours)} vs {with_runs(theirs)}", assumed=assumed)
    return with_estimate(part, found, against, sign * (found.effect - against), found.p(against))


def with_estimate(part: Comparison, found: Estimate, against: float, favour: float, p: float) -> Comparison:
    """Add an effect with its interval and its test to a comparison."""
    half = found.half_width()
    return replace(
        part,
        effect=found.effect,
        low=found.effect - half,
        high=found.effect + half,
        against=against,
        favour=favour,
        p=p,
    )


def spread(claim: Claim, evidence: Evidence, _: Products | None) -> Iterator[Comparison]:
    """Compare final validation errors over settings; the claim is that they vary, or vary more than another model's."""
    for dataset, depth in itertools.product(claim.datasets, claim.depths):
        other = f"more than {claim.than[0]}" if claim.than else f"by more than {MARGINS[dataset]:g} points"
        part = Comparison(f"{claim.model} varies {other}, {place(dataset, depth)}")
        keys = [experiment(dataset, model, depth, "") for model in (claim.model, *claim.than)]
        yield attempt(varied, part, claim, evidence, keys, MARGINS[dataset])


def varied(part: Comparison, claim: Claim, evidence: Evidence, keys: Sequence[Key], margin: float) -> Comparison:
    """Make one comparison of :func:`spread`: a range against the margin, or against another model's range."""
    logs = [[evidence.curves(key, s, ["validation_error"], claim.epochs) for s in claim.settings] for key in keys]
    curves = itertools.chain(*itertools.chain(*logs))
    last = min((len(rows) for run, rows in curves if run.state != DIVERGED), default=claim.epochs)
    images = logs[0][0][0][0].spec["validation"]
    pairs = [
        pairs_apart(of_shared_seeds([late_errors(curves, last) for curves in of_model]), images) for of_model in logs
    ]
    widest = [max(of_model, key=lambda pair: pair.effect) for of_model in pairs]
    sizes = " vs ".join(f"{pair.effect:.2f}" for pair in widest)
    part = replace(part, numbers=f"{sizes} points over epochs {max(last - TAIL, 0) + 1} to {last}")
    part = replace(part, assumed=any(len(curves) == 1 for of_model in logs for curves in of_model))
    if len(keys) == 1:
        part = with_estimate(part, widest[0], margin, widest[0].effect - margin, p_of_range(pairs[0], margin))
        return replace(part, low=max(0.0, part.low or 0.0))
    return more_varied(part, *pairs)


def more_varied(part: Comparison, pairs: Sequence[Estimate], others: Sequence[Estimate]) -> Comparison:
    """Compare two ranges, each that of the widest of a model's pairs; the claim is that the first is wider.

    The ranges count as independent: runs with the same seed of two rules were measured not to go together.
    """
    ours, theirs = (max(each, key=lambda pair: pair.effect) for each in (pairs, others))
    found = Estimate(ours.effect - theirs.effect, ours.parts + theirs.parts)
    # The widest were picked, so p counts once for each that there was to pick.
    return with_estimate(part, found, 0.0, found.effect, min(1.0, len(pairs) * found.p()))


def pairs_apart(errors: Sequence[Mapping[int, float]], images: int) -> list[Estimate]:
    """Return how far the mean errors of any two settings are apart, the larger less the smaller.

    Args:
        errors: of each setting, seed -> error in percent.
        images: how many they were measured on.
    """
    means = [math.fsum(of_seeds.values()) / len(of_seeds) for of_seeds in errors]
    return [
        Estimate(abs(means[a] - means[b]), seeds_apart(errors[a], errors[b], images))
        for a, b in itertools.combinations(range(len(errors)), 2)
    ]


def of_shared_seeds(errors: Sequence[Mapping[int, float]]) -> list[Mapping[int, float]]:
    """Return the errors of the seeds that all settings have, if those are two or more, else all.

    Runs with equal seeds share the validation images, which their differences are then free of.
    """
    shared = set.intersection(*(set(of_seeds) for of_seeds in errors))
    if len(shared) < 2:
        return list(errors)
    return [{seed: of_seeds[seed] for seed in of_seeds if seed in shared} for of_seeds in errors]


def p_of_range(pairs: Sequence[Estimate], margin: float) -> float:
    """Return the two-sided p value of the widest of several differences against a margin.

    It is above the margin if any pair is, so the smallest p counts, times the number of pairs. It is below
    if all are, so the largest counts.
    """
    if max(pair.effect for pair in pairs) > margin:
        return min(1.0, len(pairs) * min(pair.p(margin) for pair in pairs if pair.effect > margin))
    return max(pair.p(margin) for pair in pairs)


def late_errors(curves: Sequence[tuple[Result, Sequence[Row]]], last: int) -> dict[int, float]:
    """Return each seed's mean validation error, in percent, over the ten epochs up to the last."""
    return {run.spec["seed"]: 100.0 if run.state == DIVERGED else late_mean(rows[:last]) for run, rows in curves}


def late_mean(rows: Sequence[Row]) -> float:
    """Return the mean validation error of the last ten epochs."""
    errors = [row["validation_error"] for row in rows[-TAIL:]]
    return math.fsum(errors) / len(errors)


def angle(claim: Claim, evidence: Evidence, _: Products | None) -> Iterator[Comparison]:
    """Look for the largest angle to backprop's update; the claim is that it stays within a bound."""
    for dataset, depth in itertools.product(claim.datasets, claim.depths):
        part = Comparison(f"{claim.model} at most {claim.at_most:g} degrees, {place(dataset, depth)}")
        key = experiment(dataset, claim.model, depth, claim.optimizer)
        yield attempt(widest, part, claim, evidence, key)


def widest(part: Comparison, claim: Claim, evidence: Evidence, key: Key) -> Comparison:
    """Make one comparison of :func:`angle`; raises ``MissingEvidence`` if an epoch has no finite angle."""
    curves = evidence.curves(key, {}, ["angle_mean", "angle_max"], claim.epochs)
    rows = [row for _, rows in curves for row in rows[: claim.epochs]]
    most = max(row["angle_max"] for row in rows)
    mean = math.fsum(row["angle_mean"] for row in rows) / len(rows)
    if not math.isfinite(mean + most):
        raise MissingEvidence(f"finite angles of {key}")
    # An angle of exactly the bound is within it.
    favour = 1.0 if most <= claim.at_most else -1.0
    numbers = f"largest {most:.1f}, mean {mean:.1f} degrees"
    return replace(part, numbers=numbers, effect=most, against=claim.at_most, favour=favour)


def products(claim: Claim, _: Evidence, count: Products | None) -> Iterator[Comparison]:
    """Count matrix products for the targets; the claim is that the model takes fewer than each of the others."""
    for depth, other in itertools.product(claim.depths, claim.than):
        part = Comparison(f"{claim.model} fewer than {other}, {depth} layers")
        if count is None:
            yield replace(part, lacking="counts of the matrix products")
            continue
        ours, theirs = count(claim.model, depth), count(other, depth)
        effect = float(ours - theirs)
        yield replace(part, numbers=f"{ours} vs {theirs}", effect=effect, favour=-effect)


KINDS: dict[str, Callable[[Claim, Evidence, Products | None], Iterator[Comparison]]] = {
    "lower": lower,
    "as-good": as_good,
    "breakdown": breakdown,
    "spread": spread,
    "angle": angle,
    "products": products,
}


def attempt(make: Callable[..., Comparison], part: Comparison, *arguments: Any) -> Comparison:
    """Return the comparison, or if results are missing, the part with what it lacks."""
    try:
        return make(part, *arguments)
    except MissingEvidence as error:
        return replace(part, lacking=str(error))


def experiment(dataset: str, model: str, depth: int, optimizer: str) -> Key:
    """Return a model's experiment, with the paper's optimizer for it unless another is named."""
    usual = {cell.key.model: cell.key.optimizer for cell in printed_cells() if cell.table == 1}
    return Key(dataset, model, depth, optimizer or usual[model])


def beside_paper(part: Comparison, first: Key, second: Key, agrees: Callable[[float, float], bool]) -> Comparison:
    """Add the paper's own numbers to a comparison, if it prints both."""
    printed = {cell.key: cell.test_error for cell in printed_cells()}
    if first not in printed or second not in printed:
        return part
    ours, theirs = printed[first], printed[second]
    return replace(part, paper=f"{ours} vs {theirs}", paper_agrees=agrees(float(ours), float(theirs)))


def less_than_above(points: float) -> Callable[[float, float], bool]:
    """Return the condition that a first error is less than so many points above a second."""
    return lambda first, second: first - second < points


def short(key: Key, optimizer: str) -> str:
    """Return a model's name, with the optimizer if the claim names one."""
    return f"{key.model} {optimizer}" if optimizer else key.model


def place(dataset: str, depth: int) -> str:
    """Return where a comparison is made: ``3 layers, MNIST``."""
    return f"{depth} layers, {DATASETS[dataset]}"


def with_runs(mistakes: Mistakes) -> str:
    """Return a mean test error, with the number of runs if there are several."""
    runs = len(mistakes.wrong)
    return f"{mistakes.error:.2f}" + (f" [{runs}]" if runs > 1 else "")
