"""What every learning rule, optimizer and initial scheme must keep to, as functions that a test calls.

A rule that is not in the package can be checked with the same functions: call each of
``CONTRACT`` with its class.
"""

from __future__ import annotations

import dataclasses
import pickle
import re
import typing

import numpy as np

from lrarun.nn.activations import ACTIVATIONS
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.settings import settings_of
from tests.support.doubles import NETWORKS, TiledGenerator, Watched
from tests.support.networks import entries, nan_gradients, random_batch, random_network

VARIED_DEPTH = 2
SPEC_KEYS = {"dataset", "width", "activation", "optimizer", "init", "batch_size", "epochs", "validation", "dtype"}
COMPARE = {"ge": "__ge__", "gt": "__gt__", "le": "__le__", "lt": "__lt__"}


def build(kind, depth=2, **settings):
    """The rule as a spec that says nothing else would make it at this depth."""
    own = {
        key.removeprefix("algorithm."): value
        for key, value in kind.defaults(depth).items()
        if key.startswith("algorithm.")
    }
    name = kind.defaults(depth).get("activation")
    if name is not None:
        own["activation"] = ACTIVATIONS[name]
    return kind(**(own | settings))


def hints(kind):
    return typing.get_type_hints(kind)


def choices(hint):
    """The values of a setting that can be listed: those of a Literal or a bool."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return (False, True) if hint is bool else ()


def variants(kind, depth=2):
    """The rule with its defaults; at one depth, for time's sake, also with each other choice of each setting."""
    found = [build(kind, depth)]
    if depth != VARIED_DEPTH:
        return found
    for field in settings_of(kind):
        default = getattr(found[0], field.name)
        found += [build(kind, depth, **{field.name: v}) for v in choices(hints(kind)[field.name]) if v != default]
    return found


