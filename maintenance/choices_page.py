"""Print docs/choices.md with its tables written anew: ``make pages``.

A table's reasons are the settings' own ``paper=`` texts. Its numbers are the validation errors of the
calibration runs. The test set plays no part.
"""

from __future__ import annotations

import functools
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lrarun import Spec, load_results, make_spec
from lrarun.algorithms.registry import algorithms
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.settings import settings_of

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "choices.md"
RUNS = ROOT / "results" / "reference" / "calibration"
DEPTHS = (3, 5, 8)
EPSILON = 1e-8  # RMSprop's in the calibration runs; the default was chosen after them
# Where a run was made, as opposed to what it tries.
CONTEXT = ("dataset", "depth", "epochs", "width", "batch_size")
# A rule's own settings go with its name; each of these goes with what it scales or names.
BLOCKS = {"init": ("init.std", "init.gain"), "algorithm.feedback": ("algorithm.feedback_scale",)}
# Table -> the kinds that it lists. A rule's table also has the settings of others that were tried with it.
TABLES: dict[str, dict[str, type]] = {
    "spec": {"": Spec},
    "optimizers": OPTIMIZERS,
    "init": INITIALIZERS,
    "backprop, rfa, dfa": {name: algorithms()[name] for name in ("backprop", "rfa", "dfa")},
    "lra-e": {"lra-e": algorithms()["lra-e"]},
    "dtp, dtp-sigma": {name: algorithms()[name] for name in ("dtp", "dtp-sigma")},
    "equilibrium-propagation": {"equilibrium-propagation": algorithms()["equilibrium-propagation"]},
}
MARKED = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)

Settings = dict[str, Any]


class Run(NamedTuple):
    """A calibration run: its settings by dotted key, and its lowest validation error in percent."""

    settings: Settings
    error: float


class Comparison(NamedTuple):
    """Runs that differ in one setting, whose default is ``usual``; ``beside`` are other unusual settings of theirs."""

    key: str
    usual: Any
    beside: Settings
    runs: list[Run]


