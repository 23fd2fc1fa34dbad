"""What the paper says of its results, checked against runs: the rules of ``docs/verdicts.md``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

import yaml

from lrarun.paper import DATASETS, Key, printed_cells
from lrarun.report.cells import MISSING
from lrarun.report.claims.evidence import Measured, Row
from lrarun.report.claims.paired import Lacking, Mistakes, compare
from lrarun.report.statistics import CONFIDENCE, binomial_variance, holm, two_sided
from lrarun.report.verdicts import INCONCLUSIVE
from lrarun.results.read import DIVERGED, Result

HOLDS, FAILS = "holds", "fails"
VERDICTS = (HOLDS, FAILS, INCONCLUSIVE, MISSING)

# `spread` averages the validation error over that many epochs: DTP's goes up and down from one to the next.
TAIL = 10

# (model, hidden layers) -> matrix products that finding one mini-batch's targets takes.
Products = Callable[[str, int], int]


@dataclass(frozen=True)
class Claim:
    """One statement of the paper, as ``claims.yaml`` has it.

    Attributes:
        id: its name.
        says: the statement.
        where: in the paper.
        needs: what provides the results, for when they are missing.
        kind: how it is tested, one of :data:`KINDS`.
        model, optimizer: the experiment that it is about; no optimizer: the paper's.
        than, than_optimizer: those that it is compared with.
        datasets, depths: where; ``breakdown`` takes a shallow and a deep one.
        settings: of ``spread``, what is varied.
        epochs: how many a log must have, and ``angle`` looks at.
        points, happens, at_most: the bound of ``breakdown`` (and its sense), of ``angle``.
    """

    id: str
    says: str
    where: str
    needs: str
    kind: str
    model: str
    depths: Sequence[int]
    datasets: Sequence[str] = ("mnist",)
    optimizer: str = ""
    than: Sequence[str] = ()
    than_optimizer: str = ""
    settings: Sequence[Mapping[str, Any]] = ()
    epochs: int = 0
    points: float = 0.0
    happens: bool = True
    at_most: float = math.inf


@dataclass(frozen=True)
class Comparison:
    """One part of a claim.

    Attributes:
        what: the part, in words.
        numbers: ours, in words.
        favour: above 0 on the claim's side, below on the other; None where missing.
        p: two-sided p value of ``favour`` against 0; None where nothing is left to chance.
        p_holm: the same, corrected for the number of comparisons.
        verdict: one of :data:`VERDICTS`.
        lacking: what is missing.
        paper: the paper's own numbers, if it prints them.
        paper_agrees: whether they are on the claim's side.
    """

    what: str
    numbers: str = ""
    favour: float | None = None
    p: float | None = None
    p_holm: float | None = None
    verdict: str = MISSING
    lacking: str = ""
    paper: str = ""
    paper_agrees: bool | None = None


@dataclass(frozen=True)
class Checked:
    """A claim with its comparisons and verdict."""

    claim: Claim
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """``fails`` if a part does, ``holds`` if all do, else ``missing`` if a part is."""
        parts = {comparison.verdict for comparison in self.comparisons}
        return next((verdict for verdict in (FAILS, MISSING, INCONCLUSIVE) if verdict in parts), HOLDS)


def load_claims() -> list[Claim]:
    """The paper's claims, in the order of ``claims.yaml``."""
    text = (files("lrarun.paper") / "claims.yaml").read_text(encoding="utf-8")
    return [Claim(**entry) for entry in yaml.safe_load(text)]


def check(claims: Sequence[Claim], measured: Measured, products: Products | None = None) -> list[Checked]:
    """Every claim with its verdict, p values corrected over all of them together.

    Args:
        claims: as from :func:`load_claims`.
        measured: the runs.
        products: counts matrix products; without it, claims about them are missing.
    """
    parts = [list(KINDS[claim.kind](claim, measured, products)) for claim in claims]
    corrected = iter(holm([part.p for part in itertools.chain(*parts) if part.p is not None]))
    return [
        Checked(claim, [decide(part, next(corrected) if part.p is not None else None) for part in each])
        for claim, each in zip(claims, parts)
    ]


