"""Read the ``search:`` block of a spec: what ``lrarun tune`` may choose, and what that may cost.

A :class:`Search` holds the spec without the block as parsed YAML, so that a trial is built as any spec is, and a value
that a trial can't have is refused at its place in the file, before anything is trained.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from lrarun.errors import SpecError
from lrarun.settings import in_words, nearest, setting, short_repr
from lrarun.specs.build import SpecFile, build_documents, parse_documents
from lrarun.specs.places import Node, Place, Problems, Source, node_of
from lrarun.specs.run_id import NUMBERS_VERSION, digest_of, run_id_of
from lrarun.specs.spec import BLOCKS, Spec
from lrarun.specs.sweeps import Override, read_overrides, split_key
from lrarun.specs.validate import check_settings, named, unknown_spec_key
from lrarun.specs.yaml_text import read_source

# Raise it whenever the same study would propose other trials.
PROPOSALS_VERSION = 1
RANGE_KEYS = ("low", "high", "scale")
SCALES = ("linear", "log")
RANGE_HELP = "{low: ..., high: ...}, and scale: log if the step is a factor; or a list of values"
SEARCH_HELP = "a search is a mapping of 'space' and its budget; lrarun describe search explains it"
SPACE_HELP = (
    "what to choose: a key (dotted for a block's setting) to a list of values, to a range"
    " {low: 1e-4, high: 1, scale: log} (or linear), or,"
    " for algorithm, optimizer and init, to a mapping of names to the settings of each"
)


BESIDE = {
    "sweep": "a search has no sweep; for a search of other settings, say --set key=value",
    "seed": "the seeds of a search stand in it: search: {seeds: [0]}",
    "scores": "a search's trials are never scored on the test set, and its winner is; leave the key out",
}


SEEDS = 2**32  # the first that is too large
# What a search can't choose. A split decides which samples the validation error is measured on, so that errors after
# different ones can't be ranked.
NOT_CHOSEN = {
    **dict.fromkeys(("seed", "epochs"), "it stands beside 'space'"),
    **dict.fromkeys(("validation", "split"), "validation errors on different samples can't be ranked"),
    **dict.fromkeys(("scores", "sweep", "search", "probes", "dataset", "engine"), "it is not a search's to choose"),
}
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
class Dimension:
    """One thing to choose.

    Attributes:
        label: its name in the study: ``optimizer``, ``optimizer.adam.learning_rate``.
        path: the key that it sets: ``("optimizer", "learning_rate")``.
        values: what to choose from; for a range, its low and its high end.
        scale: of a range: ``linear`` or ``log``; empty for a list.
        whole: whether a range is of whole numbers.
        given: label and value of the choice that it needs; None if it is always chosen.
    """

    label: str
    path: tuple[str, ...]
    values: tuple[Node, ...]
    scale: str = ""
    whole: bool = False
    given: tuple[str, Any] | None = None

    @property
    def key(self) -> str:
        """The key that it sets, as a sweep writes it."""
        return ".".join(self.path)

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values without their places."""
        return tuple(node.value for node in self.values)

    def is_needed(self, chosen: Mapping[str, Any]) -> bool:
        """Return whether it is to be chosen, given what is chosen so far."""
        return self.given is None or chosen.get(self.given[0]) == self.given[1]

    def node(self, value: Any) -> Node:
        """Return a value of it with the place in the file that allows it."""
        return next((node for node in self.values if node.value == value), replace(self.values[0], value=value))

    def plain(self) -> dict[str, Any]:
        """Return what it allows as plain values."""
        allowed = {"values": self.choices, "scale": self.scale, "whole": self.whole, "given": self.given}
        return {"label": self.label, **allowed}


Proposal = Mapping[str, Any]  # label -> value, of the dimensions that are needed


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


def chosen(dimensions: Sequence[Dimension], proposal: Proposal) -> list[Override]:
    """Return a proposal as what replaces a spec's own values."""
    return [Override(each.path, each.node(proposal[each.label])) for each in dimensions if each.label in proposal]


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
    dimensions = tuple(_dimensions(space, problems)) if space else ()
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


# --- the space


def _dimensions(space: Node, problems: Problems) -> Iterator[Dimension]:
    """Yield what a space has to choose, a block's name before its settings."""
    if not isinstance(space.value, dict) or not space.value:
        problems.add(space.place, f"space must be a mapping that is not empty: {SPACE_HELP}")
        return
    for key, node in sorted(space.value.items(), key=lambda item: "." in item[0]):
        path = split_key(key, node.where, problems)
        if path is None:
            continue
        if path[0] in NOT_CHOSEN:
            problems.add(node.where, f"{key} can't be searched: {NOT_CHOSEN[path[0]]}")
        elif path[0] in BLOCKS and len(path) == 1 and isinstance(node.value, dict):
            yield from _block(path[0], node, problems)
        elif len(path) == 1 and isinstance(node.value, dict) and not set(node.value) & set(RANGE_KEYS):
            problems.add(node.where, _no_range(key, path))
        else:
            dimension = _dimension(key, path, node, problems)
            if dimension:
                yield dimension


def _no_range(key: str, path: Sequence[str]) -> str:
    """Return what is wrong with a mapping that is no range, under a key that is no block."""
    block = next((block for block, table in named().items() if path[0] in table), None)
    if block:
        return f"{short_repr(key)} is a name of {block}; write it under {block}"
    known = [each.name for each in fields(Spec)]
    return f"{key} needs a range: {RANGE_HELP}" if path[0] in known else unknown_spec_key(path[0], known, {})


