"""A finished run's parameters, and the activities of its top hidden layer."""

from __future__ import annotations

import zipfile
import zlib

import numpy as np

from lrarun.data.dataset import Dataset, columns
from lrarun.data.published import PUBLISHED
from lrarun.errors import DataError, Incomplete
from lrarun.nn.arrays import Params
from lrarun.nn.network import depth_of
from lrarun.results.result import Result
from lrarun.results.run_folder import PARAMETERS
from lrarun.specs.build import make_spec

BLOCK = 1000


def top_hidden(run: Result, params: Params, dataset: Dataset, index: np.ndarray) -> np.ndarray:
    """Return the top hidden layer's activities for test images.

    Args:
        run: a finished run.
        params: its parameters, from :func:`read_parameters`.
        dataset: the data set that it was trained on.
        index: which test images, n of them.

    Returns:
        Shape ``(n, units)``, in the parameters' dtype. If the rule relaxes its network, the
        activities are those after relaxation.

    Raises:
        DataError: the run was trained on other data.
    """
    trained_on = run.dataset_sha256 or dataset.fingerprint
    if trained_on != dataset.fingerprint:
        name = run.spec["dataset"]
        way_out = "name its folder with --data-dir" if name in PUBLISHED else "put the old file back, or train anew"
        raise DataError(
            f"{run.folder} was trained on other data than the {name} found here"
            f" (SHA-256 {trained_on[:12]}..., not {dataset.fingerprint[:12]}...); {way_out}"
        )
    algorithm = make_spec(run.spec).algorithm
    top, dtype = depth_of(params) - 1, params["W"][1].dtype
    rows = []
    for start in range(0, len(index), BLOCK):
        x = columns(dataset.test_images, index[start : start + BLOCK], dtype)
        rows.append(algorithm.activities(params, x)[top].T)
    return np.concatenate(rows)


def read_parameters(run: Result) -> Params:
    """Return the parameters of a finished run's best epoch, by family and layer.

    Raises:
        Incomplete: the folder holds none, or the file is damaged.
    """
    try:
        with np.load(run.folder / PARAMETERS, allow_pickle=False) as archive:
            params: Params = {}
            for name in archive.files:
                family, l = name.split("/")
                params.setdefault(family, {})[int(l)] = archive[name]
        return {"W": params.pop("W"), **params}
    except FileNotFoundError:
        raise Incomplete(f"finished, but without weights ({PARAMETERS}), which reference results don't ship") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise Incomplete(f"finished, but its weights ({PARAMETERS}) are damaged") from None
