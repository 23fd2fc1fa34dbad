"""Training from Python, as ``lrarun train`` does it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from lrarun import datasets, runs
from lrarun.results import Result, refuse_reference
from lrarun.runs import Hooks
from lrarun.spec import Spec, make_spec


def train(
    spec: Spec | Mapping[str, Any],
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
        spec: a mapping as one would write it in YAML, without ``sweep``, or a ``Spec``.
        results: the folder that holds the runs' folders; it is made if need be.
        data_dir: where to look for data sets first.
        force: forget what there is of this run and start anew.
        hooks: called as the run goes; see :class:`lrarun.runs.Hooks`.

    Returns:
        The run, finished or diverged: ``run_id``, ``folder``, ``state``, and in ``record``
        the scores (``train_error``, ``test_error`` in percent).

    Raises:
        SpecError: the spec is not valid.
        DataError, FetchError: the data set is damaged, or can't be had.
        UsageError: the spec holds out more validation samples than the data set has, or the
            results folder holds reference results.
        lrarun.runs.Stopped: ``hooks.stop`` asked for it.
        lrarun.errors.LrarunError: another process is training this run.
    """
    refuse_reference(Path(results))
    made = spec if isinstance(spec, Spec) else make_spec(spec)
    with threadpool_limits(1, user_api="blas"):
        return runs.run(made, datasets.load(made.dataset, data_dir), Path(results), hooks, force)
