"""Steps of a stack of networks by JAX, beside the batched matrix products that they can't do without.

Mini-batches are gathered on the device, within what is timed. Times are the wall's, as the device's are; the shortest
of many calls counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lrarun.bench.steps import sizes_of
from lrarun.data.dataset import Dataset
from lrarun.engine.product_counts import products_of
from lrarun.engine.stacked.device import description, numerics, require_jax
from lrarun.engine.training import Training
from lrarun.specs.spec import Spec

CALL_SECONDS = 0.1  # of one timed call, so that starting it costs nothing that counts


def device() -> str:
    """Return JAX's version and device, for the head of a table.

    Raises:
        UsageError: JAX is not installed.
    """
    require_jax()
    found = description()
    return ", ".join(
        [f"JAX {found['jax']} on {found['device']}", *([found["platform"]] if "platform" in found else [])]
    )


def stack_row(spec: Spec, dataset: Dataset, networks: int, seconds: float) -> dict[str, Any]:
    """Time one step of a stack.

    Args:
        spec: what to time; the networks differ in their seeds.
        dataset: the samples to train on.
        networks: in the stack.
        seconds: how long to repeat the calls in search of the shortest times, after the compilation.

    Returns:
        ``algorithm, depth, optimizer, networks``; in microseconds ``step_us``, a step of the whole stack,
        ``network_us``, a network's share of it, and ``products_us``, the bare products; ``ratio``, step over products.
    """
    step = _shortest(_steps(spec, dataset, networks), seconds / 2)
    products = _shortest(_products(spec, dataset, networks), seconds / 2)
    return {
        "algorithm": spec.algorithm.name,
        "depth": spec.depth,
        "optimizer": spec.optimizer.name,
        "networks": networks,
        "step_us": round(1e6 * step, 1),
        "network_us": round(1e6 * step / networks, 1),
        "products_us": round(1e6 * products, 1),
        "ratio": round(step / products, 2),
    }


def _shortest(run: Callable[[int], None], seconds: float) -> float:
    """Return the shortest time of one repetition; ``run`` makes as many as it is told."""
    run(1)  # compiles
    count, took = 1, _timed(run, 1)
    while took < CALL_SECONDS and count < 500:
        count = min(500, max(2 * count, int(count * CALL_SECONDS / max(took, 1e-6))))
        took = _timed(run, count)
    best, end = took / count, time.perf_counter() + seconds
    while time.perf_counter() < end:
        best = min(best, _timed(run, count) / count)
    return best


def _timed(run: Callable[[int], None], count: int) -> float:
    start = time.perf_counter()
    run(count)
    return time.perf_counter() - start


def _steps(spec: Spec, dataset: Dataset, networks: int) -> Callable[[int], None]:
    from lrarun.engine.stacked.stack import Stack

    stack = Stack([Training(replace(spec, seed=seed), dataset) for seed in range(networks)])
    whole = len(stack.trainings[0].train_index) // spec.batch_size

    def run(count: int) -> None:
        for _ in range(count // whole):
            stack.repeat(0, whole)
        stack.repeat(0, count % whole)

    return run


def _products(spec: Spec, dataset: Dataset, networks: int) -> Callable[[int], None]:
    """Return a function that makes a step's products, of all networks at once, one after another."""
    import jax

    rng = np.random.default_rng(0)
    products = products_of(spec.algorithm, sizes_of(spec, dataset), spec.batch_size, spec.dtype)
    shapes = [(product.left.shape, product.right.shape) for product in products]
    pairs = [[rng.standard_normal((networks, *shape)).astype(spec.dtype) for shape in pair] for pair in shapes]
    # Each result moves its smaller factor: else the compiler would make the products only once.
    smaller = [int(right.size < left.size) for left, right in pairs]

    def multiply(moving: list[Any], fixed: list[Any]) -> list[Any]:
        return [b @ a if side else a @ b for a, b, side in zip(moving, fixed, smaller)]

    @jax.jit
    def repeated(count: int, moving: list[Any], fixed: list[Any]) -> Any:
        def once(_: Any, carried: Any) -> Any:
            moving, results = carried
            moved = [a + 1e-30 * result[:, :1, :1] for a, result in zip(moving, results)]
            return moved, multiply(moved, fixed)

        return jax.lax.fori_loop(0, count, once, (moving, multiply(moving, fixed)))

    with numerics():
        moving = jax.device_put([pair[side] for pair, side in zip(pairs, smaller)])
        fixed = jax.device_put([pair[1 - side] for pair, side in zip(pairs, smaller)])

    def run(count: int) -> None:
        with numerics():
            jax.block_until_ready(repeated(count, moving, fixed))

    return run
