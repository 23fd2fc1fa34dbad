"""DTP and DTP-sigma against a per-sample transcription of their equations, an autodiff, and their laws."""

from __future__ import annotations

import dataclasses
import math

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.dtp import DTP
from lrarun.algorithms.dtp_sigma import DTPSigma
from lrarun.nn.activations import get_activation
from lrarun.nn.network import empty_like

DEPTHS = range(1, 9)
RULES = [
    DTP(alpha=0.3, sigma=0.4),
    DTP(alpha=0.3, sigma=0.4, top_target="hidden", units="mean", decoder_scale=0.7, reduction="sum"),
    DTP(alpha=0.3, sigma=0.4, correction="printed"),
    DTPSigma(alpha=0.2),
    DTPSigma(alpha=0.2, top_target="output", units="mean", reduction="sum"),
    DTPSigma(alpha=0.2, top_target="output", loss="target", loss_reduction="units-sum"),
    DTPSigma(alpha=0.2, top_target="output", loss="reconstruction", negative="absolute"),
    DTPSigma(alpha=0.2, top_target="hidden", loss="noise", loss_reduction="sum", negative="keep"),
    DTPSigma(alpha=0.2, activation=get_activation("sigmoid")),
]


def case(rule, depth, seed=0, samples=4, dtype=np.float64):
    """Random parameters of every family, a mini-batch, and NaN-filled grads."""
    rng = np.random.default_rng(seed + 100 * depth)
    sizes = [6, *rng.integers(3, 7, depth), 4]
    params = rule.init(sizes, lambda rng, shape: 0.8 * rng.standard_normal(shape).astype(dtype), rng)
    for family in ("c", "b"):
        for bias in params[family].values():
            bias[:] = 0.3 * rng.standard_normal(bias.shape)
    x = rng.standard_normal((6, samples)).astype(dtype)
    y = np.eye(4, dtype=dtype)[:, rng.integers(0, 4, samples)]
    grads = empty_like(params, rule.learned)
    for layers in grads.values():
        for g in layers.values():
            g.fill(np.nan)
    return params, x, y, grads


def noise_rng():
    return np.random.default_rng(11)


# --- the published equations, one sample and one unit at a time ---------------------------------------------------

PHI = {"tanh": math.tanh, "identity": lambda a: a, "sigmoid": lambda a: 1 / (1 + math.exp(-a))}


def affine(M, v, bias):
    return [sum(M[i][j] * v[j] for j in range(len(v))) + bias[i] for i in range(len(M))]


def layer(params, l, L, v, phi):
    h = affine(params["W"][l].tolist(), v, params["c"][l][:, 0].tolist())
    if l < L:
        return [phi(a) for a in h]
    total = sum(math.exp(a) for a in h)
    return [math.exp(a) / total for a in h]


def decode(params, l, v, phi):
    return [phi(a) for a in affine(params["V"][l].tolist(), v, params["b"][l][:, 0].tolist())]


def targets(rule, params, x, y, phi):
    """Eq. 8: per sample, the activities z[l] and the targets y_z[l]."""
    L = len(params["W"])
    z = {0: list(x)}
    for l in range(1, L + 1):
        z[l] = layer(params, l, L, z[l - 1], phi)
    if rule.top_target == "output":
        y_z = {L: [a - rule.alpha * (a - b) for a, b in zip(z[L], y)]}
    else:
        W = params["W"][L]
        slope = [sum(W[k, i] * (z[L][k] - y[k]) for k in range(len(y))) for i in range(len(z[L - 1]))]
        y_z = {L - 1: [a - rule.alpha * s for a, s in zip(z[L - 1], slope)]}
    for l in range(max(y_z), 1, -1):
        pairs = zip(z[l - 1], decode(params, l, z[l], phi), decode(params, l, y_z[l], phi))
        if rule.correction == "original":
            y_z[l - 1] = [a - g + t for a, g, t in pairs]
        else:
            y_z[l - 1] = [a - (g + t) for a, g, t in pairs]
    return z, y_z


def corruptions(rule, params, z, y_z, phi, rng):
    """Eqs. 9 and 10: u, v and the reconstruction of each sample, and sigma, by decoder."""
    L, top = len(params["W"]), max(y_z[0])
    sigma, u, v, back = {}, {}, {}, {}
    for l in range(top, 1, -1):
        if l == top:
            sigma[l] = rule.sigma if rule.name == "dtp" else rule.alpha
        elif rule.name == "dtp":
            sigma[l] = rule.sigma
        else:
            sigma[l] = below(rule, sigma[l + 1], l, z, y_z, u, back)
        units, samples = len(z[0][l - 1]), len(z)
        eps = rng.standard_normal((units, samples))
        u[l] = [[z[s][l - 1][i] + sigma[l] * eps[i, s] for i in range(units)] for s in range(samples)]
        v[l] = [layer(params, l, L, one, phi) for one in u[l]]
        back[l] = [decode(params, l, one, phi) for one in v[l]]
    return sigma, u, v, back