def flat(mapping: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return nested settings under dotted keys, a block's name under the block's own key."""
    found: Settings = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, int | float | str):
            found[f"{prefix}{key}".removesuffix(".name")] = value
    return found


def joined(settings: Settings) -> Settings:
    """Return settings in which what has a meaning only together is one value: ``gaussian, std 0.05``."""
    whole = dict(settings)
    for key, parts in BLOCKS.items():
        own = {part: whole.pop(part) for part in parts if part in whole}
        plain = key != "init" and all(value == 1 for value in own.values())
        if key in whole and own and not plain:
            words = (f"{part.rpartition('.')[2].removeprefix('feedback_')} {shown(own[part])}" for part in own)
            whole[key] = ", ".join([whole[key], *words])
    return whole


@functools.cache
def defaults(rule: str, depth: int) -> Settings:
    """Return what a spec meant, when the calibration runs were trained, that names only a rule and a depth."""
    spec = make_spec({"algorithm": rule, "depth": depth})
    if spec.optimizer.name == "rmsprop":
        spec = make_spec({"algorithm": rule, "depth": depth, "optimizer": {"name": "rmsprop", "epsilon": EPSILON}})
    return joined(flat(spec.to_dict()))


def shown(value: Any) -> str:
    """Return a setting as a reader writes it: numbers to four digits, truth values as in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def calibration_runs() -> list[Run]:
    """Return every calibration run."""
    table = load_results(RUNS)
    specs = (yaml.safe_load((RUNS / run_id / "spec.yaml").read_text(encoding="utf-8")) for run_id in table["run_id"])
    return [Run(joined(flat(spec)), error) for spec, error in zip(specs, table["validation_error"], strict=True)]


def unusual(settings: Settings) -> Settings:
    """Return the settings that are not the rule's defaults, without where the run was made."""
    usual = defaults(settings["algorithm"], settings["depth"])
    return {key: value for key, value in settings.items() if usual.get(key) != value and key not in CONTEXT}


def comparisons(runs: list[Run]) -> tuple[list[Comparison], list[Run]]:
    """Return the comparisons of one setting that show the runs of one rule, and the runs that are in none.

    Comparisons beside the fewest unusual settings come first. One beside some is kept only if it shows a run
    that none before it does.
    """
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        for key in run.settings.keys() - {*CONTEXT, "algorithm", "seed"}:
            groups[key, *sorted(item for item in run.settings.items() if item[0] != key)].append(run)
    found = [compared(key, members) for (key, *_), members in groups.items() if len(members) > 1]
    shown: list[Run] = []
    kept = []
    for each in sorted(found, key=lambda each: (len(each.beside), -len(each.runs), str(each))):
        if not each.beside or any(run not in shown for run in each.runs):
            shown += each.runs
            kept.append(each)
    kept.sort(key=lambda each: (each.runs[0].settings["depth"], len(each.beside), place(each.runs[0], each.beside)))
    return kept, [run for run in runs if run not in shown]


def compared(key: str, members: list[Run]) -> Comparison:
    """Runs that differ in one setting, its default first."""
    usual = defaults(members[0].settings["algorithm"], members[0].settings["depth"])[key]
    members = sorted(members, key=lambda run: (run.settings[key] != usual, run.settings[key]))
    beside = {name: value for name, value in unusual(members[0].settings).items() if name != key}
    return Comparison(key, usual, beside, members)


def place(run: Run, beside: Settings) -> str:
    """Return where numbers were measured: ``3 layers, 10 epochs``, and what else was set."""
    settings, usual = run.settings, defaults("backprop", 3)
    words = [f"{settings['depth']} layer{'s' if settings['depth'] > 1 else ''}", f"{settings['epochs']} epochs"]
    if settings["dataset"] != usual["dataset"]:
        words.insert(0, "Fashion-MNIST")
    words += [f"{key} {settings[key]}" for key in ("width", "batch_size") if settings[key] != usual[key]]
    return ", ".join([*words, *named(beside)])


def named(settings: Settings) -> list[str]:
    """Return settings as ``name value``, without their blocks."""
    return [f"{key.rpartition('.')[2]} {shown(value)}" for key, value in sorted(settings.items())]


def measured(comparison: Comparison) -> str:
    """Return one comparison in words, the default's value in bold."""
    values = [(run.settings[comparison.key], f"{run.error:.2f}") for run in comparison.runs]
    words = [f"{f'**{shown(v)}**' if v == comparison.usual else shown(v)}: {error}" for v, error in values]
    return f"{place(comparison.runs[0], comparison.beside)}: {'; '.join(words)}"


def table(name: str, runs: list[Run]) -> str:
    """Return one of the page's tables in Markdown, and below it the runs that fit in no row."""
    kinds = TABLES[name]
    rules = [rule for rule in kinds if rule in algorithms()]
    tried: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    others = []
    for rule in rules:
        found, rest = comparisons([run for run in runs if run.settings["algorithm"] == rule])
        for each in found:
            tried[each.key][rule].append(measured(each))
        others += sorted(alone(run) for run in rest)
    rows = [["setting", "default", "what the paper says, and why this default", "lowest validation error, %"]]
    rows.append(["---"] * len(rows[0]))
    rows += [row(kinds, key, tried.pop(key, {})) for key in keys(kinds)]
    rows += [row(dict.fromkeys(rules), key, lines) for key, lines in sorted(tried.items())]
    lines = [f"| {' | '.join(cells if rules else cells[:-1])} |" for cells in rows]
    return "\n".join([*lines, *(["", "Runs that no row compares:", "", *others] if others else [])])


def alone(run: Run) -> str:
    """Return a run that is in no comparison as an item of a list."""
    what = ", ".join(named(unusual(run.settings))) or "the defaults"
    return f"- {run.settings['algorithm']}, {place(run, {})}: {what}: {run.error:.2f}"


def keys(kinds: Mapping[str, type]) -> list[str]:
    """Return the dotted keys of the kinds' settings, once each, in order."""
    prefix = "algorithm." if kinds.keys() & algorithms().keys() else ""
    return list(dict.fromkeys(f"{prefix}{field.name}" for kind in kinds.values() for field in settings_of(kind)))


def row(kinds: Mapping[str, type | None], key: str, tried: Mapping[str, list[str]]) -> list[str]:
    """Return the cells of one setting: equal texts once, each with the kinds that it is true of."""
    reasons, values = defaultdict(list), defaultdict(list)
    for name, kind in kinds.items():
        value = default_of(name, kind, key)
        if value is not None:
            reasons[reason_of(kind, key)].append(name)
            values[value].append(name)
    several = len(kinds) > 1
    lines = [f"{rule}, {line}" if several else line for rule, found in tried.items() for line in found]
    return [
        f"`{key.removeprefix('algorithm.')}`", by_kind(values, several), by_kind(reasons, several), "<br>".join(lines)
    ]  # fmt: skip


def reason_of(kind: type | None, key: str) -> str:
    """Return a setting's ``paper=`` text, or where it stands if the setting is another kind's."""
    if kind is None:
        return "see Initial weights" if key == "init" else "see Optimizers"
    own = key.rpartition(".")[2]
    return next((field.metadata["paper"] for field in settings_of(kind) if field.name == own), "") or "—"


def default_of(name: str, kind: type | None, key: str) -> str | None:
    """Return a setting's default, for 3, 5 and 8 hidden layers where it depends on them; None if there is none."""
    own = flat_default(kind, key.rpartition(".")[2])
    values = [defaults(name, depth).get(key, own) for depth in DEPTHS] if name in algorithms() else [own]
    if values[0] is None:
        return None
    return " / ".join(map(shown, values if len(set(values)) > 1 else values[:1]))


def flat_default(kind: type | None, own: str) -> Any:
    """Return a field's default, or None if there is no such field."""
    return next((field.default for field in settings_of(kind) if field.name == own), None) if kind else None


def by_kind(found: Mapping[str, list[str]], several: bool) -> str:
    """Return ``text``, or each text after the kinds that it is true of."""
    if not several:
        return "".join(found)
    if len(found) == 1 and len(next(iter(found.values()))) > 1:
        return next(iter(found))
    return "<br>".join(f"{', '.join(kinds)}: {text}" for text, kinds in found.items())


def page() -> str:
    """Return the page with every table written anew; what stands outside of the markers stays."""
    runs = calibration_runs()
    return MARKED.sub(lambda at: f"{at[1]}\n{table(at[2], runs)}\n\n{at[3]}", PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.stdout.write(page())
