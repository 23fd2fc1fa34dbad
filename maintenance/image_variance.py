"""How much a difference of two rules' test errors varies over test images: ``python -m maintenance.image_variance``.

docs/verdicts.md assumes a standard deviation for it, from the margin alone. This measures it between the settings of
the paper's tables, from the reference results. Averaged over ever more seeds, a network of a rule would err on image
x with probability p(x). Two rules' expected errors then differ by the mean of p(x) - q(x), and the variance of that
over images is what is asked for. Products of different seeds estimate its squares without the seeds' own luck.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
from tabulate import tabulate

from lrarun.paper import MARGINS
from lrarun.report.paired import MissingEvidence, mistakes_of
from lrarun.report.repetitions import by_settings, one_per_seed, settings
from lrarun.results.read import read_results
from lrarun.shipped import EXPERIMENTS, root
from lrarun.specs.build import load_specs

NEAR = (0.5, 1.5)  # margins: pairs whose errors are about a margin apart


def squares(wrong: np.ndarray) -> np.ndarray:
    """Return each image's squared probability of an error, from shape (seeds, images); two seeds or more."""
    seeds, often = len(wrong), wrong.sum(axis=0)
    return (often**2 - often) / (seeds * (seeds - 1))


def deviation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the standard deviation over images of a difference of expected errors, in points; 0 where noise hides it.

    Args:
        first, second: which images each seed of a rule gets wrong, shape (seeds, images).
    """
    apart = first.mean(axis=0) - second.mean(axis=0)
    mean_square = squares(first) + squares(second) - 2 * first.mean(axis=0) * second.mean(axis=0)
    variance = float(mean_square.mean()) - float(apart.mean()) ** 2
    return 100 * math.sqrt(max(variance, 0.0) / first.shape[1])


def main() -> None:
    """Print the quantiles of the deviation for each data set, beside the one that is assumed."""
    runs = by_settings(read_results(Path(root()) / "results" / "reference"))
    specs = [spec for number in (1, 2, 3) for spec in load_specs(root() / EXPERIMENTS / f"table{number}.yaml")]
    sides: dict[str, list[np.ndarray]] = {dataset: [] for dataset in MARGINS}
    for key in dict.fromkeys(settings(spec.to_dict()) for spec in specs):
        finished = [run for run in one_per_seed(runs.get(key, ())).values() if run.finished]
        try:
            wrong = mistakes_of(finished).wrong.astype(float)
        except MissingEvidence:
            continue
        if len(wrong) > 1:
            sides[finished[0].spec["dataset"]].append(wrong)
    rows = []
    for dataset, margin in MARGINS.items():
        found = []
        for one, other in itertools.combinations(sides[dataset], 2):
            apart = abs(100 * (one.mean() - other.mean())) / margin
            if NEAR[0] <= apart <= NEAR[1]:
                found.append(deviation(one, other))
        assumed = math.sqrt(margin * (100 - margin) / 10_000)
        rows.append([dataset, len(found), assumed, *np.quantile(found, [0.5, 0.9, 1.0])])
    print(tabulate(rows, ["data set", "pairs", "assumed", "median", "90 %", "largest"], floatfmt=".3f"))


if __name__ == "__main__":
    main()
