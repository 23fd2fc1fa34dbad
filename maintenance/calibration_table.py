"""Writes docs/calibration.md from the logs of the calibration runs: ``make calibration-page``.

Only validation errors are read: the test set chooses nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lrarun.results.read import Result, read_results
from lrarun.specs.build import load_specs, make_spec

HEAD = """# Calibration: what was tried where the paper is silent

Generated from `results/reference/calibration/` by `make calibration-page`; the specs are
in `experiments/calibration/`. Each row is one run on seed 0. A setting that is not named
has its default. The score is the lowest validation error on the 2,000 held-out images:
one standard error is about 0.4 points at 3 %, so that smaller differences mean little.
The test set plays no part. What was taken from it, and why, is in [choices.md](choices.md).
"""
PLACES = ("seed", "epochs", "depth")


def flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted keys."""
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        inner = isinstance(value, dict)
        found |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return found


def changed(spec: dict[str, Any]) -> str:
    """The settings in which a spec differs from its rule's defaults at the same depth."""
    silent = {key: spec[key] for key in PLACES} | {"algorithm": spec["algorithm"]["name"]}
    default = flat(make_spec(silent).to_dict())
    differing = {key: value for key, value in flat(spec).items() if default.get(key) != value}
    return ", ".join(f"{key} = {shown(value)}" for key, value in differing.items()) or "the defaults"


def shown(value: Any) -> str:
    """A setting as a reader writes it, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def row(spec: dict[str, Any], result: Result | None) -> str:
    """One run as a line of a Markdown table."""
    cells = [spec["algorithm"]["name"], str(spec["depth"]), changed(spec)]
    if result is None:
        return f"| {' | '.join(cells)} | missing | | |"
    record = result.record
    if result.state == "diverged":
        return f"| {' | '.join(cells)} | diverged | {record.get('epoch', 0)} | {spec['epochs']} |"
    score = f"{record['validation_error']:.2f}" if "validation_error" in record else "-"
    state = "" if result.finished else f" ({result.state})"
    return f"| {' | '.join(cells)} | {score}{state} | {record.get('best_epoch', '-')} | {spec['epochs']} |"


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
