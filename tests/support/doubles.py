"""Stand-ins for NumPy's generator and array that check how a rule uses them."""

from __future__ import annotations

import functools

import numpy as np

NETWORKS = 3  # in a stack; no layer, batch or image in these tests has this size


class TiledGenerator:
    """A generator that gives each network of a stack the same noise, the noise it would get alone.

    A size that starts with ``NETWORKS`` is drawn without that axis and repeated along it.
    """

    ARGUMENTS = {
        "choice": ("a", "size", "replace", "p"),
        "integers": ("low", "high", "size", "dtype", "endpoint"),
        "normal": ("loc", "scale", "size"),
        "random": ("size", "dtype", "out"),
        "standard_normal": ("size", "dtype", "out"),
        "uniform": ("low", "high", "size"),
    }

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def __getattr__(self, method):
        if method not in self.ARGUMENTS:
            raise AttributeError(f"TiledGenerator does not know {method!r}; add its arguments to ARGUMENTS")
        return functools.partial(self._tiled, method)

    def _tiled(self, method, *args, **options):
        options |= zip(self.ARGUMENTS[method], args)
        out = options.pop("out", None)
        size = options.pop("size", None) if out is None else out.shape
        shape = () if size is None else tuple(np.atleast_1d(size))
        alone = shape[1:] if shape[:1] == (NETWORKS,) else shape
        drawn = np.broadcast_to(getattr(self._rng, method)(**options, size=alone), shape)
        if out is None:
            return drawn.copy() if shape else drawn[()]
        out[...] = drawn
        return out


class Watched(np.ndarray):
    """An array that refuses to be calculated with in another precision than its own."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        dtypes = {a.dtype for a in (*inputs, *out) if isinstance(a, np.ndarray | np.generic) and a.dtype.kind == "f"}
        if out:
            options["out"] = tuple(unwatched(a) for a in out)
        result = getattr(ufunc, method)(*(unwatched(a) for a in inputs), **options)
        if isinstance(result, np.ndarray | np.generic) and result.dtype.kind == "f":
            dtypes.add(result.dtype)
        assert len(dtypes) <= 1, f"{ufunc.__name__} mixes {sorted(map(str, dtypes))}"
        if out:
            return out[0]
        return result.view(Watched) if isinstance(result, np.ndarray) else result


def unwatched(a):
    return a.view(np.ndarray) if isinstance(a, Watched) else a
