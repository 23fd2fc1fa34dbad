"""How long training takes here, next to what it can't do without (docs/performance.md)."""

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
from lrarun.engine.costs import products_of
from lrarun.engine.training import Training
from lrarun.errors import UsageError, how_to_install
from lrarun.specs.build import make_spec
from lrarun.specs.spec import Spec

Row = dict[str, Any]


def chosen_specs(
    names: Sequence[str], depths: Sequence[int], optimizers: Sequence[str], validation: int = 2000
) -> list[Spec]:
    """The specs to time: all combinations; without optimizers, those that the paper's tables have for each.

    Args:
        names: rules; none for all.
        depths: numbers of hidden layers; none for the paper's.
        optimizers: names.
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
    """One training step's time beside that of its bare matrix products.

    Args:
        spec: what to time.
        dataset: the samples to step on.
        seconds: how long to look for the shortest times.
        versus_torch: also time PyTorch.

    Returns:
        ``algorithm, depth, optimizer``; ``step_us`` and ``products_us`` in microseconds and the ``ratio`` of
        the two; ``torch_us`` and ``torch_ratio``, PyTorch's time and how many times the step's it is, both
        None for a rule without a counterpart.
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
    """One thread for PyTorch.

    Raises:
        UsageError: it is not installed.
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
    """The library that NumPy multiplies with, its version, and the kernels that it chose."""
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    names = [f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip() for pool in found]
    return ", ".join(dict.fromkeys(names)) or "unknown"
