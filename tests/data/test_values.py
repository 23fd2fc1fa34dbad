"""What a data set of one's own holds: refused or warned of before any run, in either part."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lrarun
from lrarun.data.dataset import Dataset
from lrarun.data.load import load, load_to_train
from lrarun.data.values import check_dtype, warn_of_values
from lrarun.engine.training import Training
from lrarun.errors import DataError
from lrarun.runs.run import run
from lrarun.specs.build import make_spec
from tests.support.tiny_data import contents, idx_bytes, write

SPEC = {"depth": 1, "width": 16, "algorithm": "backprop", "epochs": 2, "validation": 10, "batch_size": 10}
COMMANDS = (["validate"], ["train", "--dry-run"], ["train", "--jobs", "1"], ["train", "--jobs", "2"])


def parts(**changes):
    """60 training and 20 test images of 16 values from 0 to 1, in three classes; each part can be changed."""
    rng = np.random.default_rng(0)
    made = {
        "train_images": rng.random((60, 16)),
        "train_labels": np.arange(60) % 3,
        "test_images": rng.random((20, 16)),
        "test_labels": np.arange(20) % 3,
    }
    return {key: changes[key](array) if key in changes else array for key, array in made.items()}


def dataset(**changes):
    return Dataset("made", **parts(**changes), classes=3, fingerprint="")


def with_value(value, dtype=np.float64):
    def change(images):
        images = images.astype(dtype)
        images[3, 5] = value
        return images

    return change


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes d.npz with changed parts, and a spec of it; returns the spec's path."""
    monkeypatch.chdir(tmp_path)

    def make(settings=None, **changes):
        np.savez("d.npz", **parts(**changes))
        (tmp_path / "s.yaml").write_text(json.dumps({"dataset": "d.npz", **SPEC, **(settings or {})}, indent=1))
        return tmp_path / "s.yaml"

    return make


# --- finite in the run's dtype


@pytest.mark.parametrize("part", ["train_images", "test_images"])
@pytest.mark.parametrize("value", [1e300, -1e300, 3.5e38])
def test_what_is_infinite_in_the_runs_dtype_is_refused_everywhere(file, call, part, value):
    path = file(**{part: with_value(value)})
    phrase = f"d.npz: {part}[3, 5] is {value:.6g}, which is not finite in float32, the run's dtype: scale the images or"
    for words in COMMANDS:
        done = call(*words, path)
        assert (done.code, done.out) == (2, "") and phrase in done.err and "Traceback" not in done.err, words
        assert "lrarun: d.npz: train_images go from" not in done.err, "what is refused need not be warned of"
    with pytest.raises(DataError) as refusal:
        lrarun.train({"dataset": "d.npz", **SPEC})
    assert phrase in str(refusal.value)
    assert not (path.parent / "results").exists()


