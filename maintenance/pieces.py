"""What do the pieces of a step cost, and would an alternative be faster? python maintenance/pieces.py.

Each line is the shortest of many calls, float32, one thread. The alternatives of one piece
take turns.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from lrarun.bench import blas
from lrarun.bench.data import synthetic
from lrarun.bench.timing import Task, alternate
from lrarun.data.dataset import columns
from lrarun.engine.training import Training
from lrarun.nn.memory import Packed, aligned_empty, pack
from lrarun.nn.optimizers import SGD, Adam, RMSprop
from lrarun.specs.build import make_spec

UNITS, SAMPLES = 256, 50


def show(title: str, tasks: dict) -> None:
    times = alternate({name: task if isinstance(task, Task) else Task(task) for name, task in tasks.items()}, 1.0)
    print(f"\n{title}")
    for name, shortest in times.items():
        print(f"  {name:40s} {1e6 * shortest:8.1f} us", flush=True)


def batch_sized(rng: np.random.Generator) -> None:
    delta, ones = rng.standard_normal((UNITS, SAMPLES), np.float32), np.ones((SAMPLES, 1), np.float32)
    z, c, sums = np.tanh(delta), np.zeros((UNITS, 1), np.float32), np.empty((UNITS, 1), np.float32)
    show(
        f"row sums of {UNITS} x {SAMPLES}",
        {
            "np.sum": lambda: np.sum(delta, axis=-1, keepdims=True, out=sums),
            "product with ones": lambda: np.matmul(delta, ones, out=sums),
        },
    )
    generators = {kind.__name__: np.random.Generator(kind(0)) for kind in (np.random.PCG64, np.random.SFC64)}
    show(
        f"normal deviates, {UNITS} x {SAMPLES}",
        {
            name: lambda g=generator: g.standard_normal((UNITS, SAMPLES), np.float32)
            for name, generator in generators.items()
        },
    )
    show(
        f"passes over {UNITS} x {SAMPLES}",
        {
            "tanh": lambda: np.tanh(delta),
            "add a bias": lambda: np.add(delta, c),
            "add an array": lambda: np.add(delta, z),
            "1 - z z": lambda: 1 - z * z,
            "times a number": lambda: delta * 0.02,
        },
    )


def alternatives(rng: np.random.Generator) -> None:
    z, delta = rng.standard_normal((2, UNITS, SAMPLES), np.float32)

    def in_place() -> np.ndarray:
        slope = z * z
        return np.subtract(1, slope, out=slope)

    show("the derivative of tanh", {"1 - z z": lambda: 1 - z * z, "in place": in_place})
    show(
        "clipping to [0, 1]",
        {
            "np.clip": lambda: np.clip(z, 0, 1, out=delta),
            "the method": lambda: z.clip(0, 1, out=delta),
        },
    )
    products = {"forward": ((UNITS, UNITS), (UNITS, SAMPLES)), "update": ((UNITS, SAMPLES), (SAMPLES, UNITS))}
    for name, (left, right) in products.items():
        tasks = {}
        for a, b, out in itertools.product("CF", repeat=3):
            arrays = [np.ones(shape, np.float32, order) for shape, order in ((left, a), (right, b))]
            result = np.ones((left[0], right[1]), np.float32, out)
            tasks[a + b + out] = lambda x=arrays[0], y=arrays[1], r=result: np.matmul(x, y, out=r)
        show(f"{name} product, rows (C) or columns (F) together in left, right and result", tasks)


def alignment() -> None:
    tasks = {}
    for offset in (0, 16):
        w, g = (shifted(UNITS * UNITS, offset) for _ in range(2))
        tasks[f"{offset} bytes after a cache line"] = lambda w=w, g=g: np.subtract(w, g, out=w)
    show(f"{UNITS} x {UNITS} weights less their gradients", tasks)


def shifted(size: int, offset: int) -> np.ndarray:
    a = aligned_empty((size + 16,))[offset // 4 :][:size]
    a[...] = 0.01
    return a


def blocks() -> None:
    size = 468_746
    w, g, square = (shifted(size, 0) for _ in range(3))
    tasks = {}
    for block in (8192, 32_768, 131_072, size):
        pieces = [tuple(a[start : start + block] for a in (g, w, square)) for start in range(0, size, block)]
        tasks[f"blocks of {block}"] = Task(
            lambda pieces=pieces: [
                RMSprop().update({"W": {1: w}}, {"W": {1: g}}, {"square": {"W": {1: s}}}) for g, w, s in pieces
            ],
            lambda: g.fill(0.01),
        )
    show("rmsprop, all parameters of LRA-E at 3 layers, in blocks", tasks)


def mini_batches(rng: np.random.Generator) -> None:
    images = synthetic(6000, 1000).train_images
    index = rng.integers(len(images), size=SAMPLES)
    buffer = np.empty((SAMPLES, images.shape[1]), np.float32)
    show(
        "a mini-batch of 50 images",
        {
            "gathered, divided, into a buffer": lambda: columns(images, index, np.float32, out=buffer),
            "gathered only": lambda: images[index],
        },
    )


def updates() -> None:
    spec = make_spec({"algorithm": "lra-e", "validation": 200})
    params = Training(spec, synthetic(6000, 1000)).params
    for optimizer in (SGD(), RMSprop(), Adam()):
        tasks = {}
        trees = {"flat": (pack(params), Packed(params)), "per array": (dict(params), copied(params))}
        for name, (weights, grads) in trees.items():
            state = optimizer.init(weights, spec.algorithm.learned)
            fresh = [g for layers in grads.values() for g in layers.values()]
            tasks[name] = Task(
                lambda w=weights, g=grads, s=state: optimizer.update(w, g, s),
                lambda arrays=fresh: [a.fill(0.01) for a in arrays],
            )
        show(f"{optimizer.name}, all parameters of LRA-E at 3 layers", tasks)


def copied(params: dict) -> dict:
    return {family: {l: a.copy() for l, a in layers.items()} for family, layers in params.items()}


if __name__ == "__main__":
    print(f"one thread, {blas()}")
    generator = np.random.default_rng(0)
    batch_sized(generator)
    alternatives(generator)
    alignment()
    blocks()
    mini_batches(generator)
    updates()
