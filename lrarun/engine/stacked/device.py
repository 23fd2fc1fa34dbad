"""What JAX says of the device that it computes on, and how it computes."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrarun.errors import UsageError, how_to_install

MISSING = "the engine jax needs JAX, which is not installed; on a CPU: {cpu}; for an NVIDIA GPU: {gpu}"
USED = 0.8  # the part of the device's free memory that a stack may take


def require_jax() -> None:
    """Raise a UsageError that says what to install if JAX is missing."""
    if importlib.util.find_spec("jax") is None:
        raise UsageError(MISSING.format(cpu=how_to_install("jax"), gpu="pip install 'jax[cuda12]' or 'jax[cuda13]'"))


@contextmanager
def numerics() -> Iterator[None]:
    """Compute as NumPy does: float64 where it is asked for, and float32 products of full precision, not TF32."""
    import jax

    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        yield


def description() -> dict[str, Any]:
    """Return JAX's version, the device's kind (``cpu``, or the GPU's name), and CUDA's version where there is one."""
    import jax

    device = jax.devices()[0]
    found: dict[str, Any] = {"jax": jax.__version__, "device": device.device_kind}
    platform = getattr(device.client, "platform_version", "")
    if device.platform != "cpu" and platform:
        found["platform"] = " ".join(platform.split())
    return found


def free_bytes() -> int:
    """Return how much of the device's memory a stack may take, in bytes."""
    import jax

    stats = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return int(USED * (stats["bytes_limit"] - stats.get("bytes_in_use", 0)))
    # The CPU: what the machine has free, as far as the system tells.
    pages = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else 1 << 18
    return int(USED * pages * os.sysconf("SC_PAGE_SIZE"))
