"""Training from Python, as ``lrarun train`` does it, also by rules of one's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load_to_train
from lrarun.errors import UsageError
from lrarun.results.layout import refuse_reference
from lrarun.results.read import Result
from lrarun.runs.events import Hooks
from lrarun.runs.failures import file_of
from lrarun.runs.run import run
from lrarun.runs.staleness import Staleness
from lrarun.specs.build import load_specs, make_spec
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
    """Trains one run, or goes on with it where it stopped, in this process.

    A finished run is not trained again: what its folder holds is returned. BLAS works with
    one thread meanwhile, so that the numbers are those of ``lrarun train``.

    Args:
        spec: a mapping as one would write it in YAML, without ``sweep``; a ``Spec``; or the path of a
            spec file that holds one run.
        results: the folder that holds the runs' folders; it is made if need be.
        data_dir: where to look for data sets first.
        force: forget what there is of this run and start anew.
        hooks: how to follow the run and stop it; see :class:`lrarun.runs.events.Hooks`.

    Returns:
        The run, finished or diverged: ``run_id``, ``folder``, ``state``, and in ``record``
        the scores (``train_error``, ``test_error`` in percent).

    Raises:
        SpecError: the spec is not valid.
        TypeError: it is none of these.
        DataError, FetchError: the data set is damaged, or can't be had.
        UsageError: the spec holds out more validation samples than the data set has, its file has
            several runs, or the results folder holds reference results.
        lrarun.runs.run.Stopped: ``hooks.stop`` asked for it.
        lrarun.errors.LrarunError: another process is training this run.
    """
    refuse_reference(Path(results))
    made = spec if isinstance(spec, Spec) else _read(spec)
    dataset = load_to_train(made.dataset, data_dir)
    with threadpool_limits(1, user_api="blas"):
        result = run(made, dataset, Path(results), hooks, force)
    changed = Staleness(fingerprints={made.dataset: dataset.fingerprint}).what_changed(result)
    if changed:
        LOG.warning("lrarun: %s: finished, but stale: %s; force=True trains it again", result.run_id, changed)
    return result


def _read(spec: Any) -> Spec:
    """The one run of a mapping or of a file."""
    if not isinstance(spec, str | Path):
        return make_spec(spec)
    specs = load_specs(spec)
    if len(specs) != 1:
        raise UsageError(
            f"{spec}: {len(specs)} runs, and train takes one:"
            f" for spec in lrarun.load_specs({str(spec)!r}): lrarun.train(spec)"
        )
    return specs[0]


def load_plugin(path: str | Path) -> list[str]:
    """Makes the learning rules in a file known, as ``--plugin`` does, here and in processes that this one starts.

    Called again after the file was edited, it takes its new content; runs of the old one are then stale.

    Args:
        path: a Python file; what it may be named and has to hold is in docs/extending.md.

    Returns:
        The names of its rules, as a spec gives them.

    Raises:
        UsageError: the file is missing, can't be imported, or holds no rule that can be used; it is not
            known then.
    """
    before = os.environ.get(plugins.VARIABLE)
    plugins.add(path)
    algorithms.cache_clear()
    try:
        own = str(Path(path).expanduser().absolute())
        return [name for name, kind in algorithms().items() if file_of(kind) == own]
    except UsageError:
        os.environ.pop(plugins.VARIABLE)
        if before is not None:
            os.environ[plugins.VARIABLE] = before
        raise