def decide(part: Comparison, p_holm: float | None) -> Comparison:
    """A comparison with its verdict."""
    if part.favour is None:
        return part
    if p_holm is not None and p_holm >= 1 - CONFIDENCE:
        return replace(part, p_holm=p_holm, verdict=INCONCLUSIVE)
    return replace(part, p_holm=p_holm, verdict=HOLDS if part.favour > 0 else FAILS)


# The kinds of claims: each yields its comparisons.


def lower(claim: Claim, measured: Measured, _: Products | None) -> Iterator[Comparison]:
    """The model's test error is below each of the others'."""
    for dataset, depth, other in itertools.product(claim.datasets, claim.depths, claim.than):
        first = experiment(dataset, claim.model, depth, claim.optimizer)
        second = experiment(dataset, other, depth, claim.than_optimizer)
        what = f"{short(first, claim.optimizer)} below {short(second, claim.than_optimizer)}, {place(dataset, depth)}"
        part = beside_paper(Comparison(what), first, second, lambda ours, theirs: ours < theirs)
        yield attempt(paired, part, measured, first, second, 0.0, -1)


def breakdown(claim: Claim, measured: Measured, _: Products | None) -> Iterator[Comparison]:
    """The test error rises by more than so many points from shallow to deep, or does not."""
    shallow, deep = claim.depths
    sign = 1 if claim.happens else -1
    for dataset in claim.datasets:
        first, second = (experiment(dataset, claim.model, depth, claim.optimizer) for depth in (deep, shallow))
        rise = f"{'more' if claim.happens else 'less'} than {claim.points:g} points"
        part = Comparison(f"{claim.model} {rise} from {shallow} to {deep} layers, {DATASETS[dataset]}")
        part = beside_paper(part, first, second, lambda ours, theirs: sign * (ours - theirs - claim.points) > 0)
        yield attempt(paired, part, measured, first, second, claim.points, sign)


def paired(part: Comparison, measured: Measured, first: Key, second: Key, margin: float, sign: int) -> Comparison:
    """A comparison of test errors, in favour of the claim where sign * (first - second - margin) > 0."""
    ours, theirs = measured.test(first), measured.test(second)
    difference, p = compare(ours, theirs, margin)
    numbers = f"{with_runs(ours)} vs {with_runs(theirs)}"
    return replace(part, numbers=numbers, favour=sign * (difference - margin), p=p)


def spread(claim: Claim, measured: Measured, _: Products | None) -> Iterator[Comparison]:
    """The validation error varies over the settings, or varies more than another model's."""
    for dataset, depth in itertools.product(claim.datasets, claim.depths):
        other = f" more than {claim.than[0]}" if claim.than else ""
        part = Comparison(f"{claim.model} varies{other}, {place(dataset, depth)}")
        keys = [experiment(dataset, model, depth, "") for model in (claim.model, *claim.than)]
        yield attempt(varied, part, claim, measured, keys)


def varied(part: Comparison, claim: Claim, measured: Measured, keys: Sequence[Key]) -> Comparison:
    """One comparison of :func:`spread`."""
    logs = [[measured.curves(key, s, ["validation_error"], claim.epochs) for s in claim.settings] for key in keys]
    curves = itertools.chain(*itertools.chain(*logs))
    last = min((len(rows) for run, rows in curves if run.state != DIVERGED), default=claim.epochs)
    ranges, parts = [], []
    for of_model in logs:
        finals = sorted(late_error(curves, last) for curves in of_model)
        ranges.append(finals[-1][0] - finals[0][0])
        parts += [finals[-1][1], finals[0][1]]
    favour = ranges[0] - sum(ranges[1:])
    p = two_sided(favour, parts)
    if len(keys) == 1:
        # The largest of all differences between two settings was picked.
        p = min(1.0, p * math.comb(len(claim.settings), 2))
    sizes = " vs ".join(f"{size:.2f}" for size in ranges)
    epochs = f"epochs {max(last - TAIL, 0) + 1} to {last}"
    return replace(part, numbers=f"{sizes} points over {epochs}", favour=favour, p=p)


