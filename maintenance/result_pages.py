"""Write the tables of docs/reproduction.md and docs/fair-table.md anew from the reference results: ``make pages``.

A table stands between ``<!-- NAME: arguments -->`` and ``<!-- end -->``; NAME is a key of :data:`TABLES`. The words
around the tables are written by hand.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, geometric_mean
from typing import Any

import pandas as pd

from lrarun.api.claims import check_claims
from lrarun.api.inputs import runs_in
from lrarun.api.tables import tables
from lrarun.paper import DATASETS, MODELS
from lrarun.report.claims.render import p_text, tally
from lrarun.report.paired import compare, mistakes_of
from lrarun.report.statistics import Estimate, holm
from lrarun.report.tables import CHOSEN, escape_markdown
from lrarun.results.result import Result
from lrarun.specs.build import make_spec
from lrarun.tuning import fair, fair_numbers, fair_pairs
from lrarun.tuning.fair_table import body_of, decided_of, pairs_body
from lrarun.tuning.trials import rank

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "docs" / "reproduction.md", ROOT / "docs" / "fair-table.md")
REFERENCE = ROOT / "results" / "reference"
BLOCK = re.compile(r"(<!-- ([a-z]+)(?:: (.*?))? -->\n).*?(<!-- end -->)", re.DOTALL)
SIGNS = {"reproduced": "=", "lower": "↓", "higher": "↑", "inconclusive": "?", "missing": "–"}
OF_DEPTHS = (1, 2)  # the paper's tables with a column per depth
SEEDS = range(16)  # more than there are of any setting


@functools.cache
def runs(first_seed_only: bool = False) -> Sequence[Result]:
    """Return the reference runs, or those of seed 0 alone."""
    return [run for run in runs_in(REFERENCE) if not first_seed_only or run.spec["seed"] == 0]


@functools.cache
def cells(first_seed_only: bool = False) -> pd.DataFrame:
    """Return the cells of the paper's tables with their verdicts."""
    found = tables(runs(first_seed_only)).cells
    return found[found["expected"]]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], right: bool = True) -> str:
    """Return a table in Markdown; all columns but the first are aligned to the right, unless told otherwise."""
    line = ["---", *["---:" if right else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, line, *rows))


def ours(mean: float, std: float, count: int) -> str:
    """Return an error over seeds: ``2.14 ± 0.18 [3]``, or one seed's alone."""
    if math.isnan(mean):
        return "–"
    return f"{mean:.2f}" if math.isnan(std) else f"{mean:.2f} ± {std:.2f} [{count}]"


def verdicts(argument: str) -> str:
    """Return a sign for each cell of Tables 1 and 2, with ‡ where the printed number chose a setting."""
    found = cells()[cells()["table"].isin(OF_DEPTHS)]
    columns = list(dict.fromkeys(zip(found["dataset"], found["depth"])))
    signs = {(c.model, c.dataset, c.depth): SIGNS[c.verdict] + CHOSEN * bool(c.readings) for c in found.itertuples()}
    head = ["", *(f"{DATASETS[dataset]}, {depth}" for dataset, depth in columns)]
    names = dict.fromkeys(found["model"])
    return markdown(head, [[name, *(signs[name, *column] for column in columns)] for name in names])


def errors(argument: str) -> str:
    """Return a rule's test errors beside the paper's; with ``train``, its training errors too."""
    model, *kinds = argument.split()
    found = cells()[cells()["table"].isin(OF_DEPTHS) & (cells()["model"] == model)]
    depths = sorted(set(found["depth"]))
    rows = []
    for dataset, of_dataset in found.groupby("dataset", sort=False):
        by_depth = of_dataset.set_index("depth")
        for kind in ("test", *kinds):
            std = by_depth["test_error_std"] if kind == "test" else pd.Series(math.nan, depths)
            means, printed = by_depth[f"{kind}_error"], by_depth[f"paper_{kind}"]
            name = f"{DATASETS[dataset]}, {kind}"
            rows.append([f"{name}, ours", *(ours(means[d], std[d], by_depth["runs"][d]) for d in depths)])
            rows.append([f"{name}, paper", *(printed[d] for d in depths)])
    return markdown(["", *(f"{depth} layers" for depth in depths)], rows)


def optimizers(argument: str) -> str:
    """Return Table 3: LRA-E with three optimizers."""
    found = cells()[cells()["table"] == 3]
    rows = [
        [
            f"{DATASETS[c.dataset]}, {c.optimizer}",
            ours(c.test_error, c.test_error_std, c.runs),
            c.paper_test,
            SIGNS[c.verdict],
        ]
        for c in found.itertuples()
    ]
    return markdown(["", "ours", "paper", ""], rows)


