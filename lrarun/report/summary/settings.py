"""What tells several settings apart: which keys are columns, and which need no column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lrarun.errors import UsageError
from lrarun.report.repetitions import NOT_SETTINGS
from lrarun.results.settings import by_sweep_key, differing

BLOCKS = ("algorithm", "optimizer", "init")  # the keys of a spec that have settings of their own
RULE = "algorithm"

Flat = Mapping[str, Any]  # a spec's settings by the keys that a sweep uses
# A setting -> what a spec would have by itself that names only the rule, the depth, the optimizer and so on.
Usual = Callable[[Flat], Flat]


@dataclass(frozen=True)
class Keys:
    """The keys of several settings, by what there is to say about them. Each key is in one of the four.

    Attributes:
        columns: those that tell the settings apart.
        common: those with one value in all settings, with the value.
        follows: ``optimizer adam`` -> its settings that have one value wherever it is chosen, with the value.
        usual: those that differ, and are everywhere what a spec has that does not mention them.
    """

    columns: tuple[str, ...]
    common: Flat = field(default_factory=dict)
    follows: Mapping[str, Flat] = field(default_factory=dict)
    usual: tuple[str, ...] = ()


def flat_settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved spec's settings by the keys that a sweep uses, without seed and probes; lists as tuples."""
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in by_sweep_key(spec).items()
        if key not in NOT_SETTINGS
    }


def with_silent(flats: Sequence[Flat], silent: Usual) -> list[Flat]:
    """Return settings with the values that they leave out, of those keys that another of them has.

    Args:
        flats: settings.
        silent: a setting -> what specs like it leave out as long as it has its default (``weight_decay``), with it.
    """
    every = list(dict.fromkeys(key for flat in flats for key in flat))
    gaps = [[key for key in every if key not in flat] for flat in flats]
    known = [silent(flat) if gap else {} for flat, gap in zip(flats, gaps)]
    return [{**flat, **{key: own[key] for key in gap if key in own}} for flat, gap, own in zip(flats, gaps, known)]


def keys_of(flats: Sequence[Flat], usual: Usual = lambda flat: {}) -> Keys:
    """Sort the keys of several settings by what there is to say about them.

    A key that changes only with the block that it belongs to is no column: two optimizers have other settings.
    Nor is one that is what lrarun chooses by itself everywhere: each rule has its own defaults.

    >>> sgd, adam = {"optimizer": "sgd", "optimizer.rate": 0.1}, {"optimizer": "adam", "optimizer.rate": 0.01}
    >>> keys_of([sgd, adam]).columns
    ('optimizer',)
    """
    apart = set(differing(flats))
    every = list(dict.fromkeys(key for flat in flats for key in flat))
    differ = [key for key in every if key in apart]
    defaults = [usual(flat) for flat in flats] if differ != [RULE] else []
    as_usual = [key for key in differ if defaults and _is_usual(key, flats, defaults)]
    rest = [key for key in differ if key not in as_usual]
    with_block = [key for key in rest if "." in key and _goes_with(key, key.split(".")[0], flats)]
    return Keys(
        columns=tuple(_in_order(key for key in rest if key not in with_block)),
        common={key: flats[0][key] for key in every if key not in apart},
        follows=_values_by_choice(with_block, flats),
        usual=tuple(as_usual),
    )


def _goes_with(key: str, choice: str, flats: Sequence[Flat]) -> bool:
    """Return whether a key has one value for each value of another; not to be there is a value, too."""
    found: dict[Any, Any] = {}
    return all(found.setdefault(flat.get(choice), flat.get(key)) == flat.get(key) for flat in flats)


def _is_usual(key: str, flats: Sequence[Flat], defaults: Sequence[Flat]) -> bool:
    return all(key in own and own[key] == flat[key] for flat, own in zip(flats, defaults) if key in flat)


def _values_by_choice(keys: Iterable[str], flats: Sequence[Flat]) -> dict[str, dict[str, Any]]:
    """Return ``optimizer adam`` -> its settings, for nested keys that go with the block that they are in."""
    found: dict[str, dict[str, Any]] = {}
    for key in keys:
        block, _, name = key.partition(".")
        for flat in flats:
            if key in flat:
                found.setdefault(f"{block} {flat.get(block)}", {})[name] = flat[key]
    return found


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return keys with the rule and its settings first, and nested ones beside their block."""
    known = list(keys)
    heads = list(dict.fromkeys(key.partition(".")[0] for key in known))
    return sorted(known, key=lambda key: (not key.startswith(RULE), heads.index(key.partition(".")[0])))


def short_names(keys: Sequence[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return each key without its block where that is no other key, else in full.

    >>> short_names(["algorithm.beta", "init.std", "algorithm.std"])
    {'algorithm.beta': 'beta', 'init.std': 'init.std', 'algorithm.std': 'algorithm.std'}
    """
    ends = [key.rpartition(".")[2] for key in keys]
    used = {*taken, *(key for key in keys if "." not in key)}
    return {
        key: end if key == end or (ends.count(end) == 1 and end not in used) else key for key, end in zip(keys, ends)
    }


def find_key(typed: str, keys: Iterable[str]) -> str:
    """Return the key that a user means by it, in full or without its block.

    Raises:
        UsageError: there is no such key, or there are several.
    """
    from lrarun.settings import nearest

    known = list(dict.fromkeys(keys))
    found = [key for key in known if key == typed] or [key for key in known if key.rpartition(".")[2] == typed]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{typed!r} means {' and '.join(found)}; write which")
    if typed == "seed":
        raise UsageError("rows are means over seeds, so a seed names none; lrarun diff compares two runs")
    close = nearest(typed, [*known, *(key.rpartition(".")[2] for key in known)])
    raise UsageError(f"no key {typed!r}; " + (f"did you mean {close}?" if close else f"there are {', '.join(known)}"))


def value_text(value: Any) -> str:
    """Return a setting as one would type it; nothing for one that there is not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def phrase(flat: Flat) -> str:
    """Return settings in a line: ``depth 3, optimizer sgd (learning_rate 0.01)``.

    >>> phrase({"depth": 3, "optimizer": "sgd", "optimizer.learning_rate": 0.01, "init.std": 0.1})
    'depth 3, optimizer sgd (learning_rate 0.01), init.std 0.1'
    """
    parts = []
    for key, value in flat.items():
        head, dot, _ = key.partition(".")
        if dot and head in flat:
            continue
        inner = [f"{name.partition('.')[2]} {value_text(flat[name])}" for name in flat if name.startswith(f"{key}.")]
        parts.append(f"{key} {value_text(value)}" + (f" ({', '.join(inner)})" if inner else ""))
    return ", ".join(parts)


def told_apart(flats: Sequence[Flat], columns: Sequence[str]) -> list[Flat]:
    """Return of each setting what tells it from the others: its rule, and what differs between settings of that rule.

    A block's own setting counts only among those with the same block: another optimizer has others.
    """

    def group(flat: Flat, key: str) -> tuple[Any, ...]:
        return key, flat.get(RULE), flat.get(key.partition(".")[0]) if "." in key else None

    values: dict[tuple[Any, ...], set[Any]] = {}
    for flat in flats:
        for key in columns:
            values.setdefault(group(flat, key), set()).add(flat.get(key))
    return [
        {key: flat[key] for key in columns if key in flat and (key == RULE or len(values[group(flat, key)]) > 1)}
        for flat in flats
    ]
