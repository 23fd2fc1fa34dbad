"""Data sets in one .npz file."""

from __future__ import annotations

import numpy as np
import pytest

from lrarun.data import npz
from lrarun.data.dataset import columns
from lrarun.data.load import load
from lrarun.errors import DataError


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "train_images": rng.integers(0, 256, (9, 3, 2), dtype=np.uint8),
        "train_labels": np.arange(9) % 3,
        "test_images": rng.integers(0, 256, (3, 3, 2), dtype=np.uint8),
        "test_labels": np.arange(3),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_rows(tmp_path, save):
    save(tmp_path / "mine.npz", **arrays())
    dataset = load(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(dataset.train_images, arrays()["train_images"].reshape(9, 6))
    np.testing.assert_array_equal(dataset.test_labels, [0, 1, 2])
    assert (dataset.name, dataset.classes, dataset.train_labels.dtype) == ("mine", 3, np.uint8)


def test_floats_stay_floats(tmp_path):
    images = {key: array / 7 for key, array in arrays().items() if "images" in key}
    np.savez(tmp_path / "mine.npz", **(arrays() | images))
    dataset = load(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(
        columns(dataset.test_images, slice(None), np.float64).T, images["test_images"].reshape(3, 6)
    )


def test_the_fingerprint_follows_content_type_and_shape_not_compression(tmp_path):
    def fingerprint(save=np.savez, **changes):
        save(tmp_path / "mine.npz", **(arrays() | changes))
        return npz.read(tmp_path / "mine.npz")[1]

    images = arrays()["train_images"]
    same = fingerprint()
    assert fingerprint(np.savez_compressed) == same
    assert fingerprint(train_labels=arrays()["train_labels"].astype(np.int16)) == same
    others = [images ^ 1, images.astype(np.float32), images.reshape(9, 2, 3)]
    assert len({same, *(fingerprint(train_images=other) for other in others)}) == 4


LABELS = np.arange(9) % 3
WRONG = {
    "no array 'test_labels'": {"test_labels": None},
    r"train_labels is object\(9,\)": {"train_labels": np.array([object()] * 9)},
    "train_images is of type object": {"train_images": np.array([[object()] * 2] * 9)},
    "train_images has the shape": {"train_images": np.zeros(9, np.uint8)},
    "test_images has the shape": {"test_images": np.zeros((0, 3, 2), np.uint8)},
    "of type int64": {"train_images": np.zeros((9, 3, 2), np.int64)},
    r"train_images holds NaN or infinity, first at train_images\[0, 0, 0\]": {
        "train_images": np.full((9, 3, 2), np.nan)
    },
    r"test_images holds NaN or infinity, first at test_images\[2, 1, 0\]": {
        "test_images": np.where(np.arange(18).reshape(3, 3, 2) == 14, np.inf, 0.5)
    },
    "expected whole numbers": {"train_labels": LABELS / 2},
    "goes from -1 to 1": {"train_labels": LABELS - 1},
    "goes from 0 to 300": {"train_labels": LABELS * 150},
    "9 images in train_images but 8 labels in train_labels": {"train_labels": LABELS[:8]},
    r"train_images have the shape \(3, 2\), images in test_images": {"test_images": np.zeros((3, 2, 2), np.uint8)},
    "a test label is 7": {"test_labels": np.array([0, 1, 7])},
    "all training labels name one class, 0; a data set needs two": {"train_labels": LABELS * 0},
    "all training labels name one class, 1; a data set needs two": {"train_labels": LABELS * 0 + 1},
    "a test label is 1, but no training label is": {"train_labels": LABELS // 2 * 2},
}


@pytest.mark.parametrize("complaint", WRONG)
def test_what_is_wrong_is_said(tmp_path, complaint):
    changed = arrays() | WRONG[complaint]
    np.savez(tmp_path / "mine.npz", **{key: array for key, array in changed.items() if array is not None})
    with pytest.raises(DataError, match=complaint) as refusal:
        load(str(tmp_path / "mine.npz"))
    assert "mine.npz" in str(refusal.value)


def encrypted(whole):
    """A bit of the first entry in the archive's directory says that it is."""
    at = whole.index(b"PK\1\2") + 8
    return whole[:at] + bytes([whole[at] | 1]) + whole[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"text",
        lambda whole: whole[:200] + bytes(90) + whole[290:],
        encrypted,
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **arrays())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="mine.npz"):
        load(str(path))


@pytest.mark.parametrize("content, said", [(b"", "it is empty"), (b"hello " * 99, "not an .npz file, or cut short")])
def test_junk_is_met_with_how_to_write_a_good_file_and_not_with_advice_to_trust_it(tmp_path, content, said):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(DataError, match="mine.npz: ") as refusal:
        load(str(tmp_path / "mine.npz"))
    assert said in str(refusal.value) and "pickle" not in str(refusal.value)
    assert f"numpy.savez(FILE, {', '.join(f'{key}=...' for key in npz.KEYS)})" in str(refusal.value)


def test_a_missing_file_or_a_single_array_is_refused(tmp_path):
    with pytest.raises(DataError, match="gone.npz: no such folder or file"):
        load(str(tmp_path / "gone.npz"))
    with open(tmp_path / "one.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="one.npz: not an .npz file: it is a single array.*numpy.savez"):
        load(str(tmp_path / "one.npz"))
