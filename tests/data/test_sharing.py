"""Data sets handed over as files: the same values, mapped, and copied only if they are in no file."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from lrarun.data.load import load
from lrarun.data.published import FILES
from lrarun.data.sharing import share
from tests.support.small_runs import write_dataset
from tests.support.synthetic import synthetic_arrays


def write_idx(folder):
    images, labels = synthetic_arrays(120, 64)
    arrays = [images[:100].reshape(-1, 8, 8), labels[:100], images[100:].reshape(-1, 8, 8), labels[100:]]
    for name, array in zip(FILES, arrays, strict=True):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(header + array.tobytes())
    return str(folder)


@pytest.mark.parametrize("kind", ["idx", "npz"])
def test_what_arrives_is_what_was_sent(tmp_path, kind):
    (tmp_path / "data").mkdir()
    (tmp_path / "spool").mkdir()
    name = write_idx(tmp_path / "data") if kind == "idx" else write_dataset(tmp_path / "data" / "small.npz")
    sent = load(name)
    message = pickle.dumps(share(sent, tmp_path / "spool"))
    assert len(message) < 3000, "places, not values"
    received = pickle.loads(message).open()
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(received, part), getattr(sent, part))
        assert isinstance(getattr(received, part).base, np.memmap)
        assert not getattr(received, part).flags.writeable
    assert (received.name, received.classes, received.fingerprint) == (sent.name, sent.classes, sent.fingerprint)
    assert bool(list((tmp_path / "spool").iterdir())) == (kind == "npz"), "what is in a file already is not copied"
