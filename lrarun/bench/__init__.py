"""Timing: a training step beside its bare matrix products, PyTorch and whole epochs (docs/performance.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lrarun.algorithms.registry import algorithms
from lrarun.bench.epochs import paper_optimizers
from lrarun.bench.products import bare
from lrarun.bench.steps import batches_of, sizes_of, step_task
from lrarun.bench.timing import Task, alternate
from lrarun.data.dataset import Dataset
from lrarun.engine.product_counts import products_of
from lrarun.engine.training import Training
from lrarun.errors import UsageError, how_to_install
from lrarun.specs.build import make_spec
from lrarun.specs.spec import Spec

Row = dict[str, Any]


def chosen_specs(
    names: Sequence[str], depths: Sequence[int], optimizers: Sequence[str], validation: int = 2000
) -> list[Spec]:
    """Return the specs to time, all combinations.

    Args:
        names: rules; empty for all.
        depths: numbers of hidden layers; empty for the paper's.
        optimizers: names; empty for those that the paper's tables have for each rule and depth.
        validation: samples that the runs hold out.

    Raises:
        SpecError: for an unknown name or a depth below 1.
    """
    return [
        make_spec({"algorithm": name, "depth": depth, "optimizer": optimizer, "validation": validation})
        for name in names or algorithms()
        for depth in depths or (3, 5, 8)
        for optimizer in optimizers or paper_optimizers(name, depth)
    ]


def step_row(spec: Spec, dataset: Dataset, seconds: float, versus_torch: bool = False) -> Row:
    """Time one training step and its bare matrix products.

    Args:
        spec: what to time.
        dataset: the samples to train on.
        seconds: how long to repeat the calls in search of the shortest times.
        versus_torch: also time PyTorch.

    Returns:
        ``algorithm, depth, optimizer``; ``step_us`` and ``products_us`` in microseconds, and ``ratio``, the
        first over the second; ``torch_us`` in microseconds and ``torch_ratio``, PyTorch's time over the
        step's, both None for a rule that has no counterpart in PyTorch.
    """
    dtype = np.dtype(spec.dtype)
    products = bare(products_of(spec.algorithm, sizes_of(spec, dataset), spec.batch_size, dtype), dtype)
    tasks = {"step": step_task(spec, dataset), **products}
    if versus_torch:
        tasks |= _torch_task(spec, dataset)
    times = alternate(tasks, seconds)
    step, torch = times["step"], times.get("torch")
    least = min(times[name] for name in products)
    row = {
        "algorithm": spec.algorithm.name,
        "depth": spec.depth,
        "optimizer": spec.optimizer.name,
        "step_us": round(1e6 * step, 1),
        "products_us": round(1e6 * least, 1),
        "ratio": round(step / least, 3),
    }
    if versus_torch:
        row |= {"torch_us": torch and round(1e6 * torch, 1), "torch_ratio": torch and round(torch / step, 3)}
    return row


def check_torch() -> None:
    """Give PyTorch one thread.

    Raises:
        UsageError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise UsageError(f"--vs torch needs PyTorch; install it with: {how_to_install('bench')}") from None
    torch.set_num_threads(1)


def _torch_task(spec: Spec, dataset: Dataset) -> dict[str, Task]:
    from lrarun.bench.torch_steps import GRADIENTS, torch_task

    if spec.algorithm.name not in GRADIENTS:
        return {}
    return {"torch": torch_task(spec, Training(spec, dataset).params, batches_of(spec, dataset))}


def blas() -> str:
    """Return the name, version and chosen kernels of the library that NumPy multiplies with."""
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    names = [f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip() for pool in found]
    return ", ".join(dict.fromkeys(names)) or "unknown"
