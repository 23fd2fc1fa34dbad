"""What a run is: every choice that its numbers depend on.

:mod:`lrarun.specs.build` makes specs from YAML; this module knows nothing of that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from lrarun.algorithms.base import Algorithm
from lrarun.nn.initializers import Glorot, Initializer
from lrarun.nn.optimizers import SGD, Optimizer
from lrarun.settings import setting, settings_of
from lrarun.specs.run_id import run_id_of
from lrarun.specs.yaml_text import dump

# The keys whose values have a name and settings of their own.
BLOCKS = ("algorithm", "optimizer", "init")
MAX_DEPTH = 100
# Keys that came after the first results: left out of a resolved spec at their defaults, so that run ids stay.
LATER = ("scores",)


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
    scores: Literal["test", "validation"] = setting(
        "test",
        "what a finished run is scored on: the test set too, or only what it was trained and validated on;"
        " then nothing of the test set is read",
    )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or YAML, every default written out; ``make_spec`` turns them back.

        Keys of :data:`LATER` are left out at their defaults.
        """
        later = {field.name: field.default for field in fields(self) if field.name in LATER}
        plain = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in plain.items() if name not in later or value != later[name]}

    def to_yaml(self) -> str:
        """Return :meth:`to_dict` as YAML, one setting a line."""
        return dump(self.to_dict())

    @property
    def run_id(self) -> str:
        """The name of the run's folder: readable, with a digest of the spec at its end.

        At most 100 of the characters ``a-z0-9.-``. The digest covers all settings and
        :data:`lrarun.specs.run_id.NUMBERS_VERSION`. Of a data set of the user's own it covers the path, as the spec
        gives it, not the content.
        """
        return run_id_of(self.to_dict())


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "name"):
        own = {field.name: _plain(getattr(value, field.name)) for field in settings_of(type(value))}
        return {"name": value.name, **own}
    return value
