"""Writes docs/calibration.md from the logs of the calibration runs: ``make calibration-page``.

Only validation errors are read: the test set chooses nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lrarun.results.read import Result, read_results
from lrarun.results.settings import differing, flatten
from lrarun.specs.spec import load_specs, make_spec

HEAD = """# Calibration: what was tried where the paper is silent

Generated from `results/reference/calibration/` by `make calibration-page`; the specs are
in `experiments/calibration/`. Each row is one run on seed 0. A setting that is not named
has its default. The score is the lowest validation error on the 2,000 held-out images:
one standard error is about 0.4 points at 3 %, so that smaller differences mean little.
The test set plays no part. What was taken from it, and why, is in [choices.md](choices.md).
"""
PLACES = ("seed", "epochs", "depth")


def changed(spec: dict[str, Any]) -> str:
    """The settings in which a spec differs from its rule's defaults at the same depth."""
    silent = {key: spec[key] for key in PLACES} | {"algorithm": spec["algorithm"]["name"]}
    own = flatten(spec)
    keys = differing([own, flatten(make_spec(silent).to_dict())])
    return ", ".join(f"{key} = {shown(own[key])}" for key in keys if key in own) or "the defaults"


def shown(value: Any) -> str:
    """A setting as a reader writes it, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def row(spec: dict[str, Any], result: Result | None) -> str:
    """One run as a line of a Markdown table."""
    cells = [spec["algorithm"]["name"], str(spec["depth"]), changed(spec)]
    if result is None:
        return f"| {' | '.join(cells)} | missing | | |"
    if result.state == "diverged":
        return f"| {' | '.join(cells)} | diverged | {result.epoch} | {spec['epochs']} |"
    score = "-" if result.validation_error is None else f"{result.validation_error:.2f}"
    state = "" if result.finished else f" ({result.state})"
    return f"| {' | '.join(cells)} | {score}{state} | {result.best_epoch or '-'} | {spec['epochs']} |"


def page(experiments: Path, reference: Path) -> str:
    """The whole page."""
    results = {result.run_id: result for result in read_results(reference)}
    parts = [HEAD]
    for path in sorted(experiments.glob("*.yaml")):
        parts.append(f"## {path.stem}\n")
        parts.append("| rule | depth | settings | validation error, % | at epoch | of |\n|---|---|---|---|---|---|")
        parts.append("\n".join(row(spec.to_dict(), results.get(spec.run_id)) for spec in load_specs(path)) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    sys.stdout.write(page(root / "experiments/calibration", root / "results/reference/calibration"))
