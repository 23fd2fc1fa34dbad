"""IDX files: what is sound is read as written, and nothing damaged passes."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from lrarun.data import idx
from lrarun.errors import DataError, LrarunError
from tests.support.tiny_data import idx_bytes

IMAGES = np.arange(60, dtype=np.uint8).reshape(3, 5, 4)
WHOLE = idx_bytes(IMAGES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@settings(max_examples=30, deadline=None)
@given(arrays_of.arrays(np.uint8, arrays_of.array_shapes(min_dims=3, max_dims=3, max_side=6)), st.booleans())
def test_what_was_written_is_read(folder, images, packed):
    content = idx_bytes(images)
    path = folder / ("written.gz" if packed else "written")
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    found = idx.inspect(path, 3)
    assert found.shape == images.shape
    assert found.digest == hashlib.sha256(content).hexdigest()
    if not packed:
        np.testing.assert_array_equal(idx.memory_map(path, found.shape), images.reshape(len(images), -1))


@pytest.mark.parametrize("name", ["cut", "cut.gz"])
def test_a_file_cut_short_anywhere_is_refused_by_name(folder, name):
    whole = gzip.compress(WHOLE, mtime=0) if name.endswith(".gz") else WHOLE
    for length in range(len(whole)):
        (folder / name).write_bytes(whole[:length])
        with pytest.raises(DataError, match=name):
            idx.inspect(folder / name, 3)


def test_a_gzip_file_with_any_byte_changed_is_refused_or_has_the_same_content(folder):
    path, packed = folder / "changed.gz", gzip.compress(WHOLE, mtime=0)
    for position in range(len(packed)):
        changed = bytearray(packed)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        try:
            assert idx.inspect(path, 3).digest == hashlib.sha256(WHOLE).hexdigest()  # such as its time stamp
        except DataError as error:
            assert "changed.gz" in str(error)


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"", "empty"),
        (WHOLE + b"\0", "longer than its header says"),
        (b"\0\0\x0d" + WHOLE[3:], "wrong magic number 0x00000d03, expected 0x00000803"),
        (idx_bytes(IMAGES.ravel()), "wrong magic number 0x00000801"),
        (idx_bytes(np.empty((0, 5, 4))), "no data: the shape in its header is"),
        (b"<html>not found</html>", "wrong magic number"),
        (gzip.compress(WHOLE, mtime=0), "compressed, but its name does not end with .gz"),
        (WHOLE[:4] + b"\xff" * 12 + WHOLE[16:], "truncated"),
    ],
)
def test_each_kind_of_damage_is_called_by_its_name(folder, content, complaint):
    (folder / "damaged").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        idx.inspect(folder / "damaged", 3)


def test_a_memory_map_is_no_copy_and_cannot_be_written(folder):
    (folder / "mapped").write_bytes(WHOLE)
    mapped = idx.memory_map(folder / "mapped", IMAGES.shape)
    assert type(mapped) is np.ndarray and isinstance(mapped.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0, 0] = 1


def test_labels_map_to_one_dimension(folder):
    (folder / "labels").write_bytes(idx_bytes(np.array([2, 0, 1])))
    assert idx.memory_map(folder / "labels", (3,)).tolist() == [2, 0, 1]


@pytest.mark.parametrize("name", ["f", "f.gz"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_replacement_that_fails_leaves_things_as_they_were(tmp_path, before, name):
    if before is not None:
        (tmp_path / name).write_bytes(before)
    with pytest.raises(KeyboardInterrupt), idx.replacing(tmp_path / name) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == ([(name, before)] if before else [])


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LrarunError, match="file/below: cannot be written"), idx.replacing(tmp_path / "file" / "below"):
        pass


def test_the_usual_spellings_are_found_raw_before_packed(tmp_path):
    assert idx.file_in(tmp_path, "train-images-idx3-ubyte") is None
    for name in (
        "train-images.idx3-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-images.idx3-ubyte",
        "train-images-idx3-ubyte",
    ):
        (tmp_path / name).write_bytes(b"")
        assert idx.file_in(tmp_path, "train-images-idx3-ubyte") == tmp_path / name