def late_error(curves: Sequence[tuple[Result, Sequence[Row]]], last: int) -> tuple[float, tuple[float, float]]:
    """Mean validation error over the ten epochs up to the last, and its (variance, degrees of freedom).

    The epochs share their validation images, so the variance over images is that of one of them.
    """
    errors = [100.0 if run.state == DIVERGED else late_mean(rows[:last]) for run, rows in curves]
    mean = math.fsum(errors) / len(errors)
    if len(errors) > 1:
        variance = math.fsum((error - mean) ** 2 for error in errors) / (len(errors) - 1)
        return mean, (variance / len(errors), len(errors) - 1)
    return mean, (binomial_variance(mean, curves[0][0].spec["validation"]), math.inf)


def late_mean(rows: Sequence[Row]) -> float:
    """The mean validation error of the last ten epochs."""
    errors = [row["validation_error"] for row in rows[-TAIL:]]
    return math.fsum(errors) / len(errors)


def angle(claim: Claim, measured: Measured, _: Products | None) -> Iterator[Comparison]:
    """No measured angle to backprop's update exceeds a bound."""
    for dataset, depth in itertools.product(claim.datasets, claim.depths):
        part = Comparison(f"{claim.model} at most {claim.at_most:g} degrees, {place(dataset, depth)}")
        key = experiment(dataset, claim.model, depth, claim.optimizer)
        yield attempt(widest, part, claim, measured, key)


def widest(part: Comparison, claim: Claim, measured: Measured, key: Key) -> Comparison:
    """One comparison of :func:`angle`; raises ``Lacking`` without finite angles over so many epochs."""
    curves = measured.curves(key, {}, ["angle_mean", "angle_max"], claim.epochs)
    rows = [row for _, rows in curves for row in rows[: claim.epochs]]
    most = max(row["angle_max"] for row in rows)
    mean = math.fsum(row["angle_mean"] for row in rows) / len(rows)
    if not math.isfinite(mean + most):
        raise Lacking(f"finite angles of {key}")
    # A bound that is met exactly is kept.
    favour = 1.0 if most <= claim.at_most else -1.0
    return replace(part, numbers=f"largest {most:.1f}, mean {mean:.1f} degrees", favour=favour)


def products(claim: Claim, _: Measured, count: Products | None) -> Iterator[Comparison]:
    """The model takes fewer matrix products than each of the others to find its targets."""
    for depth, other in itertools.product(claim.depths, claim.than):
        part = Comparison(f"{claim.model} fewer than {other}, {depth} layers")
        if count is None:
            yield replace(part, lacking="counts of the matrix products")
            continue
        ours, theirs = count(claim.model, depth), count(other, depth)
        yield replace(part, numbers=f"{ours} vs {theirs}", favour=float(theirs - ours))


KINDS: dict[str, Callable[[Claim, Measured, Products | None], Iterator[Comparison]]] = {
    "lower": lower,
    "breakdown": breakdown,
    "spread": spread,
    "angle": angle,
    "products": products,
}


def attempt(make: Callable[..., Comparison], part: Comparison, *arguments: Any) -> Comparison:
    """A comparison made, or as missing."""
    try:
        return make(part, *arguments)
    except Lacking as error:
        return replace(part, lacking=str(error))


def experiment(dataset: str, model: str, depth: int, optimizer: str) -> Key:
    """A model's experiment, with the paper's optimizer for it unless another is named."""
    usual = {cell.key.model: cell.key.optimizer for cell in printed_cells() if cell.table == 1}
    return Key(dataset, model, depth, optimizer or usual[model])


def beside_paper(part: Comparison, first: Key, second: Key, agrees: Callable[[float, float], bool]) -> Comparison:
    """A comparison with the paper's own numbers, if it prints both."""
    printed = {cell.key: cell.test_error for cell in printed_cells()}
    if first not in printed or second not in printed:
        return part
    ours, theirs = printed[first], printed[second]
    return replace(part, paper=f"{ours} vs {theirs}", paper_agrees=agrees(float(ours), float(theirs)))


def short(key: Key, optimizer: str) -> str:
    """A model's name, with the optimizer if the claim names one."""
    return f"{key.model} {optimizer}" if optimizer else key.model


def place(dataset: str, depth: int) -> str:
    """Where a comparison is made."""
    return f"{depth} layers, {DATASETS[dataset]}"


def with_runs(mistakes: Mistakes) -> str:
    """A mean test error, and over how many runs if several."""
    runs = len(mistakes.wrong)
    return f"{mistakes.error:.2f}" + (f" [{runs}]" if runs > 1 else "")
