"""Training from Python, as ``lrarun train`` does it, and rules of your own."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.api.inputs import specs_of
from lrarun.data.load import load_to_train, warn_of_namesake
from lrarun.data.locate import named_folder
from lrarun.errors import UsageError
from lrarun.files import user_path
from lrarun.results.result import Result
from lrarun.results.run_folder import refuse_reference
from lrarun.runs.events import Hooks
from lrarun.runs.failures import file_of
from lrarun.runs.run import run
from lrarun.runs.staleness import Staleness
from lrarun.shipped import RULE, named_file
from lrarun.specs.spec import Spec

LOG = logging.getLogger(__name__)


def train(
    spec: Spec | Mapping[str, Any] | str | Path,
    results: str | Path = "results",
    *,
    data_dir: str | Path | None = None,
    force: bool = False,
    hooks: Hooks | None = None,
) -> Result:
    """Train one run in this process, or resume it where it stopped.

    A finished run is not trained again: the stored result is returned. BLAS uses one
    thread meanwhile, so that the numbers equal those of ``lrarun train``.

    Args:
        spec: a mapping with the keys of a YAML spec, without ``sweep``; a ``Spec``; or the path of a
            spec file that holds one run.
        results: the folder that holds the runs' folders; created if it does not exist.
        data_dir: where to look for data sets first.
        force: discard any stored state of this run and start over.
        hooks: how to follow the run and stop it; see :class:`lrarun.runs.events.Hooks`.

    Returns:
        The run, finished or diverged: ``run_id``, ``folder``, ``state``, and in ``record``
        the scores (``train_error``, ``test_error`` in percent).

    Raises:
        SpecError: the spec is not valid.
        TypeError: ``spec`` is none of these.
        DataError, FetchError: the data set is damaged or not available, or there is no folder ``data_dir``.
        UsageError: the spec holds out more validation samples than the data set has, its file has
            several runs, or the results folder holds reference results.
        lrarun.runs.run.Stopped: ``hooks.stop`` returned True.
        lrarun.errors.LrarunError: another process is training this run.
    """
    results = user_path(results)
    refuse_reference(results)
    specs = specs_of(spec)
    if len(specs) != 1:
        raise UsageError(
            f"{spec}: {len(specs)} runs, and train takes one:"
            f" for spec in lrarun.load_specs({str(spec)!r}): lrarun.train(spec)"
        )
    made = specs[0]
    named_folder(data_dir)  # refused also where the data set is not looked for there
    warn_of_namesake(made.dataset)
    dataset = load_to_train(made.dataset, data_dir, dtypes=[made.dtype])
    with threadpool_limits(1, user_api="blas"):
        result = run(made, dataset, results, hooks, force)
    changed = Staleness({dataset.path: dataset.fingerprint} if dataset.path else {}).what_changed(result)
    if changed:
        LOG.warning("lrarun: %s: finished, but stale: %s; force=True trains it again", result.run_id, changed)
    return result


def load_plugin(path: str | Path) -> list[str]:
    """Register the learning rules of a file, as ``--plugin`` does, here and in processes that this one starts.

    Call it again after an edit to load the new content. Runs of the old content are then stale.

    Args:
        path: a Python file; docs/extending.md says how it may be named and what it has to contain.

    Returns:
        The names of its rules, as a spec gives them.

    Raises:
        UsageError: the file does not exist, can't be imported, or has no usable rule. It is not
            registered then.
    """
    before = os.environ.get(plugins.VARIABLE)
    path = named_file(path, RULE)
    plugins.add(path)
    algorithms.cache_clear()
    try:
        own = str(path.absolute())
        return [name for name, kind in algorithms().items() if file_of(kind) == own]
    except UsageError:
        os.environ.pop(plugins.VARIABLE)
        if before is not None:
            os.environ[plugins.VARIABLE] = before
        raise
