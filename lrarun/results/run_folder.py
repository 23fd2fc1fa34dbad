"""What is in a run's folder, and what marks a folder of reference results: every file name, once.

RESULTS/<run id>/
    spec.yaml              the resolved spec, with every default written out
    run.json               state, scores, spec and provenance; the traceback of a failed run
    log.csv                one row per epoch
    checkpoint.npz         the whole state of training; gone once the run is finished
    parameters.npz         the parameters of the epoch with the lowest validation error
    test_predictions.npz   `predicted` and `label`, one uint8 per test image
    .new/                  the same files of a training that --force began; they replace those above once it is finished
    .done/                 what .new is called while its files move there
    .lock                  locked while a process trains the run; names that process
"""

from __future__ import annotations

from pathlib import Path

from lrarun.errors import UsageError

SPEC = "spec.yaml"
RUN = "run.json"
LOG = "log.csv"
CHECKPOINT = "checkpoint.npz"
PARAMETERS = "parameters.npz"
PREDICTIONS = "test_predictions.npz"
LOCK = ".lock"
NEW = ".new"
DONE = ".done"  # what NEW is called while its files move into the run's folder

# A results folder that holds this file is published, and so is every folder below it. No run is written there.
REFERENCE = "REFERENCE-RESULTS.md"


def reference_marker(results: Path) -> Path | None:
    """Return the file that marks a results folder, or a folder above it, as reference results; None without one."""
    place = results.resolve()
    files = (folder / REFERENCE for folder in (place, *place.parents))
    return next(filter(Path.is_file, files), None)


def is_reference(results: Path) -> bool:
    """Return whether a results folder holds reference results."""
    return reference_marker(results) is not None


def refuse_reference(results: Path) -> None:
    """Refuse to write to reference results.

    Raises:
        UsageError: the folder, or one above it, is marked as reference results.
    """
    marker = reference_marker(results)
    if marker:
        raise UsageError(
            f"{results}: reference results are kept as they are (marked by {marker});"
            " name another folder with --results, or leave it out"
        )
