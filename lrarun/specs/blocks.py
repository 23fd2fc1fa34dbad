"""Make what a spec's blocks describe: the values that have a name and settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lrarun.algorithms.base import Algorithm
from lrarun.algorithms.registry import get_algorithm
from lrarun.engine.probes import get_probe
from lrarun.nn.activations import TANH, get_activation
from lrarun.nn.initializers import get_initializer
from lrarun.nn.optimizers import get_optimizer
from lrarun.settings import in_words
from lrarun.specs import validate
from lrarun.specs.places import Node, Problems
from lrarun.specs.spec import BLOCKS
from lrarun.specs.sweeps import block

# The key of a block -> what finds its class by name.
GETTERS: dict[str, Callable[[str], type]] = {
    "algorithm": get_algorithm,
    "optimizer": get_optimizer,
    "init": get_initializer,
    "probe": get_probe,
}


def make_blocks(entries: Mapping[str, Node], problems: Problems) -> dict[str, Any]:
    """Return the rule, the optimizer, the initial scheme and the probes; None in place of those with a mistake."""
    given = entries.get("activation")
    activation = given and validate.look_up(get_activation, given, "activation", problems)
    more = {"algorithm": {"activation": activation or TANH}}
    made = {key: _make_block(key, entries[key], problems, **more.get(key, {})) for key in BLOCKS if key in entries}
    return {**made, "probes": _make_probes(entries.get("probes"), made.get("algorithm"), problems)}


def _make_block(key: str, node: Node, problems: Problems, **more: Any) -> Any:
    """Return the object that a block describes, or None after a mistake; ``more`` are arguments beside its settings."""
    if not isinstance(node.value, dict):
        message = f"{key} must be a name or a mapping with a name, not {in_words(node.value)}"
        problems.add(node.place, message + (validate.sweep_hint(key, node) if key in BLOCKS else ""))
        return None
    if "name" not in node.value:
        validate.add_missing_name(key, node, problems)
        return None
    kind = validate.look_up(GETTERS[key], node.value["name"], f"{key}'s name", problems)
    if kind is None:
        return None
    own = {name: part for name, part in node.value.items() if name != "name"}
    swept = f"{key}." if key in BLOCKS else None
    settings = validate.check_settings(kind, own, f"{key} {node.value['name'].value!r}", problems, swept)
    try:
        return None if settings is None else kind(**settings, **more)
    except ValueError as error:
        # A class may check settings against each other when it is made.
        problems.add(node.where, str(error))
        return None


def _make_probes(node: Node | None, algorithm: Algorithm | None, problems: Problems) -> tuple[Any, ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        hint = f"; write probes: [{node.value}]" if isinstance(node.value, str) else ""
        problems.add(node.place, f"probes must be a list, not {in_words(node.value)}{hint}")
        return ()
    probes: dict[str, Any] = {}
    for part in node.value:
        probe = _make_block("probe", block(part), problems)
        if probe and probe.name in probes:
            problems.add(part.place, f"the probe {probe.name!r} is given twice")
        elif probe:
            probes[probe.name] = probe
            refusal = algorithm and probe.refusal(type(algorithm))
            if refusal:
                problems.add(part.place, refusal)
    return tuple(probes.values())
