"""Print docs/reproduction.md with its tables written anew from the reference results: ``make pages``.

A table stands between ``<!-- NAME: arguments -->`` and ``<!-- end -->``; NAME is a key of :data:`TABLES`. The words
around the tables are written by hand.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lrarun.api.claims import check_claims
from lrarun.api.inputs import runs_in
from lrarun.api.tables import tables
from lrarun.paper import DATASETS
from lrarun.report.claims.render import tally
from lrarun.results.read import Result

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reproduction.md"
REFERENCE = ROOT / "results" / "reference"
BLOCK = re.compile(r"(<!-- ([a-z]+)(?:: (.*?))? -->\n).*?(<!-- end -->)", re.DOTALL)
SIGNS = {"reproduced": "=", "lower": "↓", "higher": "↑", "inconclusive": "?", "missing": "–"}
OF_DEPTHS = (1, 2)  # the paper's tables with a column per depth


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
    """Return a sign for each cell of Tables 1 and 2: a row per rule, a column per data set and depth."""
    found = cells()[cells()["table"].isin(OF_DEPTHS)]
    columns = list(dict.fromkeys(zip(found["dataset"], found["depth"])))
    signs = {(c.model, c.dataset, c.depth): SIGNS[c.verdict] for c in found.itertuples()}
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
}


def page() -> str:
    """Return the page with new tables between its markers."""

    def written(block: re.Match[str]) -> str:
        begin, name, argument, end = block.groups()
        return f"{begin}\n{TABLES[name](argument or '')}\n\n{end}"

    return BLOCK.sub(written, PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.stdout.write(page())
