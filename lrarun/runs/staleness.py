"""What makes a run stale: today's version would not get its result again from its own spec.

:meth:`Staleness.why_stale` answers for one run. A run is stale if

- the engine's numbers have changed since (``NUMBERS_VERSION``), or a setting was added, removed or restricted: the
  run id that its own spec gets now is then not its folder's name;
- its data set is the user's own, and the content of the file that it was trained on has changed. A file elsewhere says
  nothing about the run, even if the spec's relative path leads to it here: then nobody can tell; or
- its learning rule is in a plugin file, and that file or one beside it that it imports has changed.

A stale run stays where it is and is never taken for a current one; ``lrarun clean`` removes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import absolute, load
from lrarun.data.published import PUBLISHED
from lrarun.errors import LrarunError, SpecError, UsageError
from lrarun.results.result import Result
from lrarun.results.settings import flatten
from lrarun.specs.build import make_spec
from lrarun.specs.run_id import NUMBERS_VERSION, run_id_of

RULE_CHANGED = "its rule's file has changed since"
DATA_CHANGED = "its data set has changed since"
UNSURE = "cannot tell whether its data set has changed"
UNKNOWN_RULE = "cannot tell whether its rule has changed"

SettingNames = frozenset[tuple[str, Any]]  # every setting's dotted name, with the values of those called "name"


class Staleness:
    """Judges whether runs are stale, and remembers what it found out about specs and data sets.

    Args:
        fingerprints: of data sets of the user's own that are loaded already, by their absolute paths.
    """

    def __init__(self, fingerprints: Mapping[str, str] | None = None):
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
        """Return whether a run's data set is the user's own and its content has changed since, where it was."""
        return self._verdict_on_data(result) == DATA_CHANGED

    def why_unsure(self, result: Result) -> str:
        """Return why nobody can tell whether a run's rule or data set has changed since; empty if that is known."""
        if not _rule_is_known(result):
            return f"{UNKNOWN_RULE}: name the file of {_rule_name(result)} with --plugin"
        verdict = self._verdict_on_data(result)
        return "" if verdict == DATA_CHANGED else verdict

    def of_other_data(self, result: Result) -> str:
        """Return which other data a run was trained on than its spec's path leads to here; empty if on these.

        A file that has changed where it was is no other data set: the run is then stale.
        """
        name = _own_dataset(result)
        here = absolute(name) if name else ""
        return of_other_data(result, here, self._fingerprint(here)) if here else ""

    def _verdict_on_data(self, result: Result) -> str:
        """Return :data:`DATA_CHANGED`, why that can't be told, or nothing if the data are the same.

        Only the file that the run was trained on counts against it, as a relative path may lead to another one here.
        """
        name, digest = _own_dataset(result), result.dataset_sha256
        if name is None:
            return ""
        here, there = absolute(name), place_of(result)
        if digest and digest in (self._fingerprint(there), self._fingerprint(here)):
            return ""
        if digest and self._fingerprint(there):
            return DATA_CHANGED
        why = f"it was {there}, where there is none now" if there else f"where {name} was is not recorded"
        return f"{UNSURE}: {why if digest else 'its digest is not recorded'}"

    def _fingerprint(self, path: str) -> str | None:
        """Return the fingerprint of the data set at an absolute path; None without a sound one, and without a path."""
        if path and path not in self._fingerprints:
            try:
                self._fingerprints[path] = load(path).fingerprint
            except LrarunError:
                self._fingerprints[path] = None
        return self._fingerprints.get(path)

    def by_new_id(self, results: Iterable[Result]) -> dict[str, Result]:
        """Return the runs whose spec gets another run id now, by that new id."""
        new_ids = {self.current_id(result): result for result in results}
        return {run_id: result for run_id, result in new_ids.items() if run_id and run_id != result.run_id}


def place_of(result: Result) -> str:
    """Return where a run's data set was, absolute; empty if that is neither recorded nor in its spec."""
    name = os.path.expanduser(_own_dataset(result) or "")
    return result.dataset_path or (os.path.abspath(name) if os.path.isabs(name) else "")


def of_other_data(result: Result, here: str, fingerprint: str | None) -> str:
    """Return which other data a run was trained on than those here; empty if on these, or on what these were.

    Args:
        result: the run.
        here: the absolute path that its spec's data set has in the working folder.
        fingerprint: of the data set there; None without one.
    """
    there = place_of(result)
    if fingerprint in (None, result.dataset_sha256) or _same_place(there, here):
        return ""
    return f"the data of {there}" if there else "other data, at a place that is not recorded"


def refuse_other_data(run_ids: Sequence[str], trained_on: str, here: str, results: Path) -> None:
    """Refuse to train runs whose folders hold results of other data.

    Raises:
        UsageError: always; it says what to do.
    """
    runs = f"{run_ids[0]} in {results} was" if len(run_ids) == 1 else f"{len(run_ids)} runs in {results} were"
    raise UsageError(
        f"{runs} trained on {trained_on}, which differ from {here}, where the spec's path leads now."
        " Nothing was changed. To train on the data here, name another folder with --results, or give the data set"
        " by its absolute path, which makes it another run; --force trains the same run on the data here"
    )


def _same_place(one: str, other: str) -> bool:
    return one == other or (bool(one and other) and os.path.realpath(one) == os.path.realpath(other))


def _own_dataset(result: Result) -> str | None:
    """Return the path of a run's data set as its spec has it; None for a published one."""
    name = result.spec.get("dataset")
    return name if isinstance(name, str) and name not in PUBLISHED else None


def superseded(results: Iterable[Result]) -> dict[str, str]:
    """Return the runs that fill a table's cell, but would not come out the same today: run id -> why.

    Their rule's file, their data set or the engine's numbers have changed since.
    """
    staleness = Staleness()
    whys = {each.run_id: _why_other_numbers(each) or (staleness.what_changed(each) or "") for each in results}
    return {run_id: why for run_id, why in whys.items() if why}


def rule_changed(result: Result) -> bool:
    """Return whether a run's rule is in a plugin file that has changed since, or imports a file beside it that has."""
    kind = algorithms().get(_rule_name(result) or "")
    file = plugins.file_of(kind) if kind else None
    if file is None:
        return False
    digests = result.provenance.get("plugins", {})
    return plugins.changed(file, digests)


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
