"""How fast is backprop in JAX? python maintenance/jax_step.py.

Times a jit-compiled scan of steps beside NumPy's step: plain SGD, 3 and 8 hidden layers,
batch 50. The mini-batches of a scan are made beforehand, as for the NumPy step. Needs JAX
(pip install jax==0.10.2), which is not a dependency.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
sys.path.insert(0, str(Path(__file__).parent.parent))

import jax
import jax.numpy as jnp
import numpy as np

from lrarun.bench import blas
from lrarun.bench.data import synthetic
from lrarun.bench.steps import batches_of, step_task
from lrarun.bench.timing import Task, alternate
from lrarun.engine.training import Training
from lrarun.specs.build import make_spec

STEPS = 20  # in one scan


def loss(params, x, y):
    *hidden, (W, c) = params
    z = x
    for V, b in hidden:
        z = jnp.tanh(z @ V.T + b)
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z @ W.T + c), axis=1))


@jax.jit
def scan(params, xs, ys, rate):
    def step(params, batch):
        value, grads = jax.value_and_grad(loss)(params, *batch)
        return jax.tree.map(lambda w, g: w - rate * g, params, grads), value

    return jax.lax.scan(step, params, (xs, ys))


def jax_task(spec, dataset) -> Task:
    initial = Training(spec, dataset).params
    params = [(jnp.asarray(W), jnp.asarray(initial["c"][l][:, 0])) for l, W in initial["W"].items()]
    stream = batches_of(spec, dataset)
    pairs = [(x.T.copy(), y.T.copy()) for x, y in (next(stream) for _ in range(STEPS))]
    xs, ys = (jnp.asarray(np.stack(part)) for part in zip(*pairs))

    def run() -> None:
        nonlocal params
        params, losses = scan(params, xs, ys, spec.optimizer.learning_rate)
        losses.block_until_ready()

    return Task(run)


def main() -> None:
    dataset = synthetic(6000, 1000)
    print(f"JAX {jax.__version__}; NumPy with {blas()}; one thread each")
    for depth in (3, 8):
        spec = make_spec({"algorithm": "backprop", "depth": depth, "validation": 200})
        times = alternate({"jax": jax_task(spec, dataset), "numpy": step_task(spec, dataset)}, seconds=20)
        jax_us, numpy_us = 1e6 * times["jax"] / STEPS, 1e6 * times["numpy"]
        print(f"{depth} hidden layers: JAX {jax_us:.0f} us a step, NumPy {numpy_us:.0f} us")


if __name__ == "__main__":
    main()
