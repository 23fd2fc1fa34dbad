"""The winner of a study as a spec file that ``lrarun train`` takes."""

from __future__ import annotations

from typing import Any

from lrarun.specs.search import Search
from lrarun.specs.yaml_text import dump
from lrarun.tuning.trials import Trial

WINNER = "winner.yaml"  # its name in the study's folder


def fresh_seeds(search: Search) -> list[int]:
    """Return seeds that no trial was trained with: the next ones after the search's."""
    first = max(search.budget.seeds) + 1
    return list(range(first, first + search.budget.winner_seeds))


def winner_spec(search: Search, winner: Trial, trials: int) -> str:
    """Return the winner's spec as YAML, every setting written out, with one run per fresh seed.

    Args:
        search: the search.
        winner: the best of the trials.
        trials: how many there were.
    """
    budget = search.budget
    settings: dict[str, Any] = search.winner(winner.proposal).to_dict()
    del settings["seed"]
    seeds = ", ".join(map(str, budget.seeds))
    lines = [
        f"# The best of {trials} trials of the study {search.study_id}: trial {winner.number},",
        f"# validation error {winner.validation_error:.2f} % within {budget.epochs} epochs (seed {seeds}).",
        "# No test error was known when it was chosen; the seeds below were not seen in the search.",
    ]
    return "\n".join(lines) + "\n" + dump(settings | {"sweep": {"seed": fresh_seeds(search)}})
