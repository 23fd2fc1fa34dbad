"""Results that today's version would not make again from their own spec.

A run is *stale* if its folder's name is not the run id that its own resolved spec gets
now: the engine's numbers have changed since (``spec.NUMBERS_VERSION``), or a setting was
added, removed or restricted. A run on a data set of the user's own is stale too if that
data set now holds something else, as is one of a rule in a plugin file that has been
edited. A stale result stays where it is and is never taken
for a current one; ``lrarun clean`` removes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load
from lrarun.data.published import PUBLISHED
from lrarun.errors import LrarunError, SpecError
from lrarun.results.read import Result
from lrarun.specs.build import make_spec
from lrarun.specs.spec import NUMBERS_VERSION, run_id_of

RULE_CHANGED = "its rule's file has changed since"

Shape = Any  # a mapping's keys, nested, and the names in its blocks


class Staleness:
    """Judges results; keeps what it found out, as many results have settings of the same shape.

    Args:
        data_dir: where data sets are looked for, as for :func:`lrarun.data.load.load`.
        fingerprints: of data sets that are loaded already, by the name that a spec has for them.
    """

    def __init__(self, data_dir: Path | None = None, fingerprints: Mapping[str, str] | None = None):
        self.data_dir = data_dir
        self._complete: dict[Shape, bool] = {}
        self._fingerprints: dict[str, str | None] = dict(fingerprints or {})

    def current_id(self, result: Result) -> str | None:
        """The run id that the result's own spec gets now; None if it is no valid spec any more."""
        try:
            shape = _shape(result.spec)
            if shape not in self._complete:
                self._complete[shape] = _shape(make_spec(result.spec).to_dict()) == shape
            # To resolve a spec takes a hundred times as long as to hash one.
            return run_id_of(result.spec if self._complete[shape] else make_spec(result.spec).to_dict())
        except (LrarunError, KeyError, TypeError, ValueError):
            return None

    def reason(self, result: Result) -> str | None:
        """Why a result is stale, in a few words, or None if it is not, or if its rule is not here to tell."""
        if not _rule_is_here(result):
            return None
        if self.current_id(result) != result.run_id:
            return _outdated(result)
        return self.changed(result)

    def changed(self, result: Result) -> str | None:
        """Which of the things that a spec names and does not hold is another now, in a few words, or None."""
        if rule_changed(result):
            return RULE_CHANGED
        return "its data set has changed since" if self.data_changed(result) else None

    def data_changed(self, result: Result) -> bool:
        """Whether the result is of a data set of the user's own that now holds something else."""
        name = result.spec["dataset"]
        if name in PUBLISHED:
            return False
        if name not in self._fingerprints:
            self._fingerprints[name] = self._fingerprint(name)
        return self._fingerprints[name] not in (None, result.record.get("dataset_sha256"))

    def _fingerprint(self, name: str) -> str | None:
        try:
            return load(name, self.data_dir).fingerprint
        except LrarunError:
            return None  # what is not here cannot be compared

    def outdated(self, results: Iterable[Result]) -> dict[str, Result]:
        """Results under an old run id, by the run id that would replace them."""
        found = {self.current_id(result): result for result in results}
        return {run_id: result for run_id, result in found.items() if run_id and run_id != result.run_id}


def _rule_is_here(result: Result) -> bool:
    """False for a run of a rule that no file or package has: its plugin may just not be named this time."""
    rule = _rule(result)
    return rule is None or rule in algorithms()


def _rule(result: Result) -> str | None:
    """The name of the result's rule, or None if its spec does not say."""
    block = result.spec.get("algorithm")
    name = block.get("name") if isinstance(block, Mapping) else None
    return name if isinstance(name, str) else None


def rule_changed(result: Result) -> bool:
    """Whether the result is of a rule in a plugin file that now holds something else."""
    kind = algorithms().get(_rule(result) or "")
    file = plugins.file_of(kind) if kind else None
    if file is None:
        return False
    before = (result.record.get("provenance") or {}).get("plugins", {})
    return file in before and before[file] != plugins.digests()[file]


def superseded(results: Iterable[Result]) -> dict[str, str]:
    """Run id -> why, of results that have today's settings, so that they fill a table's cell, but not its numbers."""
    return {result.run_id: why for result in results if (why := _other_numbers(result))}


def _other_numbers(result: Result) -> str:
    version = result.record.get("numbers_version", NUMBERS_VERSION)
    if version != NUMBERS_VERSION:
        return f"made by version {version} of the numbers, which is {NUMBERS_VERSION} now"
    return RULE_CHANGED if rule_changed(result) else ""


def _shape(value: Any) -> Shape:
    if isinstance(value, Mapping):
        return tuple((key, part if key == "name" else _shape(part)) for key, part in sorted(value.items()))
    return tuple(map(_shape, value)) if isinstance(value, list | tuple) else None


def _outdated(result: Result) -> str:
    other = _other_numbers(result)
    if other:
        return other
    try:
        resolved = make_spec(result.spec).to_dict()
    except SpecError as error:
        return f"its spec is not valid any more: {error.problems[0].message}"
    except (LrarunError, KeyError, TypeError, ValueError) as error:
        return f"its spec cannot be read any more: {error}"
    added = sorted(_paths(resolved) - _paths(result.spec))
    return f"settings have come since: {', '.join(added)}" if added else "its folder's name is not its run id"


def _paths(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, Mapping):
        return {path}
    return {found for key, part in value.items() for found in _paths(part, f"{path}.{key}" if path else str(key))}
