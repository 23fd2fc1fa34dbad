"""What makes a run stale: today's version would not get its result again from its own spec.

:meth:`Staleness.why_stale` answers for one run. A run is stale if

- the engine's numbers have changed since (``NUMBERS_VERSION``), or a setting was added, removed or restricted: the
  run id that its own spec gets now is then not its folder's name;
- its data set is the user's own, and that data set's content has changed; or
- its learning rule is in a plugin file, and that file has changed.

A stale run stays where it is and is never taken for a current one; ``lrarun clean`` removes it.
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
from lrarun.results.settings import flatten
from lrarun.specs.build import make_spec
from lrarun.specs.spec import NUMBERS_VERSION, run_id_of

RULE_CHANGED = "its rule's file has changed since"
DATA_CHANGED = "its data set has changed since"

SettingNames = frozenset[tuple[str, Any]]  # every setting's dotted name, with the values of those called "name"


class Staleness:
    """Judges whether runs are stale, and remembers what it found out about specs and data sets.

    Args:
        data_dir: where to look for data sets, as for :func:`lrarun.data.load.load`.
        fingerprints: of data sets that are loaded already, by the name that a spec has for them.
    """

    def __init__(self, data_dir: Path | None = None, fingerprints: Mapping[str, str] | None = None):
        self.data_dir = data_dir
        self._is_complete: dict[SettingNames, bool] = {}
        self._fingerprints: dict[str, str | None] = dict(fingerprints or {})

    def why_stale(self, result: Result) -> str | None:
        """Return why a run is stale, in a few words; None if it is not, or if its rule is not known here."""
        if not _rule_is_known(result):
            return None
        if self.current_id(result) != result.run_id:
            return _why_another_id(result)
        return self.what_changed(result)

    def current_id(self, result: Result) -> str | None:
        """Return the run id that a run's own spec gets now; None if the spec is no longer valid."""
        try:
            names = _setting_names(result.spec)
            if names not in self._is_complete:
                self._is_complete[names] = _setting_names(make_spec(result.spec).to_dict()) == names
            # Resolving a spec takes a hundred times as long as hashing one, and many runs share their setting names.
            return run_id_of(result.spec if self._is_complete[names] else make_spec(result.spec).to_dict())
        except (LrarunError, KeyError, TypeError, ValueError):
            return None

    def what_changed(self, result: Result) -> str | None:
        """Return which file that a spec only names, its rule's or its data set's, has changed since; None if none."""
        if rule_changed(result):
            return RULE_CHANGED
        return DATA_CHANGED if self.data_changed(result) else None

    def data_changed(self, result: Result) -> bool:
        """Return whether a run's data set is the user's own and its content has changed since."""
        name = result.spec["dataset"]
        if name in PUBLISHED:
            return False
        if name not in self._fingerprints:
            self._fingerprints[name] = self._fingerprint(name)
        return self._fingerprints[name] not in (None, result.dataset_sha256)

    def _fingerprint(self, name: str) -> str | None:
        try:
            return load(name, self.data_dir).fingerprint
        except LrarunError:
            return None  # a data set that is not here can't be compared

    def by_new_id(self, results: Iterable[Result]) -> dict[str, Result]:
        """Return the runs whose spec gets another run id now, by that new id."""
        new_ids = {self.current_id(result): result for result in results}
        return {run_id: result for run_id, result in new_ids.items() if run_id and run_id != result.run_id}


def superseded(results: Iterable[Result]) -> dict[str, str]:
    """Return the runs that fill a table's cell, but whose numbers today's version would not get: run id -> why."""
    return {result.run_id: why for result in results if (why := _why_other_numbers(result))}


def rule_changed(result: Result) -> bool:
    """Return whether a run's rule is in a plugin file that has changed since."""
    kind = algorithms().get(_rule_name(result) or "")
    file = plugins.file_of(kind) if kind else None
    if file is None:
        return False
    digests = result.provenance.get("plugins", {})
    return file in digests and digests[file] != plugins.digests()[file]


def _rule_is_known(result: Result) -> bool:
    """Return False for a rule that no package or file has: its plugin may just not be named this time."""
    rule = _rule_name(result)
    return rule is None or rule in algorithms()


def _rule_name(result: Result) -> str | None:
    block = result.spec.get("algorithm")
    name = block.get("name") if isinstance(block, Mapping) else None
    return name if isinstance(name, str) else None


def _why_other_numbers(result: Result) -> str:
    version = result.numbers_version
    if version not in (None, NUMBERS_VERSION):
        return f"made by version {version} of the numbers, which is {NUMBERS_VERSION} now"
    return RULE_CHANGED if rule_changed(result) else ""


def _why_another_id(result: Result) -> str:
    numbers = _why_other_numbers(result)
    if numbers:
        return numbers
    try:
        resolved = make_spec(result.spec).to_dict()
    except SpecError as error:
        return f"its spec is not valid any more: {error.problems[0].message}"
    except (LrarunError, KeyError, TypeError, ValueError) as error:
        return f"its spec cannot be read any more: {error}"
    added = sorted(flatten(resolved).keys() - flatten(result.spec).keys())
    return f"settings have come since: {', '.join(added)}" if added else "its folder's name is not its run id"


def _setting_names(spec: Mapping[str, Any]) -> SettingNames:
    probes = dict(enumerate(spec.get("probes") or ()))  # a list in the spec, so that `flatten` would not look into it
    settings = flatten({**spec, "probes": probes})
    return frozenset((key, value if key.endswith(".name") else None) for key, value in settings.items())
