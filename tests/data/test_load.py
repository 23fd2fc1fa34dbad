"""Loading data sets: where they are found, and what is refused as damaged."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import logging
import os

import numpy as np
import pytest

from lrarun.data.load import fetch, load, where
from lrarun.data.published import (
    FASHION_MNIST,
    FILES,
    MNIST,
    PUBLISHED,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)
from lrarun.errors import DataError, FetchError
from tests.support.tiny_data import arrays, contents, idx_bytes, listing, published, write

pytestmark = pytest.mark.usefixtures("machine")


def assert_is_the_small_one(dataset):
    held = (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels)
    for file, found in zip(FILES, held):
        expected = arrays()[file]
        np.testing.assert_array_equal(found, expected.reshape(len(expected), -1) if expected.ndim == 3 else expected)
    assert dataset.classes == 3


# --- where they are found


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "place",
    ["named", "named/mnist", "named/MNIST/raw", "cache/mnist", "system", "work/data/MNIST/raw", "work/MNIST/raw"],
)
def test_a_data_set_is_found_in_every_place_and_form(machine, monkeypatch, place, packed):
    monkeypatch.setitem(PUBLISHED, "mnist", published(system=(str(machine / "system"),)))
    write(machine / place, contents(), packed)
    (machine / "named").mkdir(exist_ok=True)
    dataset = load("mnist", data_dir=machine / "named")
    assert_is_the_small_one(dataset)
    assert isinstance(dataset.train_images.base, np.memmap)
    before = listing(machine)
    stored = {path: path.stat().st_ino for path in machine.rglob("*-ubyte*")}
    assert load("mnist", data_dir=machine / "named").fingerprint == dataset.fingerprint
    assert listing(machine) == before
    assert {path: path.stat().st_ino for path in machine.rglob("*-ubyte*")} == stored, "nothing is unpacked twice"
    home = "cache/mnist" if packed else place
    assert fetch("mnist", machine / "named").resolve() == (machine / home).resolve()


def test_places_are_searched_in_the_stated_order(machine, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "mnist", published(system=(str(machine / "system"),)))
    order = ["work/MNIST/raw", "work/data/MNIST/raw", "system", "cache/mnist"]
    order += ["named", "named/MNIST/raw", "named/mnist"]
    (machine / "named").mkdir()
    for place in order:  # the last one is looked at first
        write(machine / place, contents())
        assert where("mnist", machine / "named").resolve() == machine / place


def test_the_environment_names_the_folder_and_the_argument_wins(machine, monkeypatch):
    write(machine / "a", contents())
    write(machine / "b", contents())
    monkeypatch.setenv("LRARUN_DATA_DIR", str(machine / "a"))
    assert where("mnist") == machine / "a"
    assert where("mnist", machine / "b") == machine / "b"


def test_without_any_source_the_error_says_what_to_do_and_nothing_is_left(machine):
    assert where("mnist") is None
    with pytest.raises(FetchError, match="--data-dir"):
        load("mnist")
    assert listing(machine) == {}


def test_a_named_folder_that_holds_another_data_set_is_passed_over(machine, monkeypatch):
    write(machine / "named", contents(seed=1))
    other = {file: hashlib.sha256(content).hexdigest() for file, content in contents(seed=1).items()}
    fashion = dataclasses.replace(FASHION_MNIST, digests=other, system=())
    monkeypatch.setitem(PUBLISHED, "fashion-mnist", fashion)
    write(machine / "cache/mnist", contents())
    assert where("mnist", machine / "named") == machine / "cache/mnist"
    assert where("fashion-mnist", machine / "named") == machine / "named"


def test_the_same_files_in_a_folder_meant_for_this_one_are_an_error(machine, monkeypatch):
    write(machine / "named/mnist", contents(seed=1))
    other = {file: hashlib.sha256(content).hexdigest() for file, content in contents(seed=1).items()}
    fashion = dataclasses.replace(FASHION_MNIST, digests=other, system=())
    monkeypatch.setitem(PUBLISHED, "fashion-mnist", fashion)
    with pytest.raises(DataError, match="train-images.*belongs to Fashion-MNIST, not to MNIST"):
        load("mnist", machine / "named")


def test_damage_in_the_cache_is_told_and_looked_past(machine, caplog):
    write(machine / "cache/mnist", contents())
    (machine / "cache/mnist" / TEST_LABELS).write_bytes(b"")
    write(machine / "work/data/MNIST/raw", contents())
    with caplog.at_level(logging.WARNING):
        assert_is_the_small_one(load("mnist"))
    assert f"cache/mnist/{TEST_LABELS}: empty" in caplog.text


def test_a_damaged_unpacked_copy_is_written_anew(machine):
    write(machine / "named", contents(), packed=True)
    load("mnist", machine / "named")
    (machine / "cache/mnist" / TRAIN_IMAGES).write_bytes(b"damaged")
    assert_is_the_small_one(load("mnist", machine / "named"))


@pytest.mark.parametrize("real", [MNIST, FASHION_MNIST], ids=lambda real: real.name)
def test_what_is_published_is_complete(real):
    assert list(real.digests) == list(FILES)
    assert all(len(digest) == 64 and int(digest, 16) for digest in real.digests.values())
    assert len(real.mirrors) >= 3
    assert all(url.startswith("https://") and url.endswith("/") for url in real.mirrors)


# --- damage


def rewrite(change):
    """Damage that replaces a file's bytes by ``change(bytes)``."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_broken_link(path):
    path.unlink()
    path.symlink_to("gone")


