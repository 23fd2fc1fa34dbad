"""Read the ``search:`` block of a spec: what ``lrarun tune`` may choose, and what that may cost.

A :class:`Search` holds the spec without the block as parsed YAML, so that a trial is built as any spec is, and a value
that a trial can't have is refused at its place in the file, before anything is trained.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from lrarun.errors import SpecError
from lrarun.settings import nearest, setting, short_repr
from lrarun.specs.build import SpecFile, build_documents, parse_documents
from lrarun.specs.places import Node, Place, Problems, Source, node_of
from lrarun.specs.run_id import NUMBERS_VERSION, digest_of, run_id_of
from lrarun.specs.space import SPACE_HELP, Dimension, Proposal, chosen, dimensions_in, example, pairs
from lrarun.specs.spec import Spec
from lrarun.specs.sweeps import Override, read_overrides
from lrarun.specs.validate import check_settings
from lrarun.specs.yaml_text import read_source

# Raise it whenever the same study would propose other trials.
PROPOSALS_VERSION = 1
SEARCH_HELP = "a search is a mapping of 'space' and its budget; lrarun describe search explains it"
BESIDE = {
    "sweep": "a search has no sweep; for a search of other settings, say --set key=value",
    "seed": "the seeds of a search stand in it: search: {seeds: [0]}",
    "scores": "a search's trials are never scored on the test set, and its winner is; leave the key out",
}
SEEDS = 2**32  # the first that is too large
MOST_PAIRS = 5000  # of choices that are tried together; a thousand take about 0.2 s


@dataclass(frozen=True)
class Budget:
    """What a search may cost, and how it goes."""

    trials: int = setting(24, "settings that are tried", ge=1, le=10_000)
    epochs: int = setting(8, "epochs of each trial; the spec's own `epochs` are the winner's", ge=1, le=10**9)
    seeds: tuple[int, ...] = setting(
        (0,), "each trial is trained once per seed, and ranked by the mean of its validation errors", ge=0, lt=SEEDS
    )
    winner_seeds: int = setting(3, "how many seeds that the search has not seen the winner's spec has", ge=1, le=1000)
    quasi_random: int = setting(
        8, "trials that cover the space evenly (Sobol) before Optuna's TPE learns from them", ge=1, le=10_000
    )
    round: int = setting(
        4, "trials proposed at once; the next round waits for them, so more processes than this are idle", ge=1, le=1000
    )
    prune: Literal["median", "never"] = setting(
        "median",
        "median: stop a trial whose lowest validation error is above the median that the trials of earlier rounds had"
        " after as many epochs",
    )
    prune_after: int = setting(2, "epochs that every trial gets", ge=1, le=10**9)
    seed: int = setting(0, "seed of the proposals; nothing that is trained depends on it", ge=0, lt=2**32)


@dataclass(frozen=True)
class Search:
    """A search as read.

    Attributes:
        document: the spec without its ``search``.
        budget: what it may cost.
        dimensions: what to choose, each after the one that it needs.
        overrides: what replaces the spec's own values, and is not searched.
        file: the run with the first choice of everything, as read.
    """

    document: Node
    overrides: Sequence[Override]
    budget: Budget
    dimensions: tuple[Dimension, ...]
    file: SpecFile

    @property
    def base(self) -> Spec:
        """The run with the first choice of everything."""
        return self.file.built[0]

    @property
    def study_id(self) -> str:
        """The name of the study: the run id's readable part, and a digest of all that the proposals depend on.

        The number of trials is not in it: a study can be given more.
        """
        budget = {name: value for name, value in asdict(self.budget).items() if name not in ("trials", "winner_seeds")}
        content = {
            "proposals": PROPOSALS_VERSION,
            "numbers": NUMBERS_VERSION,
            "spec": {name: value for name, value in self.base.to_dict().items() if name not in ("seed", "epochs")},
            "budget": budget,
            "space": [dimension.plain() for dimension in self.dimensions],
        }
        readable = run_id_of(self.base.to_dict()).rsplit("-", 3)[0]  # without optimizer, seed and digest
        return f"{readable}-{digest_of(content)}"

    def trial(self, proposal: Proposal, seed: int) -> Spec:
        """Return the run of a proposal with one seed.

        Raises:
            SpecError: the settings do not go together.
        """
        own = {"seed": seed, "epochs": self.budget.epochs, "scores": "validation"}
        return self._file(proposal, own, Problems()).specs()[0]

    def winner(self, proposal: Proposal) -> Spec:
        """Return the run of a proposal with the spec's own epochs, scored on the test set too."""
        return self._file(proposal, {"scores": "test"}, Problems()).specs()[0]

    def _file(self, proposal: Proposal, own: Mapping[str, Any], problems: Problems) -> SpecFile:
        return build_documents(
            [self.document], [*self.overrides, *chosen(self.dimensions, proposal), *fixed(own, self.document)], problems
        )


def fixed(own: Mapping[str, Any], document: Node) -> list[Override]:
    """Return plain values as what replaces a spec's own, at the place of the document."""
    return [Override((key,), node_of(value, document.place)) for key, value in own.items()]


def read_search(path: str | Path, overrides: Sequence[str] = ()) -> Search:
    """Return the search of a spec file.

    Args:
        path: a YAML file of one spec with a ``search`` block.
        overrides: ``key=value`` each, as for :func:`lrarun.specs.build.load_specs`; ``search.trials=8`` too.

    Raises:
        SpecError: with every mistake in the file and the overrides.
    """
    return search_in(read_source(path), overrides)


