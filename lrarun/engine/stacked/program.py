"""What is compiled for a stack: a run of mini-batches, a block of an evaluation, and the choice of the best parameters.

Everything has a leading axis of networks, over which ``vmap`` takes the rule. What differs between the networks of a
stack is an argument: parameters, numeric settings, data set, order, key. What they share is in :class:`Program`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lrarun.algorithms.base import Algorithm
from lrarun.engine.stacked import optimizers
from lrarun.engine.stacked.noise import Noise
from lrarun.engine.stacked.tracing import traced_step
from lrarun.nn.losses import nll
from lrarun.nn.optimizers import Optimizer

Array = Any  # one that JAX traces
Tree = Any  # nested dicts of arrays


@dataclass(frozen=True)
class Program:
    """What the networks of a stack share and the compilation depends on, beside the shapes of arrays.

    Attributes:
        identity: equal for equal programs; ``rule`` may differ in the settings that are traced.
        rule: the learning rule.
        optimizer: the optimizer's class.
        classes: the number of classes.
        dtype: of the parameters.
        batch_size: samples in a mini-batch but the last one of an epoch.
    """

    identity: tuple
    rule: Algorithm = field(compare=False)
    optimizer: type[Optimizer]
    classes: int
    dtype: str
    batch_size: int

    def inputs(self, images: Array, labels: Array, dataset: Any, index: Array) -> tuple[Array, Array]:
        """Return chosen samples as columns, shapes ``(inputs, n)`` and ``(classes, n)``, as NumPy's engine does."""
        rows = images[dataset, index]
        if rows.dtype == jnp.uint8:
            rows = rows.astype(self.dtype) / 255
        return rows.T, jax.nn.one_hot(labels[dataset, index], self.classes, dtype=self.dtype, axis=0)


@partial(jax.jit, static_argnames=("program", "n"), donate_argnames=("state",))
def train(program: Program, state: Tree, given: Tree, epoch: Any, start: Any, stop: Any, *, n: int) -> Tree:
    """Return the stack's state after the mini-batches ``start`` to below ``stop`` of an epoch.

    Args:
        program: what is compiled.
        state: ``params`` (those that learn), ``optimizer``, ``carry`` and ``nll_sum``; each array has shape
            ``(networks, ...)``.
        given: what the mini-batches don't change: ``images``, ``labels``; and by network ``fixed`` parameters,
            ``rule`` and ``optimizer`` numbers, ``dataset``, ``key``, ``order`` of shape ``(networks, samples)``, and
            ``active``: a network that is not keeps its state.
        epoch: epochs finished, for the noise.
        start, stop: traced, so that one compilation does for all.
        n: samples of each of these mini-batches.
    """
    per_network = {name: given[name] for name in ("fixed", "rule", "optimizer", "dataset", "key", "active")}

    def batch(b: Any, state: Tree) -> Tree:
        index = jax.lax.dynamic_slice_in_dim(given["order"], b * program.batch_size, n, axis=1)
        one = partial(_step, program, given["images"], given["labels"], epoch, b)
        return jax.vmap(one)(state, per_network, index)

    return jax.lax.fori_loop(start, stop, batch, state)


def _step(
    program: Program, images: Array, labels: Array, epoch: Any, b: Any, state: Tree, given: Tree, index: Array
) -> Tree:
    """Return one network's state after one mini-batch."""
    x, y = program.inputs(images, labels, given["dataset"], index)
    rule = replace(program.rule, **given["rule"])
    carried = {l: states[index].T for l, states in state["carry"].items()} if state["carry"] else None
    noise = Noise(given["key"], epoch, b)
    grads, loss, carried = traced_step(rule, {**state["params"], **given["fixed"]}, x, y, noise, carried)
    params, optimizer = _moved(program.optimizer, state["params"], grads, state["optimizer"], given["optimizer"])
    new = {
        "params": params,
        "optimizer": optimizer,
        "carry": {l: states.at[index].set(carried[l].T) for l, states in state["carry"].items()},
        "nll_sum": state["nll_sum"] + loss.astype(jnp.float64) * len(index),
    }
    return jax.tree.map(lambda new, old: jnp.where(given["active"], new, old), new, state)


def _moved(kind: type[Optimizer], params: Tree, grads: Tree, state: Tree, numbers: Tree) -> tuple[Tree, Tree]:
    """Return the parameters and the optimizer's state after its update, in the layout of ``lrarun.nn.optimizers``."""
    t = state["t"] + 1 if "t" in state else None
    names = [name for name in state if name != "t"]
    moved: Tree = {family: {} for family in params}
    new: Tree = {name: {family: {} for family in params} for name in names} | ({} if t is None else {"t": t})
    for family, layers in params.items():
        for l, w in layers.items():
            slots = {name: state[name][family][l] for name in names}
            moved[family][l], slots = optimizers.move(kind, w, grads[family][l], slots, t, numbers)
            for name in names:
                new[name][family][l] = slots[name]
    return moved, new


@partial(jax.jit, static_argnames=("program",))
def evaluate(program: Program, params: Tree, rule: Tree, data: Tree, dataset: Array, index: Array) -> tuple:
    """Return each network's scores on a block of samples.

    Args:
        program: what is compiled.
        params: of all families, each array of shape ``(networks, ...)``.
        rule: the rule's numbers, each of shape ``(networks,)``.
        data: ``images`` and ``labels``.
        dataset: which data set, shape ``(networks,)``.
        index: which samples, shape ``(networks, n)``.

    Returns:
        Per sample its negative log likelihood, shape ``(networks, n)``, and the class with the highest score, uint8.
    """

    def one(params: Tree, numbers: Tree, dataset: Any, index: Array) -> tuple:
        x, y = program.inputs(data["images"], data["labels"], dataset, index)
        scores = replace(program.rule, **numbers).predict(params, x)
        losses = jax.vmap(lambda s, label: nll(s[:, None], label[:, None]), in_axes=1)(scores, y)
        return losses, scores.argmax(axis=0).astype(jnp.uint8)

    return jax.vmap(one)(params, rule, dataset, index)


@jax.jit
def keep(best: Tree, params: Tree, improved: Array) -> Tree:
    """Return the parameters of the networks that have improved, shape ``(networks,)``, and else the best so far."""
    return jax.tree.map(lambda old, new: jnp.where(improved.reshape(-1, *[1] * (new.ndim - 1)), new, old), best, params)


def stacked(trees: list[Tree]) -> Tree:
    """Return one tree of arrays with a leading axis, of shape ``(networks, ...)``, from a tree for each network."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *[plain(tree) for tree in trees])


def plain(tree: Tree) -> Tree:
    """Return a tree, arrays of any shape, whose branches are dicts proper: JAX takes a subclass of dict for a leaf."""
    return {key: plain(branch) for key, branch in tree.items()} if isinstance(tree, dict) else tree