@pytest.mark.parametrize("part", ["train_images", "test_images"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_at_all_is_refused_everywhere(file, call, part, value):
    path = file(**{part: with_value(value, np.float32)})
    for words in COMMANDS:
        done = call(*words, path)
        assert done.code == 2 and f"d.npz: {part} holds NaN or infinity, first at {part}[3, 5]" in done.err, words


def test_the_dtype_decides(file, call):
    path = file({"dtype": "float64"}, test_images=with_value(1e300))
    assert call("validate", path).code == 0
    done = call("validate", file({"sweep": {"dtype": ["float64", "float32"]}}, test_images=with_value(1e300)))
    assert done.code == 2 and done.err.count("not finite in float32") == 1 and "not finite in float64" not in done.err
    text = "---\n".join(json.dumps({"dataset": "d.npz", **SPEC, "dtype": f"float{n}"}) + "\n" for n in (64, 32))
    path.write_text(text)
    assert "s.yaml:3:13: " in call("validate", path).err, "the document that asks for it"


@pytest.mark.skipif(np.finfo(np.longdouble).max <= np.finfo(np.float64).max, reason="no longer type here")
def test_a_longer_type_than_the_run_has_may_not_be_finite_in_float64_either():
    data = dataset(test_images=with_value(np.longdouble("1e4000"), np.longdouble))
    with pytest.raises(DataError, match=r"test_images\[3, 5\].* in float64, the run's dtype: scale the images$"):
        check_dtype("d", data, "float64")


def test_values_that_fit_are_no_ones_concern():
    largest = float(np.finfo(np.float32).max)
    for dtype in ("float32", "float64"):
        check_dtype("d", dataset(train_images=with_value(largest), test_images=with_value(-largest)), dtype)
        check_dtype("d", dataset(train_images=lambda a: a.astype(np.float16)), dtype)
        check_dtype("d", dataset(train_images=lambda a: (255 * a).astype(np.uint8)), dtype)


# --- scores


@pytest.mark.parametrize("part, words", [("train_images", "training"), ("test_images", "test")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_score_that_is_not_finite_never_makes_a_finished_run(tmp_path, monkeypatch, part, words, value):
    """As where a rule's prediction, or an image that no check has seen, makes it so: after the last epoch."""
    spec = make_spec({"dataset": "made", **SPEC})
    data = dataset()
    score = Training.final_scores

    def spoilt(training):
        getattr(data, part)[...] = value
        return score(training)

    monkeypatch.setattr(Training, "final_scores", spoilt)
    result = run(spec, data, tmp_path)
    assert result.state == "diverged" and result.test_error is None and result.train_error is None
    assert result.reason == (
        f"the loss is not finite on the {words} images, in the parameters of epoch {result.best_epoch}"
    )
    record = (result.folder / "run.json").read_text()
    assert "NaN" not in record and "Infinity" not in record and "test_error" not in record
    assert {path.name for path in result.folder.iterdir()} == {".lock", "log.csv", "run.json", "spec.yaml"}
    assert len((result.folder / "log.csv").read_text().splitlines()) == 1 + spec.epochs
    assert run(spec, data, tmp_path).record == result.record, "it would diverge again"


def test_an_error_counted_from_nan_is_not_the_best(tmp_path):
    """The class of a NaN is 0, which is right for some images."""
    data = dataset(train_images=lambda a: np.inf * a)
    result = run(make_spec({"dataset": "made", **SPEC}), data, tmp_path)
    assert result.state == "diverged" and result.best_epoch is None and result.validation_error is None
    assert "Infinity" not in (result.folder / "run.json").read_text()


# --- ranges

BYTES = np.uint8
ALIKE = {
    "both in 0..1": {},
    "a little smaller": {"test_images": lambda a: a * 0.6},
    "bytes beside 0..1": {"test_images": lambda a: (255 * a).astype(BYTES)},
    "both standardised": {"train_images": lambda a: 6 * a - 3, "test_images": lambda a: 5 * a - 2},
    "rounding below zero": {"test_images": lambda a: a - 0.01},
    "an outlier": {"train_images": lambda a: 8 * a - 4, "test_images": lambda a: with_value(9.0)(8 * a - 4)},
}
DIFFERENT = {
    "0..255 to test": {"test_images": lambda a: 255 * a},
    "0..255 to train": {"train_images": lambda a: 255 * a},
    "both bytes, 0..1 to train": {
        "train_images": lambda a: (2 * a).astype(BYTES),
        "test_images": lambda a: (255 * a).astype(BYTES),
    },
    "bytes beside 0..255": {"train_images": lambda a: (255 * a).astype(BYTES), "test_images": lambda a: 255 * a},
    "-1..1 to test": {"test_images": lambda a: 2 * a - 1},
    "-0.5..0.5 to train": {"train_images": lambda a: a - 0.5},
    "all of them 0": {"test_images": lambda a: 0 * a},
}


@pytest.mark.parametrize("case", [*ALIKE, *DIFFERENT])
def test_parts_that_are_scaled_differently_are_warned_of(file, call, case):
    path = file({"epochs": 1}, **(ALIKE | DIFFERENT)[case])
    for words in COMMANDS[:3]:
        done = call(*words, path)
        assert done.code == 0 and done.err.count("scale both alike") == (case in DIFFERENT), words


ODD = {
    "bytes of 0 and 1": (lambda a: (2 * a).astype(BYTES), "the images are bytes of 0 and 1"),
    "one value": (lambda a: 0 * a + 0.5, "every pixel of every image is 0.5: there is nothing to learn"),
    "floats that look like bytes": (lambda a: 255 * a, "used as they are. Rules expect 0 to 1: divide by 25"),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_range_is_warned_of(file, call, case):
    change, phrase = ODD[case]
    done = call("validate", file(train_images=change, test_images=change))
    assert done.code == 0 and done.err.count(phrase) == 1
    assert "used as they are" not in call("validate", file()).err


# --- labels


def labels(form, tmp_path, train, test):
    """The path of a data set with these labels, as one file or four."""
    images = [
        np.zeros((len(part), 2, 2), np.uint8) + np.arange(4, dtype=np.uint8).reshape(2, 2) for part in (train, test)
    ]
    if form == "npz":
        arrays = {"train_images": images[0], "train_labels": train, "test_images": images[1], "test_labels": test}
        np.savez(tmp_path / "own.npz", **arrays)
        return str(tmp_path / "own.npz")
    arrays = [images[0], np.array(train), images[1], np.array(test)]
    return str(write(tmp_path / "own", dict(zip(contents(), map(idx_bytes, arrays)))))


ONE_CLASS = "all training labels name one class"
UNSEEN = "but no training label is; every class must have training images"


@pytest.mark.parametrize("form", ["npz", "idx"])
@pytest.mark.parametrize(
    "train, test, complaint",
    [
        ([0] * 9, [0] * 3, ONE_CLASS),
        ([1] * 9, [1] * 3, ONE_CLASS),
        ([255] * 9, [255] * 3, ONE_CLASS),
        ([1] * 9, [0] * 3, ONE_CLASS),
        ([0, 1] * 5, [0, 2], UNSEEN),
        ([0, 2] * 5, [0, 1, 2], UNSEEN),
        ([1, 2] * 5, [0, 1, 2], UNSEEN),
        ([0, 1] * 5, [0, 0], None),
        ([0, 1, 2] * 5, [2], None),
    ],
)
def test_every_class_needs_training_images_and_there_are_two_or_more(tmp_path, form, train, test, complaint):
    name = labels(form, tmp_path, train, test)
    if complaint is None:
        assert load(name).classes == max(train) + 1
        return
    with pytest.raises(DataError, match=complaint) as refusal:
        load(name)
    assert str(refusal.value).startswith(f"{name}: ")


@pytest.mark.parametrize("form", ["npz", "idx"])
@pytest.mark.parametrize(
    "train, absent",
    [
        ([0, 1, 2], ""),
        ([0, 2], "1"),
        ([1, 2, 3], "0"),
        ([3, 8], "0, 1, 2, 4, 5, ..."),
        ([0, 255], "1, 2, 3, 4, 5, ..."),
    ],
)
def test_a_gap_in_the_labels_is_warned_of(tmp_path, caplog, form, train, absent):
    data = load_to_train(labels(form, tmp_path, train * 5, train))
    assert data.classes == max(train) + 1
    assert (f"no image has the label {absent}: number the classes from 0 without a gap" in caplog.text) == bool(absent)
    assert (f"the network has {max(train) + 1} outputs" in caplog.text) == bool(absent)


def test_describe_warns_as_training_does(file, call):
    file(train_labels=lambda a: (a > 0) * 2, test_labels=lambda a: 0 * a)
    done = call("describe", "d.npz")
    assert done.code == 0 and "no image has the label 1" in done.err and "with 3 classes" in done.out


def test_a_sound_data_set_is_not_warned_of(caplog):
    warn_of_values("d", dataset())
    assert caplog.text == ""


# --- a folder that has a published data set's name


@pytest.mark.parametrize("name, warned", [("mnist", True), ("./mnist", False)])
def test_a_folder_named_like_a_published_data_set_is_warned_of(machine, call, name, warned):
    write(machine / "cache" / "mnist", contents())
    write(machine / "work" / "mnist", contents(seed=1))
    settings = {"dataset": name, **SPEC, "validation": 2, "epochs": 1}
    path = machine / "s.yaml"
    path.write_text(json.dumps(settings))
    phrase = "mnist is the published data set, not the folder mnist that is here; write ./mnist for that one"
    for words in COMMANDS[:3]:
        done = call(*words, path)
        assert done.code == 0 and done.err.count(phrase) == warned, words
    (folder,) = (machine / "work" / "results").iterdir()
    digest = json.loads((folder / "run.json").read_text())["dataset_sha256"]
    assert digest == load(name).fingerprint != load("./mnist" if warned else "mnist").fingerprint


@pytest.mark.parametrize("held", [contents(), {"notes.txt": b"no data"}])
def test_a_folder_with_the_published_files_or_none_is_not_warned_of(machine, call, held):
    write(machine / "cache" / "mnist", contents())
    write(machine / "work" / "mnist", held)
    (machine / "s.yaml").write_text(json.dumps({**SPEC, "validation": 2}))
    assert "is the published" not in call("validate", machine / "s.yaml").err