def below(rule, above, l, z, y_z, u, back):
    """Eq. 10 for decoder l from the losses at layer l."""
    squares = []
    for s in range(len(z)):
        first, second = {
            "noise": (u[l + 1][s], z[s][l]),
            "target": (y_z[s][l], z[s][l]),
            "reconstruction": (back[l + 1][s], u[l + 1][s]),
        }[rule.loss]
        squares.append(sum((a - b) ** 2 for a, b in zip(first, second)))
    loss = {
        "mean": sum(squares) / len(squares) / len(z[0][l]),
        "units-sum": sum(squares) / len(squares),
        "sum": sum(squares),
    }[rule.loss_reduction]
    value = above - loss
    return {"clip": max(value, 0.0), "absolute": abs(value), "keep": value}[rule.negative]


def transcription(rule, params, x, y):
    """All that the equations define for one mini-batch."""
    phi = PHI[rule.activation.name]
    pairs = [targets(rule, params, x[:, s].tolist(), y[:, s].tolist(), phi) for s in range(x.shape[1])]
    z, y_z = [p[0] for p in pairs], [p[1] for p in pairs]
    return z, y_z, *corruptions(rule, params, z, y_z, phi, noise_rng())


# --- the local losses, differentiated by autograd with targets held constant ---------------------------------------

ANP_PHI = {"tanh": anp.tanh, "identity": lambda a: a, "sigmoid": lambda a: 1 / (1 + anp.exp(-a))}


def as_columns(rows):
    return np.array(rows).T


def expected_gradients(rule, params, x, y):
    z, y_z, _, u, v, _ = transcription(rule, params, x, y)
    phi = ANP_PHI[rule.activation.name]
    L, n = len(params["W"]), x.shape[1]
    samples = 1 if rule.reduction == "sum" else n

    def local(W, c, below, target):
        square = anp.sum((phi(W @ below + c) - target) ** 2)
        return square / samples / (1 if rule.units == "sum" else target.shape[0])

    def output(W, c, below):
        h = W @ below + c
        return anp.sum(anp.log(anp.sum(anp.exp(h), axis=0)) - anp.sum(h * y, axis=0)) / samples

    expected = {family: {} for family in rule.learned}
    for l in range(1, L + 1):
        below = as_columns([one[l - 1] for one in z])
        loss, more = (output, ()) if l == L else (local, (as_columns([one[l] for one in y_z]),))
        for at, family in enumerate(("W", "c")):
            expected[family][l] = autograd.grad(loss, at)(params["W"][l], params["c"][l], below, *more)
    for l in u:
        for at, family in enumerate(("V", "b")):
            slope = autograd.grad(local, at)(params["V"][l], params["b"][l], as_columns(v[l]), as_columns(u[l]))
            expected[family][l] = rule.decoder_scale * slope
    return expected


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
def test_updates_are_the_derivatives_of_the_local_losses(rule, depth):
    params, x, y, grads = case(rule, depth)
    rule.step(params, x, y, grads, noise_rng())
    expected = expected_gradients(rule, params, x, y)
    for family in rule.learned:
        assert set(grads[family]) == set(expected[family])
        for l, g in grads[family].items():
            error = np.linalg.norm(g - expected[family][l])
            assert error <= 1e-9 * np.linalg.norm(expected[family][l]), (family, l)


def test_reports_the_mean_negative_log_likelihood():
    rule = DTP()
    params, x, y, grads = case(rule, 3)
    record = rule.step(params, x, y, grads, noise_rng())
    z = transcription(rule, params, x, y)[0]
    expected = -np.mean([math.log(sum(a * b for a, b in zip(one[4], y[:, s]))) for s, one in enumerate(z)])
    assert record["nll"] == pytest.approx(expected, rel=1e-12)


# --- laws ----------------------------------------------------------------------------------------------------------


def exact_inverses(rule, depth, units=5):
    """Square orthogonal W with V the inverse of each hidden layer; one sample, so that grads are error units."""
    rng = np.random.default_rng(depth)
    sizes = [units] * (depth + 1) + [4]
    params = rule.init(sizes, lambda rng, shape: rng.standard_normal(shape), rng)
    for l in range(1, depth + 1):
        params["W"][l] = np.linalg.qr(params["W"][l])[0]
        params["c"][l] = rng.standard_normal((units, 1))
    for l in params["V"]:
        params["V"][l] = params["W"][l].T.copy()
        params["b"][l] = -params["V"][l] @ params["c"][l]
    x, y = rng.standard_normal((units, 1)), np.eye(4)[:, :1]
    return params, x, y, empty_like(params, rule.learned)


