"""What a spec asks of its data set: what its keys cannot say alone, told before anything is trained."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from lrarun.data.load import load_to_train, training_samples
from lrarun.data.published import PUBLISHED
from lrarun.errors import DataError
from lrarun.settings import nearest, short_repr
from lrarun.specs.places import Node, Problems

Look = Callable[[str], int | DataError | None]


def looker(here: Callable[[str], bool], whole: bool = False) -> Look:
    """What finds out how many training images a data set has, or why it is none; None if that is not asked.

    Args:
        here: whether a data set of the user's own has to be on this machine. Its files' headers
            are read then, once. Of a published one the size is known; nothing is downloaded.
        whole: whether its files are read to their end, as for training.
    """

    @functools.cache
    def look(name: str) -> int | DataError | None:
        if name not in PUBLISHED and not here(name):
            return None
        try:
            if whole and name not in PUBLISHED:
                return len(load_to_train(name).train_labels)
            return training_samples(name)
        except DataError as error:
            return error

    return look


def check_data(entries: Mapping[str, Node], values: Mapping[str, Any] | None, look: Look, problems: Problems) -> None:
    """Refuses a data set that is none, and one that is too small for the validation samples.

    Args:
        entries: the spec's nodes by key, those that it is silent on absent.
        values: all settings of the spec; None if they are not sound.
        look: from :func:`looker`.
        problems: takes the mistakes.
    """
    node = entries.get("dataset")
    if node:
        _check_name(node, problems)
    found = look(values["dataset"]) if values else None
    if isinstance(found, DataError) and node:
        problems.add(node.place, str(found))
    elif values and isinstance(found, int) and values["validation"] >= found:
        place = entries.get("validation", node)
        if place:
            problems.add(place.place, _too_many(values["dataset"], found, values["validation"], place is node))


def _too_many(dataset: str, samples: int, validation: int, silent: bool) -> str:
    given = f"{validation}, which it is where a spec is silent" if silent else f"{validation}"
    return f"validation must be less than {samples}, the training images of {dataset}, not {given}"


def _check_name(node: Node, problems: Problems) -> None:
    """Refuses what is likely a known name mistyped: close to one, and no path of anything."""
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
