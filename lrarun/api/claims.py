"""The paper's claims, checked against the runs of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lrarun.api.inputs import runs_in
from lrarun.report.claims.check import check
from lrarun.report.claims.claim import CheckedClaim, load_claims
from lrarun.report.claims.evidence import Evidence
from lrarun.results.result import Result
from lrarun.specs.paper_runs import paper_spec, target_products


def claims(results: str | Path = "results") -> list[CheckedClaim]:
    """Return what the paper says of its results, each claim with its verdict on our runs.

    A checked claim has ``verdict`` (``holds``, ``fails``, ``inconclusive`` or ``missing``),
    ``claim`` (``id``, ``says``, ``where`` in the paper, ``needs``: what provides missing
    results) and ``comparisons``, the tests that it consists of, each with its effect, interval
    and p value, corrected over the claim's comparisons. The rules are in docs/verdicts.md.

    Args:
        results: the folder that holds the runs' folders; without runs, claims are missing.

    Raises:
        UsageError: the folder can't be read.
    """
    return check_claims(runs_in(results))


def check_claims(runs: Sequence[Result]) -> list[CheckedClaim]:
    """Return the paper's claims, checked against runs."""
    return check(load_claims(), Evidence(runs, paper_spec), target_products)
