"""Check the keys, names and values of a spec, and give the hint for a typo: did you mean ...?

Types and bounds come from the fields of dataclasses (:mod:`lrarun.settings`). pydantic checks
them strictly: ``true`` is not a number, ``"3"`` and ``3.0`` are not integers. All mistakes go to
a :class:`~lrarun.specs.places.Problems`, each at its place in the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from lrarun.algorithms.registry import algorithms
from lrarun.data.published import PUBLISHED, TRAIN_IMAGES
from lrarun.nn.initializers import INITIALIZERS
from lrarun.nn.optimizers import OPTIMIZERS
from lrarun.settings import FrozenDict, UnknownName, complaint, in_words, model_of, nearest, settings_of, short_repr
from lrarun.shipped import SPEC, named_file, shipped_file
from lrarun.specs.beside import plugin_of
from lrarun.specs.places import Node, Place, Problems, Source
from lrarun.specs.spec import BLOCKS, Spec

T = TypeVar("T")
ANY_PLUGIN = "FILE.py"  # in the message on a rule that is not known


# --- keys


def check_keys(entries: Mapping[str, Node], place: Place, problems: Problems) -> None:
    """Refuse unknown keys, and a spec without ``algorithm``.

    Args:
        entries: a run's keys and values, as given.
        place: where the spec starts.
    """
    known = [*(field.name for field in fields(Spec)), "sweep", "search"]
    for key, node in entries.items():
        head, dot, rest = key.partition(".")
        if dot and head in BLOCKS:
            problems.add(node.where, f"write {head}: {{{rest}: ...}}; dotted keys work only in sweep and --set")
        elif key == "search":
            problems.add(
                node.where,
                "this spec is a search: lrarun tune trains it, and with --dry-run shows how far it is;"
                " here goes the spec of its winner, which it writes",
            )
        elif key not in known or key == "sweep":
            problems.add(node.where, unknown_spec_key(key, known, entries))
    if "algorithm" not in entries:
        problems.add(place, "the key 'algorithm' is missing: it says which learning rule to train with")


def unknown_spec_key(key: str, known: list[str], entries: Mapping[str, Node]) -> str:
    """Name the block that the key belongs to, if it is a setting of one; else the nearest key."""
    for block, table in named().items():
        names = [name for name, kind in table.items() if key in [field.name for field in settings_of(kind)]]
        if names:
            name = name_in(entries.get(block))
            example = name.value if name and name.value in names else names[0]
            return (
                f"unknown key {short_repr(key)} for a spec; it belongs under {block}: {{name: {example}, {key}: ...}};"
                f" in sweep and --set, write {block}.{key}"
            )
    if key == "space":
        return "unknown key 'space' for a spec; it belongs under search, with the search's budget"
    return _unknown_key(key, "a spec", known)


def named() -> dict[str, Mapping[str, type]]:
    """Return what each block's ``name`` can be: block -> name -> kind."""
    return {"algorithm": algorithms(), "optimizer": OPTIMIZERS, "init": INITIALIZERS}


def _unknown_key(name: str, what: str, known: list[str]) -> str:
    close = nearest(name, [other for other in known if other != name])  # one that is known elsewhere has no place here
    hint = f"did you mean {close!r}?" if close else f"known are {', '.join(known) or 'none'}"
    return f"unknown key {short_repr(name)} for {what}; {hint}"


def unknown_dotted_key(head: str, rest: str) -> str:
    """Return the message about a dotted key of ``sweep`` or ``--set`` whose head has no settings of its own."""
    close = nearest(head, BLOCKS)
    hint = f"did you mean '{close}.{rest}'?" if close else f"only {', '.join(BLOCKS)} have settings of their own"
    return f"unknown key {short_repr(f'{head}.{rest}')}; {hint}"


# --- names


def name_in(block: Node | None) -> Node | None:
    """Return the node of a block's ``name``, or None where there is none."""
    return block.value.get("name") if block and isinstance(block.value, dict) else None


def add_missing_name(key: str, block: Node, problems: Problems) -> None:
    """Report that a block has no name: at the key that was likely meant as ``name``, or at the block."""
    close = next((name for name in block.value if nearest(name, ["name"])), None)
    if close:
        problems.add(block.value[close].where, f"unknown key {short_repr(close)} for {key}; did you mean 'name'?")
    else:
        problems.add(block.place, f"{key} needs a name: {key}: {{name: ...}}")


def look_up(get: Callable[[str], T], node: Node, what: str, problems: Problems) -> T | None:
    """Return ``get(name)`` for the name at a node; report a name that is not known, and what is not a name."""
    if not isinstance(node.value, str):
        problems.add(node.place, f"{what} must be a name, not {in_words(node.value)}")
        return None
    try:
        return get(node.value)
    except UnknownName as error:
        problems.add(node.place, str(error).replace(ANY_PLUGIN, _plugin_beside(node.place.source) or ANY_PLUGIN))
        return None


def _plugin_beside(source: Source) -> str:
    """Return what to type after ``--plugin`` for the rule that a spec file has beside it; empty without one."""
    name = source.name
    return plugin_of(named_file(name)) if name.endswith(SPEC) or shipped_file(name) else ""


