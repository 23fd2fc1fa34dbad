"""Take the first step of runs on made-up data: what training would refuse of a learning rule, without training.

Only rules that are not lrarun's own are tried; tests hold those to the same contract.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Container, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lrarun.algorithms.registry import BadRule, from_outside
from lrarun.data.dataset import Dataset
from lrarun.data.published import PUBLISHED, TRAIN_IMAGES
from lrarun.engine.training import Diverged, Training
from lrarun.errors import UsageError
from lrarun.nn.network import layer_sizes
from lrarun.runs.failures import reason_of
from lrarun.runs.stack import refuse_unknown
from lrarun.specs.build import SpecFile
from lrarun.specs.spec import JAX, Spec

MOST_WEIGHTS = 5_000_000  # of a network that is tried: a step of a larger one takes seconds
MOST_SAMPLES = 256  # in the mini-batch


class Shape(NamedTuple):
    """What a data set has to do with a first step."""

    inputs: int
    classes: int


def check_first_steps(file: SpecFile, datasets: Mapping[str, Dataset], chosen: Container[Spec] | None = None) -> None:
    """Refuse runs whose rule would fail in its first step. Try each rule, with its settings, once per shape.

    Args:
        file: from :func:`lrarun.specs.build.read_specs`.
        datasets: those of the user's own that are loaded; runs on others are not tried.
        chosen: try these runs only; by default all.

    Raises:
        SpecError: with the mistakes found here, each at the rule, and those that ``file`` has already.
    """
    specs = [spec for spec in file.places if chosen is None or spec in chosen]
    _check_engines(file, specs)
    for spec, shape in _distinct(specs, datasets):
        failure = first_failure(spec, shape)
        if failure:
            file.problems.add(file.places[spec], failure)
    file.problems.raise_any()


def _check_engines(file: SpecFile, specs: Iterable[Spec]) -> None:
    """Refuse runs of the engine jax that it can't train, or not here: once for each reason."""
    reasons: dict[str, Spec] = {}
    for spec in specs:
        if spec.engine == JAX:
            try:
                refuse_unknown(spec)
            except UsageError as error:
                reasons.setdefault(str(error), spec)
    for reason, spec in reasons.items():
        file.problems.add(file.places[spec], reason)
    file.problems.raise_any()


def _distinct(specs: Iterable[Spec], datasets: Mapping[str, Dataset]) -> Iterable[tuple[Spec, Shape]]:
    """Return the runs to try, one of those that differ in nothing that a first step depends on."""
    distinct: dict[tuple, tuple[Spec, Shape]] = {}
    for spec in specs:
        shape = _shape(spec.dataset, datasets)
        if shape is None or not from_outside(type(spec.algorithm)) or _weights(spec, shape) > MOST_WEIGHTS:
            continue
        key = (spec.algorithm, shape, spec.depth, spec.width, spec.batch_size, spec.dtype, spec.probes)
        distinct.setdefault(key, (spec, shape))
    return distinct.values()


def _shape(name: str, datasets: Mapping[str, Dataset]) -> Shape | None:
    if name in PUBLISHED:
        return Shape(math.prod(PUBLISHED[name].shapes[TRAIN_IMAGES][1:]), PUBLISHED[name].classes)
    if name in datasets:
        return Shape(datasets[name].train_images.shape[1], datasets[name].classes)
    return None


def _weights(spec: Spec, shape: Shape) -> int:
    sizes = layer_sizes(shape.inputs, spec.depth, spec.width, shape.classes)
    return sum(below * above for below, above in itertools.pairwise(sizes))


def first_failure(spec: Spec, shape: Shape) -> str:
    """Train one mini-batch of made-up images and predict one more; return why that fails, or an empty text."""
    samples = min(spec.batch_size, MOST_SAMPLES)
    try:
        # One mini-batch is then an epoch. What a rule prints is no data of the command's.
        with redirect_stdout(sys.stderr):
            Training(replace(spec, batch_size=samples, validation=1), _made_up(shape, samples + 1)).advance()
    except Diverged:
        return ""  # on other images it may not
    except BadRule as error:
        return str(error)
    except (Exception, SystemExit) as error:  # whatever a rule of the user's own may raise
        return f"the first step, tried on made-up images, fails: {reason_of(error, spec.algorithm)}"
    return ""


def _made_up(shape: Shape, samples: int) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (samples, shape.inputs), dtype=np.uint8)
    labels = (np.arange(samples) % shape.classes).astype(np.uint8)
    return Dataset("made-up", images, labels, images[:1], labels[:1], shape.classes, fingerprint="")
