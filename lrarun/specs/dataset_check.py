"""Check the data sets that a spec file names: they must exist, be sound, and have enough samples.

A step of its own after reading, as only commands that train need the data to be here. What is
known without files, such as the size of MNIST, is checked whenever a spec is read.
"""

from __future__ import annotations

from collections.abc import Container

from lrarun.data.load import load_to_train, training_samples
from lrarun.data.published import PUBLISHED
from lrarun.errors import DataError
from lrarun.specs.build import SpecFile
from lrarun.specs.validate import check_validation


def check_datasets(file: SpecFile, names: Container[str] | None = None, *, whole: bool = False) -> None:
    """Refuse data sets of the user's own that training would refuse. Download nothing.

    Args:
        file: from :func:`lrarun.specs.build.read_specs`.
        names: the data sets that must be on this machine; by default all.
        whole: read each data set to its end, as training does; else read the headers of its files only.

    Raises:
        SpecError: with the mistakes found here and those that ``file`` has already.
    """
    sizes: dict[str, int | DataError] = {}
    for use in file.datasets:
        if use.name in PUBLISHED or (names is not None and use.name not in names):
            continue
        if use.name not in sizes:
            sizes[use.name] = _samples(use.name, whole)
        found = sizes[use.name]
        if not isinstance(found, DataError):
            check_validation(use, found, file.problems)
        elif use.place:
            file.problems.add(use.place, str(found))
    file.problems.raise_any()


def _samples(name: str, whole: bool) -> int | DataError:
    """Return how many training images a data set has, or why it can't be used."""
    try:
        return len(load_to_train(name).train_labels) if whole else training_samples(name)
    except DataError as error:
        return error