def activities_and_targets(params, x, grads, depth):
    """z and y_z of the hidden layers, read off the bias updates 2 (z - y_z) of a linear net on one sample."""
    z = {0: x}
    for l in range(1, depth + 1):
        z[l] = params["W"][l] @ z[l - 1] + params["c"][l]
    return z, {l: z[l] - grads["c"][l] / 2 for l in range(1, depth + 1)}


@pytest.mark.parametrize("depth", range(2, 9))
def test_with_exact_inverses_encoding_a_target_gives_the_target_above_only_with_the_original_sign(depth):
    for correction in ("original", "printed"):
        rule = DTP(top_target="hidden", correction=correction, activation=get_activation("identity"))
        params, x, y, grads = exact_inverses(rule, depth)
        rule.step(params, x, y, grads, noise_rng())
        _, y_z = activities_and_targets(params, x, grads, depth)
        for l in range(2, depth + 1):
            encoded = params["W"][l] @ y_z[l - 1] + params["c"][l]
            assert np.allclose(encoded, y_z[l], rtol=0, atol=1e-12) is (correction == "original")


@pytest.mark.parametrize("depth", range(2, 9))
def test_an_unchanged_top_target_leaves_every_layer_at_rest_only_with_the_original_sign(depth):
    for correction in ("original", "printed"):
        rule = DTP(alpha=0.0, correction=correction)
        params, x, y, grads = case(rule, depth)
        rule.step(params, x, y, grads, noise_rng())
        largest = max(float(np.abs(grads["W"][l]).max()) for l in range(1, depth + 1))
        assert (largest < 1e-14) is (correction == "original")


@pytest.mark.parametrize("depth", DEPTHS)
def test_with_orthogonal_layers_and_exact_inverses_it_is_backprop_times_twice_alpha(depth):
    rule = DTP(alpha=0.05, top_target="hidden", activation=get_activation("identity"))
    params, x, y, grads = exact_inverses(rule, depth)
    rule.step(params, x, y, grads, noise_rng())
    backprop = Backprop(activation=get_activation("identity"))
    expected = empty_like(params, backprop.learned)
    backprop.step(params, x, y, expected, noise_rng())
    for l in range(1, depth + 1):
        np.testing.assert_allclose(grads["W"][l], 0.1 * expected["W"][l], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(grads["W"][depth + 1], expected["W"][depth + 1], rtol=1e-12)


@pytest.mark.parametrize("rule", [DTP(top_target="hidden"), DTPSigma()], ids=["dtp", "dtp-sigma"])
def test_exact_decoders_are_at_rest_whatever_the_noise(rule):
    rule = dataclasses.replace(rule, activation=get_activation("identity"))
    params, x, y, grads = exact_inverses(rule, 5)
    rule.step(params, x, y, grads, noise_rng())
    assert all(np.abs(grads["V"][l]).max() < 1e-12 for l in params["V"])


@pytest.mark.parametrize("depth", [2, 5])
def test_without_noise_the_decoders_reconstruct_the_forward_pass(depth):
    """u is z^{l-1} and v is z^l: nothing of the noise stream is left in the update."""
    rule = DTP(sigma=0.0)
    params, x, y, grads = case(rule, depth)
    rule.step(params, x, y, grads, noise_rng())
    again = empty_like(params, rule.learned)
    rule.step(params, x, y, again, np.random.default_rng(5))
    z = transcription(rule, params, x, y)[0]
    for l in params["V"]:
        below, above = (as_columns([one[k] for one in z]) for k in (l - 1, l))
        decoded = np.tanh(params["V"][l] @ above + params["b"][l])
        delta = 2 * (decoded - below) * (1 - decoded**2) / x.shape[1]
        np.testing.assert_allclose(grads["V"][l], delta @ above.T, rtol=1e-10)
        np.testing.assert_array_equal(grads["V"][l], again["V"][l])


def test_noise_moves_only_the_decoders():
    rule = DTP()
    params, x, y, grads = case(rule, 4)
    again = empty_like(params, rule.learned)
    rule.step(params, x, y, grads, np.random.default_rng(1))
    rule.step(params, x, y, again, np.random.default_rng(2))
    for l in params["W"]:
        np.testing.assert_array_equal(grads["W"][l], again["W"][l])
    assert all(not np.allclose(grads["V"][l], again["V"][l]) for l in params["V"])


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES[:5:2], ids=["dtp", "printed", "dtp-sigma"])
def test_draws_one_deviate_per_unit_and_sample_that_a_decoder_reconstructs(rule, dtype, depth):
    params, x, y, grads = case(rule, depth, dtype=dtype)
    used, expected = noise_rng(), noise_rng()
    rule.step(params, x, y, grads, used)
    for l in reversed(params["V"]):
        expected.standard_normal((params["V"][l].shape[0], x.shape[1]), dtype=dtype)
    assert used.bit_generator.state == expected.bit_generator.state
    assert all(g.dtype == dtype for layers in grads.values() for g in layers.values())


