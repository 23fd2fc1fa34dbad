"""What a run is: every choice that its numbers depend on, and the run id made of them.

:mod:`lrarun.specs.build` makes specs from YAML; this module knows nothing of that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lrarun.algorithms.base import Algorithm
from lrarun.nn.initializers import Glorot, Initializer
from lrarun.nn.optimizers import SGD, Optimizer
from lrarun.settings import setting, settings_of
from lrarun.specs.yaml_text import dump

# Raise it whenever the engine gives other numbers for the same spec, so that nobody takes old results for new ones.
NUMBERS_VERSION = 1

# The keys whose values have a name and settings of their own.
BLOCKS = ("algorithm", "optimizer", "init")
MAX_DEPTH = 100
DIGEST_LENGTH = 10
SLUG_LENGTH = 24


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One training of one network: every choice that its numbers depend on."""

    dataset: str = setting("mnist", "mnist, fashion-mnist, or the path of a folder with IDX files or of an .npz file")
    depth: int = setting(3, "hidden layers", ge=1, le=MAX_DEPTH, paper="3, 5 and 8")
    width: int = setting(256, "units in each hidden layer", ge=1, le=65536, paper="256")
    activation: str = setting(
        "tanh",
        "post-activation of the hidden layers",
        paper="tanh for all models; equilibrium propagation has the hard sigmoid of its own paper",
    )
    algorithm: Algorithm
    optimizer: Optimizer = SGD()
    init: Initializer = Glorot()
    batch_size: int = setting(50, "samples in a mini-batch", ge=1, le=10**9, paper="50")
    epochs: int = setting(100, "passes over the training samples", ge=1, le=10**9, paper="100")
    validation: int = setting(
        2000, "training samples held out to choose the epoch that is scored", ge=1, le=10**9, paper="2,000"
    )
    seed: int = setting(0, "seed of every random stream of the run", ge=0, lt=2**32)
    dtype: Literal["float32", "float64"] = setting("float32", "floating-point type of the parameters")
    probes: tuple[Any, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or YAML, every default written out; ``make_spec`` turns them back."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def to_yaml(self) -> str:
        """Return :meth:`to_dict` as YAML, one setting a line."""
        return dump(self.to_dict())

    @property
    def run_id(self) -> str:
        """The name of the run's folder: readable, with a digest of the spec at its end.

        At most 100 of the characters ``a-z0-9.-``. The digest covers all settings and
        :data:`NUMBERS_VERSION`. Of a data set of the user's own it covers the path, as the spec
        gives it, not the content.
        """
        return run_id_of(self.to_dict())


def run_id_of(resolved: Mapping[str, Any]) -> str:
    """Return the run id that this version of the engine gives to a spec's :meth:`Spec.to_dict`."""
    content = {"numbers": NUMBERS_VERSION, "spec": resolved}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]
    names = [_slug(Path(resolved["dataset"]).name), _slug(resolved["algorithm"]["name"])]
    shape = f"{resolved['depth']}x{resolved['width']}"
    return "-".join([*names, shape, _slug(resolved["optimizer"]["name"]), f"s{resolved['seed']}", digest])


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "name"):
        own = {field.name: _plain(getattr(value, field.name)) for field in settings_of(type(value))}
        return {"name": value.name, **own}
    return value


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:SLUG_LENGTH].strip("-.") or "data"
