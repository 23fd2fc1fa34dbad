"""The files of a run's folder are those that layout names."""

from __future__ import annotations

import pytest

from lrarun.results import layout
from lrarun.runs.events import Hooks
from lrarun.runs.run import Stopped, run
from tests.support.small_runs import spec
from tests.support.synthetic import synthetic_dataset

FOLDERS = {layout.NEW, layout.DONE}  # only while a finished run is trained again
NAMES = {
    value
    for name, value in vars(layout).items()
    if name.isupper() and isinstance(value, str) and value != layout.REFERENCE
}
FILES = NAMES - FOLDERS


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_a_runs_folder_holds_what_layout_names(tmp_path):
    small, dataset = spec("synthetic"), synthetic_dataset(samples=650)
    with pytest.raises(Stopped):
        run(small, dataset, tmp_path, Hooks(stop=lambda: True))
    assert names_in(tmp_path / small.run_id) == FILES - {layout.PARAMETERS, layout.PREDICTIONS}
    run(small, dataset, tmp_path)
    assert names_in(tmp_path / small.run_id) == FILES - {layout.CHECKPOINT}


def test_every_file_is_described():
    assert not [name for name in NAMES if f"\n    {name}{'/' * (name in FOLDERS)} " not in layout.__doc__]