def has_search(source: Source) -> bool:
    """Return whether a spec file is for ``lrarun tune``: its spec has a ``search`` block."""
    try:
        documents = parse_documents(source, Problems())
    except SpecError:
        return False
    return any(isinstance(document.value, dict) and "search" in document.value for document in documents)


def search_in(source: Source, overrides: Sequence[str] = ()) -> Search:
    """Return the search in the text of a spec file: :func:`read_search` of a text.

    Raises:
        SpecError: as :func:`read_search`.
    """
    problems = Problems()
    documents = parse_documents(source, problems)
    given = read_overrides(overrides, problems)
    for extra in documents[1:]:
        problems.add(extra.place, "a file with a search holds one spec; give each search a file")
    document = documents[0]
    entries = dict(document.value) if isinstance(document.value, dict) else {}
    block = ([each.node for each in given if each.path == ("search",)] or [entries.pop("search", None)])[-1]
    entries.pop("search", None)
    if block is None or not isinstance(block.value, dict):
        raise problems.fatal(*_no_block(block, entries, document))
    for key, hint in BESIDE.items():
        if key in entries:
            problems.add(entries[key].where, hint)
    own = dict(block.value) | {each.path[1]: each.node for each in given if each.path[0] == "search" and each.path[1:]}
    space = own.pop("space", None)
    misspelt = None if space else _misspelt("space", own, [each.name for each in fields(Budget)])
    if misspelt:
        problems.add(own.pop(misspelt).where, f"unknown key {short_repr(misspelt)} for a search; did you mean 'space'?")
    budget = check_settings(Budget, own, "a search", problems)
    if budget and "seeds" in own:
        _check_seeds(Budget(**budget), own["seeds"].where, problems)
    if space is None and not misspelt:
        problems.add(block.where, f"the key 'space' is missing: {SPACE_HELP}")
    dimensions = tuple(dimensions_in(space, problems)) if space else ()
    rest = [each for each in given if each.path[0] != "search"]
    _check_chosen_once(rest, dimensions, problems)
    return _checked(replace(document, value=entries), rest, Budget(**(budget or {})), dimensions, problems)


def _no_block(block: Node | None, entries: Mapping[str, Node], document: Node) -> tuple[Place, str]:
    """Return where a spec has no search, and what is wrong there."""
    if block:
        return block.where, SEARCH_HELP
    misspelt = _misspelt("search", entries, [each.name for each in fields(Spec)])
    if misspelt:
        return entries[misspelt].where, f"unknown key {short_repr(misspelt)} for a spec; did you mean 'search'?"
    return document.place, f"the key 'search' is missing: {SEARCH_HELP}"


def _misspelt(name: str, entries: Mapping[str, Node], others: Sequence[str]) -> str | None:
    """Return the key that was probably meant as ``name``, if there is one; ``others`` are the keys beside it."""
    unknown = [key for key in entries if key not in others]
    return next((key for key in unknown if nearest(key, [name, *others]) == name), None)


def _check_seeds(budget: Budget, where: Place, problems: Problems) -> None:
    if not budget.seeds:
        problems.add(where, "name one seed at least, such as seeds: [0]")
    elif len(set(budget.seeds)) < len(budget.seeds):
        problems.add(where, "a seed stands here twice; name each once")
    elif max(budget.seeds) + budget.winner_seeds >= SEEDS:
        most = SEEDS - 1 - budget.winner_seeds
        problems.add(where, f"the winner is trained with the {budget.winner_seeds} seeds after these; at most {most}")


def _check_chosen_once(overrides: Sequence[Override], dimensions: Sequence[Dimension], problems: Problems) -> None:
    """Refuse what the search chooses and something else sets too."""
    for override in overrides:
        if override.path[0] in BESIDE:
            problems.add(override.node.where, BESIDE[override.path[0]])
        if override.path in [each.path for each in dimensions]:
            problems.add(override.node.where, f"{'.'.join(override.path)} is what the search chooses")
    always = [each.path for each in dimensions if each.given is None]
    for each in dimensions:
        if each.given and each.path in always:
            problems.add(each.values[0].where, f"{each.key} is chosen twice: for every {each.path[0]}, and here")


def _checked(
    document: Node, overrides: Sequence[Override], budget: Budget, dimensions: tuple[Dimension, ...], problems: Problems
) -> Search:
    """Return the search if there is no mistake so far, and every choice and end of a range makes a valid run.

    So does every pair of choices that a trial may have, up to :data:`MOST_PAIRS`.

    Raises:
        SpecError: with all mistakes, those of a choice at its place.
    """
    kinds: dict[str, type] = {}
    for dimension in dimensions:
        for node in dimension.values:
            proposal = example(dimensions, (dimension, node.value))
            built = build_documents([document], [*overrides, *chosen(dimensions, proposal)], problems).built
            kinds[dimension.label] = type(_value(built[0], dimension.path)) if built else type(None)
    if not problems:
        for proposal in itertools.islice(pairs(dimensions), MOST_PAIRS):
            build_documents([document], [*overrides, *chosen(dimensions, proposal)], problems)
    file = build_documents([document], [*overrides, *chosen(dimensions, example(dimensions))], problems)
    file.specs()
    typed = []
    for each in dimensions:
        whole = bool(each.scale) and kinds[each.label] is int
        if not whole and each.scale:
            each = replace(each, values=tuple(replace(node, value=float(node.value)) for node in each.values))
        typed.append(replace(each, whole=whole))
    return Search(document, overrides, budget, tuple(typed), file)


def _value(spec: Spec, path: tuple[str, ...]) -> Any:
    value: Any = spec
    for name in path:
        value = getattr(value, name)
    return value