def claims(argument: str) -> str:
    """Return the verdict on each claim, and what it was with seed 0 alone."""
    rows = [
        [
            f"`{now.claim.id}`: {now.claim.says}",
            f"{now.verdict}: {tally([part.verdict for part in now.comparisons])}",
            f"{then.verdict}: {tally([part.verdict for part in then.comparisons])}",
        ]
        for now, then in zip(check_claims(runs()), check_claims(runs(first_seed_only=True)))
    ]
    return markdown(["claim", "all seeds", "seed 0 alone"], rows, right=False)


def changes(argument: str) -> str:
    """Return the cells that have another verdict than seed 0 alone gives."""
    both = zip(cells().itertuples(), cells(first_seed_only=True).itertuples())
    rows = [
        [
            f"Table {now.table}: {now.model}, {now.optimizer}, {now.depth} layers, {DATASETS[now.dataset]}",
            ours(then.test_error, math.nan, 1),
            ours(now.test_error, now.test_error_std, now.runs),
            now.paper_test,
            f"{then.verdict} → {now.verdict}",
        ]
        for now, then in both
        if now.verdict != then.verdict
    ]
    return markdown(["cell", "seed 0", "all seeds", "paper", "verdict"], rows)


def explained(argument: str) -> str:
    """Return the runs whose settings are the argument's, such as ``algorithm.name=dtp depth=8``: errors of each."""
    wanted = dict(pair.split("=") for pair in argument.split())
    chosen = [run for run in runs() if run.finished and all(_setting(run.spec, k) == v for k, v in wanted.items())]
    chosen.sort(key=lambda run: (list(DATASETS).index(run.spec["dataset"]), run.spec["depth"], run.spec["seed"]))
    rows = [
        [
            f"{DATASETS[run.spec['dataset']]}, {run.spec['depth']} layers",
            *(f"{run.record[kind]:.2f}" for kind in ("test_error", "train_error", "validation_error")),
            f"{run.record['best_epoch']} of {run.epoch}",
            f"`{run.run_id[-10:]}`",
        ]
        for run in chosen
    ]
    return markdown(["", "test", "train", "validation", "best epoch", "run"], rows)


def epsilons(argument: str) -> str:
    """Return the lowest validation error of DTP-sigma and DTP with each of RMSprop's epsilons, for seed 0.

    The last row has the geometric mean of each epsilon that has all twelve errors.
    """
    values = [float(value) for value in argument.split()]
    names, errors = [], []
    for rule, dataset, depth in itertools.product(("dtp-sigma", "dtp"), DATASETS, (3, 5, 8)):
        base = {"algorithm": rule, "dataset": dataset, "depth": depth}
        found = [_run_of(base | {"optimizer": {"name": "rmsprop", "epsilon": value}}) for value in values]
        names.append(f"{MODELS[rule]}, {DATASETS[dataset]}, {depth} layers")
        errors.append([math.nan if run is None else run.record["validation_error"] for run in found])
    means = [math.nan if any(map(math.isnan, column)) else geometric_mean(column) for column in zip(*errors)]
    rows = [[name, *map(_two_digits, row)] for name, row in zip([*names, "geometric mean"], [*errors, means])]
    return markdown(["", *(f"{value:g}" for value in values)], rows)


