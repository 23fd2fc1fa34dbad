"""The files of a run's folder are those that run_folder names."""

from __future__ import annotations

import pytest

from lrarun.results import run_folder
from lrarun.runs.events import Hooks
from lrarun.runs.run import Stopped, run
from tests.support.small_runs import spec
from tests.support.synthetic import synthetic_dataset

FOLDERS = {run_folder.NEW, run_folder.DONE}  # only while a finished run is trained again
NAMES = {
    value
    for name, value in vars(run_folder).items()
    if name.isupper() and isinstance(value, str) and value != run_folder.REFERENCE
}
FILES = NAMES - FOLDERS


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_a_runs_folder_holds_what_layout_names(tmp_path):
    small, dataset = spec("synthetic"), synthetic_dataset(samples=650)
    with pytest.raises(Stopped):
        run(small, dataset, tmp_path, Hooks(stop=lambda: True))
    assert names_in(tmp_path / small.run_id) == FILES - {run_folder.PARAMETERS, run_folder.PREDICTIONS}
    run(small, dataset, tmp_path)
    assert names_in(tmp_path / small.run_id) == FILES - {run_folder.CHECKPOINT}


def test_every_file_is_described():
    assert not [name for name in NAMES if f"\n    {name}{'/' * (name in FOLDERS)} " not in run_folder.__doc__]