class Ones:
    """A source of noise whose deviates are all one."""

    def standard_normal(self, shape, dtype):
        return np.ones(shape, dtype)


def sigmas(rule, depth):
    """The sigma of each decoder, from the top down, if every deviate is one.

    A linear decoder of zeros reconstructs 0, so that its bias descends -2 u = -2 (z + sigma).
    """
    rule = dataclasses.replace(rule, activation=get_activation("identity"))
    params, x, y, grads = exact_inverses(rule, depth)
    for a in [*params["V"].values(), *params["b"].values()]:
        a.fill(0)
    rule.step(params, x, y, grads, Ones())
    z, _ = activities_and_targets(params, x, grads, depth)
    return [float((grads["b"][l] / -2 - z[l - 1]).mean()) for l in range(depth, 1, -1)]


@pytest.mark.parametrize("reduction, factor", [("mean", 1), ("units-sum", 5)])
@pytest.mark.parametrize("negative", ["clip", "absolute", "keep"])
def test_sigma_falls_from_decoder_to_decoder_by_its_own_square(reduction, factor, negative):
    """With deviates of one, Eq. 10's loss of the noise is sigma^2, summed over 5 units or averaged."""
    rule = DTPSigma(alpha=0.4, loss_reduction=reduction, negative=negative)
    expected = [0.4]
    for _ in range(6):
        value = expected[-1] - factor * expected[-1] ** 2
        expected.append({"clip": max(value, 0), "absolute": abs(value), "keep": value}[negative])
    np.testing.assert_allclose(sigmas(rule, 8), expected, rtol=1e-9, atol=1e-12)


def test_the_alternatives_for_a_negative_sigma_differ():
    """The settings of the previous test do reach below zero."""
    runs = [
        sigmas(DTPSigma(alpha=0.4, loss_reduction="units-sum", negative=negative), 8)
        for negative in ("clip", "absolute", "keep")
    ]
    assert runs[0][1] == pytest.approx(0, abs=1e-12) and runs[1][1] > 0 and runs[2][1] < 0


def test_sigma_stays_where_the_targets_are_met():
    """Decoders of zeros pass no target down, and Eq. 10 then has nothing to subtract."""
    np.testing.assert_allclose(sigmas(DTPSigma(alpha=0.4, loss="target"), 6), [0.4] * 5, rtol=1e-9)


class PerNetwork:
    """One generator per network of a stack."""

    def __init__(self, seeds):
        self.generators = [np.random.default_rng(seed) for seed in seeds]

    def standard_normal(self, shape, dtype):
        return np.stack([rng.standard_normal(shape[1:], dtype=dtype) for rng in self.generators])


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
def test_a_stack_of_networks_gets_the_updates_that_each_gets_alone(rule):
    first, x, y, _ = case(rule, 4)
    second = {family: {l: a * 0.9 - 0.05 for l, a in layers.items()} for family, layers in first.items()}
    both = {
        family: {l: np.stack([a, second[family][l]]) for l, a in layers.items()} for family, layers in first.items()
    }
    grads = empty_like(both, rule.learned)
    record = rule.step(both, np.stack([x, x]), np.stack([y, y]), grads, PerNetwork([3, 4]))
    assert record["nll"].shape == (2,)
    for at, params in enumerate((first, second)):
        alone = empty_like(params, rule.learned)
        rule.step(params, x, y, alone, np.random.default_rng(3 + at))
        for family, layers in alone.items():
            for l, g in layers.items():
                np.testing.assert_allclose(grads[family][l][at], g, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("depth", DEPTHS)
def test_decoders_stand_between_the_layers_that_have_targets(depth):
    for rule, top in ((DTP(), depth + 1), (DTP(top_target="hidden"), depth)):
        params, *_ = case(rule, depth)
        assert list(params["V"]) == list(params["b"]) == list(range(2, top + 1))
        assert all(V.shape == params["W"][l].shape[::-1] for l, V in params["V"].items())
