"""What a run is: every choice that its numbers depend on.

:mod:`lrarun.specs.build` makes specs from YAML; this module knows nothing of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from lrarun.algorithms.base import Algorithm
from lrarun.nn.initializers import Glorot, Initializer
from lrarun.nn.optimizers import SGD, Optimizer
from lrarun.settings import is_silent, setting, settings_of
from lrarun.specs.run_id import run_id_of
from lrarun.specs.yaml_text import dump

# The keys whose values have a name and settings of their own.
BLOCKS = ("algorithm", "optimizer", "init")
MAX_DEPTH = 100
NUMPY, JAX = "numpy", "jax"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One training of one network: every choice that its numbers depend on."""

    dataset: str = setting("mnist", "mnist, fashion-mnist, or the path of a folder with IDX files or of an .npz file")
    depth: int = setting(3, "hidden layers", ge=1, le=MAX_DEPTH, paper="3, 5 and 8")
    width: int | tuple[int, ...] = setting(
        256,
        "units in each hidden layer; or a list, from the first hidden layer up: depth is then its length",
        ge=1,
        le=65536,
        paper="256",
    )
    bias: bool = setting(
        True,
        "whether biases are trained; if not, all biases stay at 0",
        paper="'omitted for clarity'; trained here",
        later=True,
    )
    activation: str = setting(
        "tanh",
        "post-activation of the hidden layers",
        paper="tanh for all models; equilibrium propagation has the hard sigmoid of its own paper",
    )
    dropout: float = setting(
        0.0,
        "probability that a training step leaves out a hidden unit; units that stay are divided by 1 - dropout."
        " For backprop, RFA and DFA",
        paper="none",
        ge=0,
        lt=1,
        later=True,
    )
    input_dropout: float = setting(0.0, "the same for inputs", paper="none", ge=0, lt=1, later=True)
    algorithm: Algorithm
    optimizer: Optimizer = SGD()
    init: Initializer = Glorot()
    batch_size: int = setting(50, "samples in a mini-batch", ge=1, le=10**9, paper="50")
    epochs: int = setting(100, "passes over the training samples", ge=1, le=10**9, paper="100")
    validation: int = setting(
        2000, "training samples held out to choose the epoch that is scored", ge=1, le=10**9, paper="2,000"
    )
    split: Literal["random", "last"] = setting(
        "random",
        "which samples are held out: drawn with the seed, or the last ones of the data set",
        paper="not stated",
        later=True,
    )
    seed: int = setting(0, "seed of every random stream of the run", ge=0, lt=2**32)
    dtype: Literal["float32", "float64"] = setting("float32", "floating-point type of the parameters")
    probes: tuple[Any, ...] = ()
    engine: Literal["numpy", "jax"] = setting(
        NUMPY,
        "what computes: numpy, on the CPU; or jax, which trains many runs at once as a stack, for a GPU",
        later=True,
    )
    scores: Literal["test", "validation"] = setting(
        "test",
        "what a finished run is scored on: the test set too, or only what it was trained and validated on;"
        " then nothing of the test set is read",
        later=True,
    )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; ``make_spec`` turns them back. The run id is a digest of them.

        Every default is written out, except of settings that were added when runs existed already: these are in
        it only where they have another value. So equal runs have equal dicts, whatever version made them.
        """
        return _own(self, [field.name for field in fields(self)], whole=False)

    def silent(self) -> dict[str, Any]:
        """Return the settings that :meth:`to_dict` leaves out, by dotted name, with their values."""
        blocks = {name: getattr(self, name) for name in ("algorithm", "optimizer", "init")}
        return {
            ".".join(filter(None, (block, field.name))): getattr(thing, field.name)
            for block, thing in {"": self, **blocks}.items()
            for field in settings_of(type(thing))
            if is_silent(field, getattr(thing, field.name))
        }

    def to_yaml(self) -> str:
        """Return the spec as YAML, one setting a line, every default written out."""
        return dump(_own(self, [field.name for field in fields(self)], whole=True))

    @property
    def run_id(self) -> str:
        """The name of the run's folder: readable, with a digest of the spec at its end.

        At most 100 of the characters ``a-z0-9.-``. The digest covers all settings and
        :data:`lrarun.specs.run_id.NUMBERS_VERSION`. Of a data set of the user's own it covers the path, as the spec
        gives it, not the content.
        """
        return run_id_of(self.to_dict())


def _own(thing: Any, names: list[str], whole: bool) -> dict[str, Any]:
    """Return some attributes as plain values, without silent settings unless all are wanted."""
    silent = {field.name for field in settings_of(type(thing)) if is_silent(field, getattr(thing, field.name))}
    return {name: _plain(getattr(thing, name), whole) for name in names if whole or name not in silent}


def _plain(value: Any, whole: bool) -> Any:
    if isinstance(value, tuple):
        return [_plain(part, whole) for part in value]
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "name"):
        return {"name": value.name, **_own(value, [field.name for field in settings_of(type(value))], whole)}
    return value
