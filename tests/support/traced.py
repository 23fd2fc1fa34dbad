"""A rule's step by either engine, on the same numbers."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np

from lrarun.engine.stacked.device import numerics
from lrarun.engine.stacked.stack import Stack
from lrarun.engine.stacked.tracing import traced_step
from lrarun.engine.training import Training
from lrarun.nn.network import empty_like
from lrarun.specs.build import make_spec

# A step of a test is compiled once and runs once.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def carried_of(algorithm, sizes, n, dtype):
    """What a rule would remember of n samples, by layer, drawn from the middle of what its units can be."""
    carry = algorithm.carry(sizes, n, dtype)
    rng = np.random.default_rng(3)
    return None if carry is None else {l: rng.random(a.T.shape).astype(dtype) for l, a in carry.items()}


def numpy_step(algorithm, params, x, y, rng, carried=None):
    """(gradients, loss, what is remembered) of a step by NumPy."""
    grads = empty_like(params, algorithm.learned)
    kept = None if carried is None else {l: a.copy() for l, a in carried.items()}
    more = {} if kept is None else {"carried": kept}
    return grads, algorithm.step(params, x, y, grads, rng, **more)["nll"], kept or {}


def jax_step(algorithm, params, x, y, rng, carried=None):
    """The same by JAX, compiled; a generator of NumPy's draws while the step is traced, and so draws the same."""
    with numerics():

        def step(params, x, y, carried):
            return traced_step(algorithm, params, x, y, rng, carried)

        made = jax.jit(step, compiler_options=QUICK)
        return jax.tree.map(np.asarray, made(params, x, y, carried))


def specs_of(*settings, **common):
    """Specs of small float64 runs."""
    base = {"depth": 2, "width": 12, "batch_size": 20, "validation": 50, "epochs": 2, "dtype": "float64"}
    return [make_spec({**base, **common, **own}) for own in settings]


def trained(specs, dataset, pause=lambda: False):
    """Trainings that a stack has brought to their ends, or to a pause; with ``finals``, their final scores, if done."""
    stack = Stack([Training(spec, dataset) for spec in specs])
    return run_on(stack, pause)


def run_on(stack, pause=lambda: False):
    finals = {}
    while stack.unfinished:
        records = stack.advance(pause)
        stack.download()
        done = [i for i in records if stack.trainings[i].done]
        finals |= stack.final_scores(done) if done else {}
        for i, record in records.items():
            if i in done or not np.isfinite(record["train_nll"]):
                stack.drop(i)
        if pause():
            break
    return stack.trainings, finals


def numbers(training):
    """All that a training has come to, without timings, as arrays by name."""
    state = training.state()
    found = {"records": np.array([[v for k, v in row.items() if k != "seconds"] for row in training.records])}
    for part in ("params", "best_params", "optimizer", "carry"):
        flat, _ = jax.tree_util.tree_flatten_with_path(plain(state[part]))
        found |= {part + jax.tree_util.keystr(path): np.asarray(a) for path, a in flat}
    return found


def plain(tree):
    return {key: plain(branch) for key, branch in tree.items()} if isinstance(tree, dict) else tree


def apart(one, other):
    """The largest difference between two trainings' arrays, relative to the array's largest number."""
    one, other = numbers(one), numbers(other)
    assert one.keys() == other.keys()
    return max(np.abs(a - other[name]).max() / max(np.abs(a).max(), 1e-12) for name, a in one.items() if a.size)


def with_field(spec, name, value, default):
    """A spec of a class that has one field more."""
    kind = dataclasses.make_dataclass(
        "More", [(name, object, dataclasses.field(default=default))], bases=(type(spec),), frozen=True, kw_only=True
    )
    own = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return kind(**own, **{name: value})