def _block(head: str, node: Node, problems: Problems) -> Iterator[Dimension]:
    """Yield the choice of a block's name, then the settings of each name."""
    if not node.value or set(node.value) & set(RANGE_KEYS):
        problems.add(node.place, f"{head} needs a list of names, or a mapping of names to their settings")
        return
    names = tuple(replace(part, value=name, place=part.where) for name, part in node.value.items())
    yield Dimension(head, (head,), names)
    for name, part in node.value.items():
        if part.value is None:
            continue
        if not isinstance(part.value, dict):
            problems.add(part.place, f"{name} needs a mapping of its settings, or nothing, not {in_words(part.value)}")
            continue
        for key, inner in part.value.items():
            made = _dimension(f"{head}.{name}.{key}", (head, key), inner, problems)
            if made:
                yield replace(made, given=(head, name))


def _dimension(label: str, path: tuple[str, ...], node: Node, problems: Problems) -> Dimension | None:
    """Return what a list or a range has to choose from; None after a mistake."""
    if isinstance(node.value, list):
        return _listed(label, path, node, problems)
    if isinstance(node.value, dict):
        return _range(label, path, node, problems)
    what = f"{label} needs a list of values or a range {{low: ..., high: ...}}, not {in_words(node.value)}"
    problems.add(node.place, what)
    return None


def _listed(label: str, path: tuple[str, ...], node: Node, problems: Problems) -> Dimension | None:
    if not node.value:
        problems.add(node.place, f"{label} has nothing to choose from: the list is empty")
        return None
    seen: set[Any] = set()
    for part in node.value:
        if isinstance(part.value, (dict, list)) or part.value is None:
            more = "; for a name's settings, write a mapping of names" if path[0] in BLOCKS else ""
            problems.add(part.place, f"a value must be a name, a number or true or false{more}")
            return None
        if (type(part.value), part.value) in seen:
            problems.add(part.place, f"{short_repr(part.value)} is given twice")
        seen.add((type(part.value), part.value))
    return Dimension(label, path, tuple(replace(part, key=node.where) for part in node.value))


def _range(label: str, path: tuple[str, ...], node: Node, problems: Problems) -> Dimension | None:
    """Return a range; whether it is of whole numbers is known once a run is built with its ends."""
    before = len(problems)
    for key, part in node.value.items():
        if key not in RANGE_KEYS:
            close = nearest(key, RANGE_KEYS)
            hint = f"did you mean {close!r}?" if close else f"known are {', '.join(RANGE_KEYS)}"
            problems.add(part.where, f"unknown key {short_repr(key)} for a range; {hint}")
        elif key == "scale" and part.value not in SCALES:
            problems.add(part.place, f"scale must be {' or '.join(SCALES)}, not {in_words(part.value)}")
        elif key != "scale" and (isinstance(part.value, bool) or not isinstance(part.value, (int, float))):
            problems.add(part.place, f"{key} must be a number, not {in_words(part.value)}")
    lacking = [key for key in ("low", "high") if key not in node.value]
    if lacking:
        problems.add(node.place, f"the range of {label} needs {' and '.join(lacking)}")
    if len(problems) > before:
        return None
    low, high = node.value["low"], node.value["high"]
    scale = node.value["scale"].value if "scale" in node.value else "linear"
    if low.value >= high.value:
        problems.add(high.place, f"high must be greater than low, which is {short_repr(low.value)}")
    if scale == "log" and low.value <= 0:
        problems.add(low.place, "a range on a log scale must start above 0")
    if len(problems) > before:
        return None
    ends = tuple(replace(end, key=node.where) for end in (low, high))
    return Dimension(label, path, ends, scale)


# --- checks by building runs


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
            example = _example(dimensions, (dimension, node.value))
            built = build_documents([document], [*overrides, *chosen(dimensions, example)], problems).built
            kinds[dimension.label] = type(_value(built[0], dimension.path)) if built else type(None)
    if not problems:
        for example in itertools.islice(_pairs(dimensions), MOST_PAIRS):
            build_documents([document], [*overrides, *chosen(dimensions, example)], problems)
    file = build_documents([document], [*overrides, *chosen(dimensions, _example(dimensions))], problems)
    file.specs()
    typed = []
    for each in dimensions:
        whole = bool(each.scale) and kinds[each.label] is int
        if not whole and each.scale:
            each = replace(each, values=tuple(replace(node, value=float(node.value)) for node in each.values))
        typed.append(replace(each, whole=whole))
    return Search(document, overrides, budget, tuple(typed), file)


def _pairs(dimensions: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
    """Yield proposals with each pair of values that a trial may have, but for two of ranges."""
    for one, other in itertools.combinations(dimensions, 2):
        if not (one.scale and other.scale):
            for first, second in itertools.product(one.choices, other.choices):
                example = _example(dimensions, (one, first), (other, second))
                if example.get(one.label) == first and example.get(other.label) == second:
                    yield example


def _example(dimensions: Sequence[Dimension], *values: tuple[Dimension, Any]) -> dict[str, Any]:
    """Return a proposal in which some dimensions have these values, and all others their first one."""
    forced = dict(each.given for each, _ in values if each.given)
    forced |= {each.label: value for each, value in values}
    example: dict[str, Any] = {}
    for each in dimensions:
        if each.is_needed(example):
            example[each.label] = forced.get(each.label, each.choices[0])
    return example


def _value(spec: Spec, path: tuple[str, ...]) -> Any:
    value: Any = spec
    for name in path:
        value = getattr(value, name)
    return value
