"""Propose trials: quasi-random ones first, then those of Optuna's TPE.

What a round proposes is a function of the study's seed and of the trials of the rounds before it. The sampler keeps no
state between rounds: each has a study in memory of its own, with a seed of its own, that is told those trials in order.
So neither the number of processes nor a kill can change what is proposed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import qmc

from lrarun.errors import UsageError, how_to_install
from lrarun.specs.search import Budget
from lrarun.specs.space import Dimension, Proposal
from lrarun.tuning.trials import FINISHED, Trial

if TYPE_CHECKING:
    import optuna

DIGITS = 4  # of a proposed number: a spec that can be read


def propose(
    dimensions: Sequence[Dimension], budget: Budget, before: Sequence[Trial], count: int
) -> list[dict[str, Any]]:
    """Return the next trials' settings.

    Args:
        dimensions: what to choose.
        budget: gives the seed, and how many trials are quasi-random.
        before: all trials of the rounds before, in order, each with its end.
        count: how many to propose at once; fewer give the first ones of more.

    Raises:
        UsageError: Optuna is needed, and not installed.
    """
    first = len(before)
    spread = min(max(0, budget.quasi_random - first), count)
    even = quasi_random(dimensions, budget.seed, budget.quasi_random)[first : first + spread]
    learned = count - spread
    return [*even, *(_ask(dimensions, budget.seed, before, even, learned) if learned else [])]


# --- quasi-random


def quasi_random(dimensions: Sequence[Dimension], seed: int, count: int) -> list[dict[str, Any]]:
    """Return settings that cover the space evenly: a scrambled Sobol sequence, a coordinate for each dimension.

    Args:
        dimensions: what to choose; one that a trial does not need has a coordinate all the same.
        seed: of the scrambling.
        count: how many.
    """
    sequence = qmc.Sobol(len(dimensions), scramble=True, seed=np.random.default_rng(seed))
    points = sequence.random_base2(max(0, math.ceil(math.log2(count))))[:count]
    return [_at(dimensions, point) for point in points]


def _at(dimensions: Sequence[Dimension], point: np.ndarray) -> dict[str, Any]:
    proposal: dict[str, Any] = {}
    for dimension, coordinate in zip(dimensions, point):
        if dimension.is_needed(proposal):
            proposal[dimension.label] = _value(dimension, float(coordinate))
    return proposal


def _value(dimension: Dimension, coordinate: float) -> Any:
    """Return the value at a coordinate from 0 to 1: equal parts for choices, the scale's for a range."""
    if not dimension.scale:
        return dimension.choices[min(int(coordinate * len(dimension.choices)), len(dimension.choices) - 1)]
    low, high = dimension.choices
    if dimension.whole:  # every number has a part of its own
        low, high = low - 0.5, high + 0.5
    if dimension.scale == "log":
        value = math.exp(math.log(low) + coordinate * (math.log(high) - math.log(low)))
    else:
        value = low + coordinate * (high - low)
    return _rounded(dimension, value)


def _rounded(dimension: Dimension, value: float) -> float | int:
    """Return a number of a range with few digits, and within it."""
    low, high = dimension.choices
    short = round(value) if dimension.whole else float(f"{value:.{DIGITS}g}")
    return min(max(short, low), high)


# --- Optuna


def _ask(
    dimensions: Sequence[Dimension], seed: int, before: Sequence[Trial], beside: Sequence[Proposal], count: int
) -> list[dict[str, Any]]:
    """Return what TPE proposes after the trials before, with those of the same round as still running."""
    optuna = library()
    own = int(np.random.SeedSequence([seed, len(before)]).generate_state(1)[0])
    # Its default would turn the first trials into random ones; ours are quasi-random.
    sampler = optuna.samplers.TPESampler(seed=own, n_startup_trials=1, multivariate=False, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    for trial in before:
        study.add_trial(_told(dimensions, trial))
    for proposal in beside:
        study.add_trial(_frozen(dimensions, proposal, optuna.trial.TrialState.RUNNING))
    proposals = []
    for _ in range(count):
        trial, proposal = study.ask(), {}
        for dimension in dimensions:
            if dimension.is_needed(proposal):
                proposal[dimension.label] = _suggest(trial, dimension)
        proposals.append(proposal)
    return proposals


def _suggest(trial: optuna.trial.Trial, dimension: Dimension) -> Any:
    if not dimension.scale:
        return trial.suggest_categorical(dimension.label, dimension.choices)
    low, high = dimension.choices
    suggest = trial.suggest_int if dimension.whole else trial.suggest_float
    return _rounded(dimension, suggest(dimension.label, low, high, log=dimension.scale == "log"))


def _told(dimensions: Sequence[Dimension], trial: Trial) -> optuna.trial.FrozenTrial:
    """Return a trial as Optuna knows it; one that was stopped early counts by how far it came and its error there."""
    state = library().trial.TrialState
    if trial.state == FINISHED:
        return _frozen(dimensions, trial.proposal, state.COMPLETE, value=trial.validation_error)
    # One that diverged reports no value: Optuna ranks it last.
    seen = {} if trial.validation_error is None else {trial.epoch: trial.validation_error}
    return _frozen(dimensions, trial.proposal, state.PRUNED, intermediate_values=seen)


def _frozen(
    dimensions: Sequence[Dimension], proposal: Proposal, state: optuna.trial.TrialState, **more: Any
) -> optuna.trial.FrozenTrial:
    kinds = {each.label: _distribution(each) for each in dimensions if each.label in proposal}
    return library().trial.create_trial(state=state, params=dict(proposal), distributions=kinds, **more)


def _distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    distributions = library().distributions
    if not dimension.scale:
        return distributions.CategoricalDistribution(dimension.choices)
    kind = distributions.IntDistribution if dimension.whole else distributions.FloatDistribution
    low, high = dimension.choices
    return kind(low, high, log=dimension.scale == "log")


def library() -> Any:
    """Return Optuna, which is an extra, and keep it from telling what lrarun tells itself.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UsageError(f"lrarun tune needs Optuna; install it with: {how_to_install('tune')}") from None
    optuna.logging.set_verbosity(logging.WARNING)
    return optuna
