"""Check the data sets that a spec file names: they must exist, be sound, and have enough samples.

A step of its own after reading, as only commands that train need the data to be here. What is
known without files, such as the size of MNIST, is checked whenever a spec is read.
"""

from __future__ import annotations

from collections.abc import Container

from lrarun.data.dataset import Dataset
from lrarun.data.load import load, training_samples, warn_of_namesake
from lrarun.data.published import PUBLISHED
from lrarun.data.values import check_dtype, warn_of_values
from lrarun.errors import DataError
from lrarun.specs.build import SpecFile
from lrarun.specs.validate import DatasetUse, check_validation


def check_datasets(file: SpecFile, names: Container[str] | None = None, *, whole: bool = False) -> dict[str, Dataset]:
    """Refuse data sets of the user's own that training would refuse. Download nothing.

    Args:
        file: from :func:`lrarun.specs.build.read_specs`.
        names: the data sets that must be on this machine; by default all.
        whole: read each data set to its end, as training does; else read the headers of its files only.

    Returns:
        The data sets that were read to their end, by name.

    Raises:
        SpecError: with the mistakes found here and those that ``file`` has already.
    """
    found: dict[str, Dataset | int | DataError] = {}
    for use in file.datasets:
        if names is not None and use.name not in names:
            continue
        if use.name not in found:
            found[use.name] = _look_at(use.name, whole)
        try:
            check_validation(use, _samples(use, found[use.name]), file.problems)
        except DataError as error:
            if use.place:
                file.problems.add(use.place, str(error))
    file.problems.raise_any()
    loaded = {name: one for name, one in found.items() if isinstance(one, Dataset)}
    for name, dataset in loaded.items():
        warn_of_values(name, dataset)
    return loaded


def _look_at(name: str, whole: bool) -> Dataset | int | DataError:
    """Return a data set if the whole of it is wanted, else how many training images it has; or why it can't be used."""
    warn_of_namesake(name)
    try:
        return load(name) if whole and name not in PUBLISHED else training_samples(name)
    except DataError as error:
        return error


def _samples(use: DatasetUse, found: Dataset | int | DataError) -> int:
    """Return how many training images a run's data set has; raise a DataError if the run can't use it."""
    if isinstance(found, DataError):
        raise found
    if isinstance(found, int):
        return found
    check_dtype(use.name, found, use.dtype)
    return len(found.train_labels)