def fits(value, hint):
    """Whether a value has the annotated type; a bool is not a number, a NumPy scalar is not a Python one."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(v, arguments[0]) for v in value)
    if arguments:
        return any(fits(value, choice) for choice in arguments)
    return type(value) is hint


def within(value, bounds):
    return all(getattr(value, COMPARE[name])(bound) for name, bound in bounds.items())


def assert_setting(field, value, hint):
    assert fits(value, hint), (field.name, value, hint)
    bounds = field.metadata["bounds"]
    assert value is None or within(value, bounds), (field.name, value, bounds)


def check_settings(kind):
    """A frozen dataclass whose every setting has a type, a help text, and a default that it allows."""
    instance = kind()
    assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
    for field in settings_of(kind):
        assert field.metadata["help"].strip(), field.name
        assert_setting(field, field.default, hints(kind)[field.name])
    of_the_spec = {"activation", "dropout"}
    undocumented = {f.name for f in dataclasses.fields(kind)} - {f.name for f in settings_of(kind)} - of_the_spec
    assert not undocumented
    assert kind() == instance and hash(kind()) == hash(instance)
    assert pickle.loads(pickle.dumps(instance)) == instance


def check_docstring(kind):
    """The class says what it does in its own words and where it comes from."""
    text = vars(kind).get("__doc__") or ""
    assert not text.startswith(f"{kind.__name__}("), "the docstring is the one that dataclass makes"
    assert re.search(r"\b(19|20)\d\d\b|Ororbia and Mali", text), "no source is cited"


def check_names(kind):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.name)
    assert kind.title.strip()
    assert {"W", "c"} <= set(kind.learned) and len(set(kind.learned)) == len(kind.learned)


def check_defaults(kind):
    """What a silent spec means is itself a valid part of a spec, at every depth."""
    fields = {field.name: field for field in settings_of(kind)}
    for depth in range(1, 9):
        for key, value in kind.defaults(depth).items():
            if key.startswith("algorithm."):
                field = fields[key.removeprefix("algorithm.")]
                assert_setting(field, value, hints(kind)[field.name])
            else:
                assert key.partition(".")[0] in SPEC_KEYS, key
                check_spec_value(key, value)


def check_spec_value(key, value):
    tables = {"optimizer": OPTIMIZERS, "init": INITIALIZERS}
    if key in tables:
        options = {"name": value} if isinstance(value, str) else dict(value)
        part = tables[key][options.pop("name")]
        fields = {field.name: field for field in settings_of(part)}
        for name, option in options.items():
            assert_setting(fields[name], option, hints(part)[name])
    elif key == "activation":
        assert value in ACTIVATIONS
    elif key in ("batch_size", "epochs", "width"):
        assert type(value) is int and value > 0


def snapshot(*trees):
    return [(name, id(a), a.tobytes()) for tree in trees for name, a in entries(tree)]


def one_step(algorithm, depth, dtype, seed=0):
    """(sizes, params, grads, record) of one step on a random network and mini-batch."""
    sizes, params = random_network(algorithm, depth, dtype=dtype)
    x, y = random_batch(sizes, dtype=dtype)
    grads = nan_gradients(algorithm, params)
    before = snapshot(params, {"batch": {"x": x, "y": y}})
    objects = [id(g) for _, g in entries(grads)]
    record = algorithm.step(params, x, y, grads, np.random.default_rng(seed))
    assert snapshot(params, {"batch": {"x": x, "y": y}}) == before, "params, x and y must be left alone"
    assert [id(g) for _, g in entries(grads)] == objects, "grads must be written, not replaced"
    return sizes, params, grads, record


def check_step(kind, depth, dtype):
    """It leaves params alone, writes every entry of grads and nothing else, and keeps the dtype and the shapes."""
    for algorithm in variants(kind, depth):
        _, params, grads, record = one_step(algorithm, depth, dtype)
        assert set(grads) == set(kind.learned) <= set(params)
        for (name, g), (_, a) in zip(entries(grads), entries({f: params[f] for f in kind.learned}), strict=True):
            assert np.isfinite(g).all(), (algorithm, name)
            assert g.dtype == a.dtype == dtype and g.shape == a.shape, (algorithm, name)
        assert "nll" in record
        for name, value in record.items():
            assert np.shape(value) == () and np.asarray(value).dtype == dtype, (algorithm, name)
            assert np.isfinite(value), (algorithm, name)


def check_precision(kind, depth, dtype):
    """No intermediate value has another precision: a NumPy float64 scalar would promote it, and cost twice the time."""
    for algorithm in variants(kind, depth):
        sizes, params = random_network(algorithm, depth, dtype=dtype)
        watched = {f: {l: a.view(Watched) for l, a in layers.items()} for f, layers in params.items()}
        x, y = (a.view(Watched) for a in random_batch(sizes, dtype=dtype))
        algorithm.step(watched, x, y, nan_gradients(algorithm, params), np.random.default_rng(0))
        algorithm.predict(watched, x)


def check_init(kind, depth, dtype):
    """Layers are numbered as in the paper, and every entry is an array of its own in the run's dtype."""
    for algorithm in variants(kind, depth):
        sizes, params = random_network(algorithm, depth, dtype=dtype)
        layers = range(1, depth + 2)
        assert {l: W.shape for l, W in params["W"].items()} == {l: (sizes[l], sizes[l - 1]) for l in layers}
        assert {l: c.shape for l, c in params["c"].items()} == {l: (sizes[l], 1) for l in layers}
        assert set(kind.learned) <= set(params)
        for name, a in entries(params):
            assert a.dtype == dtype and np.isfinite(a).all(), (algorithm, name)
        arrays = [a for _, a in entries(params)]
        assert len({id(a) for a in arrays}) == len(arrays), "two entries share an array"


def check_predict(kind, depth, dtype):
    """Class scores of 0 or more, one column per sample, each from its own sample only."""
    for algorithm in variants(kind, depth):
        sizes, params = random_network(algorithm, depth, dtype=dtype)
        x, _ = random_batch(sizes, n=6, dtype=dtype)
        before = snapshot(params, {"x": {0: x}})
        scores = algorithm.predict(params, x)
        assert snapshot(params, {"x": {0: x}}) == before
        assert scores.shape == (sizes[-1], 6) and scores.dtype == dtype
        assert np.isfinite(scores).all() and (scores >= 0).all()
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        assert np.allclose(algorithm.predict(params, x[:, 2:4]), scores[:, 2:4], rtol=tolerance, atol=tolerance)


def check_repeatable(kind, depth, dtype):
    """The same seed gives the same bits."""
    for algorithm in variants(kind, depth):
        first, second = (bits(*one_step(algorithm, depth, dtype, seed=5)) for _ in range(2))
        assert first == second, algorithm