def replace_by_cut_gzip(path):
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name(f"{path.name}.gz").write_bytes(packed[: len(packed) // 2])


# What is done to which file, and what is said of it.
DAMAGE = {
    "missing": (TEST_LABELS, lambda path: path.unlink(), "missing"),
    "a folder in its place": (TRAIN_LABELS, replace_by_folder, "cannot be read: Is a directory"),
    "a link to nowhere": (TRAIN_LABELS, replace_by_broken_link, "cannot be read: No such file"),
    "empty": (TEST_IMAGES, rewrite(lambda whole: b""), "empty"),
    "cut": (TRAIN_IMAGES, rewrite(lambda whole: whole[: len(whole) // 2]), "truncated"),
    "cut in its header": (TRAIN_IMAGES, rewrite(lambda whole: whole[:9]), "truncated"),
    "too long": (TRAIN_IMAGES, rewrite(lambda whole: whole * 2), "longer than its header says"),
    "labels for images": (TRAIN_IMAGES, rewrite(lambda whole: contents()[TRAIN_LABELS]), "wrong magic number"),
    "a web page": (TEST_LABELS, rewrite(lambda whole: b"<!DOCTYPE html>"), "wrong magic number"),
    "gzip in a raw name": (TEST_IMAGES, rewrite(gzip.compress), "compressed, but its name does not"),
    "not gzip": (TEST_IMAGES, lambda path: path.rename(f"{path}.gz"), "not a gzip file, or damaged"),
    "cut gzip": (TEST_IMAGES, replace_by_cut_gzip, "truncated"),
    "no samples": (TEST_LABELS, rewrite(lambda whole: idx_bytes(np.empty(0))), "no data: the shape in its header is"),
}
MINE = {
    "fewer labels": (TRAIN_LABELS, rewrite(lambda whole: idx_bytes(np.arange(11) % 3)), "12 images .* 11 labels"),
    "other size": (TEST_IMAGES, rewrite(lambda whole: idx_bytes(np.ones((6, 4, 5)))), "have the shape"),
    "unseen class": (TEST_LABELS, rewrite(lambda whole: idx_bytes(np.arange(6))), "a test label is 5"),
    "one class": (TRAIN_LABELS, rewrite(lambda whole: idx_bytes(np.zeros(12))), "labels name one class, 0;"),
    "one other class": (TRAIN_LABELS, rewrite(lambda whole: idx_bytes(np.ones(12))), "labels name one class, 1;"),
    "a class to test in a gap": (TRAIN_LABELS, rewrite(lambda whole: idx_bytes(np.arange(12) % 2 * 2)), "label is 1,"),
}
OTHER_BYTES = {
    "one bit": (TRAIN_IMAGES, rewrite(lambda whole: whole[:-1] + bytes((whole[-1] ^ 1,))), "the SHA-256 of its"),
    "other size": (TEST_LABELS, rewrite(lambda whole: idx_bytes(np.arange(5) % 3)), "the SHA-256 of its content"),
}


@pytest.mark.parametrize("damage", [*DAMAGE, *MINE])
def test_a_damaged_data_set_of_ones_own_is_refused_and_nothing_written(machine, damage):
    file, harm, complaint = (DAMAGE | MINE)[damage]
    folder = write(machine / "mine", contents())
    harm(folder / file)
    before = listing(machine)
    with pytest.raises(DataError, match=complaint) as refusal:
        load(str(folder))
    assert refusal.value.exit_code == 2
    assert file in str(refusal.value) or str(folder) in str(refusal.value)
    assert listing(machine) == before


@pytest.mark.parametrize("damage", [*DAMAGE, *OTHER_BYTES])
def test_a_damaged_published_one_in_the_named_folder_is_refused_and_nothing_written(machine, damage):
    file, harm, complaint = (DAMAGE | OTHER_BYTES)[damage]
    write(machine / "cache/mnist", contents())  # a sound one elsewhere does not hide it
    folder = write(machine / "named/mnist", contents())
    harm(folder / file)
    before = listing(machine)
    with pytest.raises(DataError, match=complaint) as refusal:
        load("mnist", machine / "named")
    assert f"{folder / file}" in str(refusal.value)
    assert "lrarun data fetch" in str(refusal.value)
    assert listing(machine) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_read_is_refused(machine, what):
    folder = write(machine / "named", contents())
    path = folder if what == "folder" else folder / TEST_LABELS
    path.chmod(0)
    try:
        with pytest.raises(DataError, match="can be read|cannot be read: Permission denied"):
            load("mnist", folder)
    finally:
        path.chmod(0o700)


def test_a_file_named_as_the_folder_is_refused(machine):
    (machine / "file").write_bytes(b"")
    with pytest.raises(DataError, match="not a readable folder"):
        load("mnist", machine / "file")


@pytest.mark.parametrize(
    "name, hint",
    [
        ("mnsit", "did you mean 'mnist'"),
        ("zzz", "known are"),
        ("/nowhere/at/all", "no such folder"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, hint):
    with pytest.raises(DataError, match=hint):
        load(name)
    with pytest.raises(DataError):
        fetch(name)


# --- data sets of the user's own


@pytest.mark.parametrize("packed", [False, True])
def test_ones_own_folder_is_read(machine, packed):
    folder = write(machine / "mine", contents(), packed)
    dataset = load(str(folder))
    assert_is_the_small_one(dataset)
    assert dataset.name == "mine"
    assert isinstance(dataset.train_images.base, np.memmap)


def test_the_fingerprint_is_that_of_the_content(machine):
    packed = load(str(write(machine / "packed", contents(), packed=True)))
    raw = load(str(write(machine / "raw", contents())))
    other = load(str(write(machine / "other", contents(seed=1))))
    digests = "".join(hashlib.sha256(content).hexdigest() for content in contents().values())
    assert packed.fingerprint == raw.fingerprint == hashlib.sha256(digests.encode()).hexdigest()
    assert other.fingerprint != raw.fingerprint
