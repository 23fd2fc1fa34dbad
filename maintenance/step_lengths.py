"""How long one SGD step of each rule is, beside LRA-E's: ``python -m maintenance.step_lengths`` (about a minute).

LRA-E sums its update over the mini-batch; here the other rules do, too. Lengths are those of the update before the
learning rate, root mean squares over the first mini-batches: of the output's W and c, and of the whole vector of all W
and c. The networks are as drawn, and after one epoch of the paper's protocol.
"""

from __future__ import annotations

import sys

import numpy as np

from lrarun import make_spec
from lrarun.data.dataset import columns
from lrarun.data.load import load
from lrarun.engine.training import Training
from lrarun.nn.network import empty_like

RULES = ("lra-e", "backprop", "rfa", "dfa")
DEPTHS = (3, 8)
BATCHES = 20


def lengths(training: Training) -> tuple[float, float]:
    """Return the lengths of the output's and of the whole update, each rule with the sum over the mini-batch."""
    spec, params, data = training.spec, training.params, training.dataset
    summed = make_spec({"algorithm": {"name": spec.algorithm.name, "reduction": "sum"}}).algorithm
    grads, squares = empty_like(params, summed.learned), []
    for batch in range(BATCHES):
        index = training.train_index[batch * spec.batch_size : (batch + 1) * spec.batch_size]
        one_hot = np.eye(data.classes, dtype=training.dtype)[data.train_labels[index]].T
        summed.step(params, columns(data.train_images, index, training.dtype), one_hot, grads, training.noise)
        layers = [float((grads["W"][l] ** 2).sum() + (grads["c"][l] ** 2).sum()) for l in grads["W"]]
        squares.append((layers[-1], sum(layers)))
    output, whole = np.sqrt(np.mean(squares, axis=0))
    return float(output), float(whole)


def main() -> None:
    """Print one row per depth, age and rule."""
    data = load("mnist")
    print("| layers | epochs | rule | output | whole | whole, LRA-E's = 1 |\n|---|---|---|---:|---:|---:|")
    for depth in DEPTHS:
        trainings = {rule: Training(make_spec({"algorithm": rule, "depth": depth}), data) for rule in RULES}
        for epochs in (0, 1):
            for rule, training in trainings.items():
                while training.epoch < epochs:
                    training.advance()
                output, whole = lengths(training)
                if rule == "lra-e":
                    reference = whole
                print(f"| {depth} | {epochs} | {rule} | {output:.1f} | {whole:.1f} | {whole / reference:.1f} |")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