def bits(sizes, params, grads, record):
    trees = (params, grads, {"record ": record})
    return [(name, np.asarray(a).tobytes()) for tree in trees for name, a in entries(tree)]


def check_forgets_old_gradients(kind, depth, dtype):
    """What grads held before has no part in what is written."""
    for algorithm in variants(kind, depth):
        _, params, grads, _ = one_step(algorithm, depth, dtype)
        x, y = random_batch(random_network(algorithm, depth, dtype=dtype)[0], dtype=dtype)
        wanted = {name: g.copy() for name, g in entries(grads)}
        algorithm.step(params, x, y, grads, np.random.default_rng(0))
        assert all(np.array_equal(g, wanted[name]) for name, g in entries(grads)), algorithm


def check_carry(kind, depth, dtype):
    """What a rule remembers of its samples has a row per sample, is all that a step takes, and is overwritten."""
    for algorithm in variants(kind, depth):
        sizes, params = random_network(algorithm, depth, dtype=dtype)
        remembered = algorithm.carry(sizes, 9, dtype)
        if remembered is None:
            continue
        assert all(a.shape == (9, sizes[l]) and a.dtype == dtype for l, a in remembered.items())
        x, y = random_batch(sizes, dtype=dtype)
        columns = {l: np.ascontiguousarray(a[2:6].T) for l, a in remembered.items()}
        objects = {l: id(a) for l, a in columns.items()}
        algorithm.step(params, x, y, nan_gradients(algorithm, params), np.random.default_rng(0), carried=columns)
        assert {l: id(a) for l, a in columns.items()} == objects
        assert any(not np.array_equal(a, remembered[l][2:6].T) for l, a in columns.items()), "nothing was remembered"


def check_stack(kind, depth, dtype):
    """A stack of networks gives each the numbers it gets alone, with a mini-batch of its own or a shared one."""
    tolerance = 1e-4 if dtype == np.float32 else 1e-9
    for algorithm in variants(kind, depth):
        sizes = random_network(algorithm, depth)[0]
        nets = [draw_like(algorithm, sizes, seed, dtype) for seed in range(NETWORKS)]
        stack = {
            family: {l: np.stack([net[family][l] for net in nets]) for l in layers}
            for family, layers in nets[0].items()
        }
        for shared in (True, False):
            x, y = random_batch(sizes, dtype=dtype, stack=() if shared else (NETWORKS,))
            found = step_and_predict(algorithm, stack, x, y)
            for i, net in enumerate(nets):
                alone = step_and_predict(algorithm, net, x if shared else x[i], y if shared else y[i])
                for name, wanted in alone.items():
                    where = (algorithm, name, shared)
                    assert found[name].shape == (NETWORKS, *wanted.shape), where
                    scale = tolerance * max(np.abs(wanted).max(), 1e-3)
                    assert np.abs(found[name][i] - wanted).max() <= scale, where


def draw_like(algorithm, sizes, seed, dtype):
    rng = np.random.default_rng(seed)
    params = algorithm.init(
        sizes, lambda rng, shape: (rng.standard_normal(shape) / np.sqrt(shape[1])).astype(dtype), rng
    )
    for c in params["c"].values():
        c += 0.1 * rng.standard_normal(c.shape).astype(dtype)
    return params


def step_and_predict(algorithm, params, x, y):
    grads = nan_gradients(algorithm, params)
    record = algorithm.step(params, x, y, grads, TiledGenerator(11))
    numbers = dict(entries(grads)) | {f"record {name}": np.asarray(value) for name, value in record.items()}
    return numbers | {"scores": algorithm.predict(params, x)}


DESCRIPTION = (check_settings, check_docstring, check_names, check_defaults)
BEHAVIOUR = (
    check_init,
    check_step,
    check_precision,
    check_predict,
    check_repeatable,
    check_forgets_old_gradients,
    check_carry,
    check_stack,
)


def check_contract(kind, depths=(1, 2, 5), dtypes=(np.float32, np.float64)):
    """All of it."""
    for check in DESCRIPTION:
        check(kind)
    for check in BEHAVIOUR:
        for depth in depths:
            for dtype in dtypes:
                check(kind, depth, dtype)