def _two_digits(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


RULES_WITH_STEPS = ("backprop", "rfa", "dfa")  # those that take the mean over the mini-batch


def steps(argument: str) -> str:
    """Return test errors at the tables' steps and at the sum over the mini-batch: a row per rule."""
    dataset, depth, *rates = argument.split()
    base = {"dataset": dataset, "depth": int(depth)}
    rows = []
    for rule in ("lra-e", *RULES_WITH_STEPS):
        columns = [base | {"algorithm": rule}, *(_with_sum(base, rule, rate) for rate in rates)]
        rows.append([MODELS[rule], *(_test_and_train(_runs_of(settings)) for settings in columns)])
    return markdown(["", "as in the tables", *(f"sum, {rate}" for rate in rates)], rows)


def apart(argument: str) -> str:
    """Return how far rules with the sum over the mini-batch are above LRA-E in test error, in points.

    The argument has places with the rates of each column, such as ``mnist 3 0.01 0.004, mnist 8 0.01 0.002``. Runs are
    paired by seed. Each column's p values are corrected for how many it has.
    """
    names, columns, used = [], [], []
    for place in argument.split(", "):
        dataset, depth, *rates = place.split()
        used.append(rates)
        base = {"dataset": dataset, "depth": int(depth)}
        for rule in RULES_WITH_STEPS:
            names.append(f"{MODELS[rule]}, {DATASETS[dataset]}, {depth} layers")
            columns.append([_above(_with_sum(base, rule, rate), base | {"algorithm": "lra-e"}) for rate in rates])
    heads = [f"sum, {' or '.join(dict.fromkeys(rates))}" for rates in zip(*used)]
    return markdown(["less LRA-E", *heads], [*zip(names, *map(_in_words, zip(*columns)))])


def _with_sum(base: Mapping[str, Any], rule: str, rate: str) -> dict[str, Any]:
    optimizer = {"name": "sgd", "learning_rate": float(rate)}
    return {**base, "algorithm": {"name": rule, "reduction": "sum"}, "optimizer": optimizer}


def _above(settings: Mapping[str, Any], other: Mapping[str, Any]) -> Estimate:
    """Return how much higher the test error with some settings is than with others, over the seeds that both have."""
    first, second = ({run.spec["seed"]: run for run in _runs_of(each)} for each in (settings, other))
    shared = sorted(first.keys() & second.keys())
    return compare(*(mistakes_of([side[seed] for seed in shared]) for side in (first, second)))


def _in_words(estimates: Sequence[Estimate]) -> list[str]:
    """Return differences with their intervals and p values, corrected for how many there are."""
    adjusted = holm([estimate.p() for estimate in estimates])
    widths = [estimate.half_width() for estimate in estimates]
    return [
        f"{each.effect:+.2f} ({each.effect - half:+.2f} to {each.effect + half:+.2f}), {p_text(p)}"
        for each, half, p in zip(estimates, widths, adjusted)
    ]


def _test_and_train(found: Sequence[Result]) -> str:
    if not found:
        return "–"
    tests = pd.Series([run.record["test_error"] for run in found])
    return f"{ours(tests.mean(), tests.std(), len(tests))} ({fmean(run.record['train_error'] for run in found):.2f})"


def _runs_of(settings: Mapping[str, Any]) -> list[Result]:
    """Return the finished reference runs with these settings and the defaults of all else, by seed."""
    found = [_run_of({**settings, "seed": seed}) for seed in SEEDS]
    return [run for run in found if run is not None]


def _run_of(settings: Mapping[str, Any]) -> Result | None:
    """Return the finished reference run with these settings and the defaults of all else, if there is one."""
    run_id = make_spec(settings).run_id
    return next((run for run in runs() if run.run_id == run_id and run.finished), None)


@functools.cache
def searches() -> Sequence[fair.Entry]:
    """Return the searches of the fair table."""
    return fair.read(ROOT / "experiments" / "fair", REFERENCE / "fair", REFERENCE)


def fair_cells(argument: str) -> str:
    """Return the fair table of one data set and depth."""
    dataset, depth = argument.split()
    found = fair_numbers.table(searches())
    rows = found[(found["dataset"] == dataset) & (found["depth"] == int(depth))]
    return f"{body_of(rows, 'github')}\n\n{decided_of(rows)}"


def against(argument: str) -> str:
    """Return how far each rule's winner of one data set and depth is from LRA-E's."""
    dataset, depth = argument.split()
    found = fair_pairs.table(searches())
    here = (found["dataset"] == dataset) & (found["depth"] == int(depth)) & (found["other"] == MODELS["lra-e"])
    return pairs_body(found[here], "github")


def winners(argument: str) -> str:
    """Return the settings that the searches of one data set and depth chose."""
    dataset, depth = argument.split()
    rows = []
    for entry in sorted(searches(), key=lambda entry: list(MODELS).index(entry.cell.rule)):
        if entry.cell[:2] == (dataset, int(depth)) and entry.searched and rank(entry.trials):
            chosen = rank(entry.trials)[0].proposal
            said = (f"{label.rpartition('.')[2]} {value}" for label, value in chosen.items())
            rows.append([escape_markdown(MODELS[entry.cell.rule]), ", ".join(said)])
    return markdown(["", "its winner"], rows, right=False)


def _setting(spec: Mapping[str, Any], key: str) -> str:
    value: Any = spec
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return str(value)


TABLES: dict[str, Callable[[str], str]] = {
    "verdicts": verdicts,
    "errors": errors,
    "optimizers": optimizers,
    "claims": claims,
    "changes": changes,
    "runs": explained,
    "epsilons": epsilons,
    "steps": steps,
    "apart": apart,
    "fair": fair_cells,
    "against": against,
    "winners": winners,
}


def written(page: Path) -> str:
    """Return a page with new tables between its markers."""

    def table(block: re.Match[str]) -> str:
        begin, name, argument, end = block.groups()
        return f"{begin}\n{TABLES[name](argument or '')}\n\n{end}"

    return BLOCK.sub(table, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page), encoding="utf-8")