# --- values


def check_settings(
    kind: type, entries: Mapping[str, Node], what: str, problems: Problems, swept: str | None = None
) -> dict[str, Any] | None:
    """Return the value of each setting of a dataclass, defaults included, or None after a mistake.

    Args:
        entries: the given settings by name.
        what: what messages call the dataclass, for example ``optimizer 'adam'``.
        problems: receives every mistake: unknown names, wrong types, values out of bounds.
        swept: what precedes a setting's name under ``sweep``; None if it cannot be swept.
    """
    model = model_of(kind)
    try:
        made = model.model_validate({key: node.plain() for key, node in entries.items()})
    except ValidationError as error:
        for detail in relevant(error.errors(include_url=False), entries):
            _report(detail, entries, what, kind, swept, problems)
        return None
    return {name: _one_zero(getattr(made, name)) for name in model.model_fields}


def relevant(details: Sequence[Any], entries: Mapping[str, Node]) -> list[Any]:
    """Return pydantic's errors without those of a union's members that the value was not meant for.

    If a setting may be a number, a list or a mapping, a wrong item of a list is reported, and not that a
    list is no number.
    """
    # How pydantic names the member of a union in an error's path.
    forms: dict[type, str] = {list: "tuple[", dict: "dict["}

    def of_its_form(detail: Any) -> bool:
        name, *path = detail["loc"]
        form = forms.get(type(entries[name].value)) if name in entries else None
        return form is not None and bool(path) and str(path[0]).startswith(form)

    with_form = {detail["loc"][0] for detail in details if of_its_form(detail)}
    return [detail for detail in details if detail["loc"][0] not in with_form or of_its_form(detail)]


def _one_zero(value: Any) -> Any:
    """Return a setting with 0.0 for -0.0, as equal values are one run; and a mapping as one that can be hashed."""
    if isinstance(value, dict):
        return FrozenDict({key: _one_zero(part) for key, part in value.items()})
    if isinstance(value, tuple):
        return tuple(map(_one_zero, value))
    return value + 0.0 if isinstance(value, float) else value


def _report(
    detail: Any, entries: Mapping[str, Node], what: str, kind: type, swept: str | None, problems: Problems
) -> None:
    name = str(detail["loc"][0])
    node = entries[name]
    if detail["type"] == "extra_forbidden":
        named = ["name"] if hasattr(kind, "name") else []
        problems.add(node.where, _unknown_key(name, what, [*named, *model_of(kind).model_fields]))
        return
    hint = sweep_hint(swept + name, node) if swept is not None else ""
    for step in detail["loc"][1:]:
        # pydantic's path also names the members of a union: only follow it into lists and mappings.
        if (
            isinstance(node.value, list)
            and isinstance(step, int)
            or isinstance(node.value, dict)
            and step in node.value
        ):
            node, hint = node.value[step], ""
    problems.add(node.place, f"{name} {complaint(detail, node.value)}{hint}")


def sweep_hint(key: str, node: Node) -> str:
    """Return how to sweep over a list that stands where one value is wanted; empty where there is no list."""
    if not isinstance(node.value, list) or not node.value:
        return ""
    values = ", ".join("..." if isinstance(part.value, (list, dict)) else str(part.value) for part in node.value)
    return f"; for one run of each, write sweep: {{{key}: [{values if len(values) < 60 else '...'}]}}"


# --- data sets


class DatasetUse(NamedTuple):
    """What a run wants of its data set, and where the file says so.

    Attributes:
        name: the data set.
        validation: how many training samples to hold out.
        dtype: what the images are cast to.
        place: of ``dataset``; None where the file is silent.
        validation_place: of ``validation``; None where the file is silent.
    """

    name: str
    validation: int
    dtype: str
    place: Place | None
    validation_place: Place | None


def check_dataset_name(node: Node, problems: Problems) -> None:
    """Refuse what is likely a published name with a typo: close to one, and not the path of anything."""
    name = node.value
    if not isinstance(name, str) or name in PUBLISHED or "/" in name or os.sep in name or name.endswith(".npz"):
        return
    close = nearest(name, PUBLISHED)
    if not name.strip():
        problems.add(node.place, "dataset is empty")
    elif close and not os.path.isdir(name):
        problems.add(
            node.place, f"unknown data set {short_repr(name)}, and no folder of that name; did you mean {close!r}?"
        )


def check_published_size(use: DatasetUse, problems: Problems) -> None:
    """Refuse too many validation samples of a published data set, whose size is known without its files."""
    if use.name in PUBLISHED:
        check_validation(use, PUBLISHED[use.name].shapes[TRAIN_IMAGES][0], problems)


def check_validation(use: DatasetUse, samples: int, problems: Problems) -> None:
    """Refuse to hold out all of a data set's ``samples`` training images, or more."""
    place = use.validation_place or use.place
    if use.validation >= samples and place:
        default = "" if use.validation_place else ", the default"
        problems.add(
            place,
            f"validation must be less than {samples}, the number of training images in {use.name},"
            f" not {use.validation}{default}",
        )
