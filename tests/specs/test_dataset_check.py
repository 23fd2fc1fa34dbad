"""What a spec asks of its data set and its probes of its rule: refused before training if training would refuse it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from lrarun.algorithms.backprop import Backprop
from lrarun.algorithms.registry import algorithms
from lrarun.data.load import load, training_samples
from lrarun.engine.probes import PROBES
from lrarun.engine.training import Training
from lrarun.errors import DataError, SpecError, UsageError
from lrarun.specs.build import load_specs, make_spec, read_specs
from lrarun.specs.dataset_check import check_datasets
from tests.support.small_runs import SMALL, write_dataset
from tests.support.synthetic import synthetic_dataset
from tests.support.tiny_data import arrays, contents, listing, write

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def own(folder, form):
    """The small data set as one of the user's own, of 12 training images; its path."""
    if form == "npz":
        np.savez_compressed(folder / "own.npz", **dict(zip(KEYS, arrays().values())))
        return str(folder / "own.npz")
    return str(write(folder / form, contents(), packed=form == "packed"))


def spec_file(folder, **settings):
    path = folder / "mine.yaml"
    path.write_text(json.dumps({**SMALL, "algorithm": "backprop"} | settings, indent=1))
    return path


@pytest.mark.parametrize("form", ["raw", "packed", "npz"])
@pytest.mark.parametrize("validation", [1, 11, 12, 13, 10**9])
def test_a_validation_count_is_refused_just_where_training_would_refuse_it(machine, form, validation):
    name = own(machine, form)
    path = spec_file(machine, dataset=name, validation=validation)
    (spec,) = load_specs(path)  # reading alone does not look for the data set
    try:
        Training(spec, load(name))
    except UsageError:
        with pytest.raises(SpecError) as refusal:
            check_datasets(read_specs(path), {name})
        (problem,) = refusal.value.problems
        assert f'"validation": {validation}' in problem.snippet
        assert f"less than 12, the number of training images in {name}, not {validation}" in problem.message
    else:
        file = read_specs(path)
        check_datasets(file)
        assert file.specs() == [spec]


@pytest.mark.parametrize("form", ["raw", "packed", "npz"])
def test_only_headers_are_read_and_nothing_is_written(machine, form):
    name = own(machine, form)
    if form == "npz":
        large = {key: np.zeros((12, 200, 200), np.uint8) for key in KEYS if "images" in key}
        np.savez(name, **dict(zip(KEYS, arrays().values())) | large | {"test_labels": np.arange(12) % 3})
        content = bytearray((machine / "own.npz").read_bytes())
        content[200_000] ^= 1  # within the training images
        (machine / "own.npz").write_bytes(content)
    else:
        images = next((machine / form).glob("train-images*"))
        images.write_bytes(images.read_bytes()[:-20])
    before = listing(machine)
    assert training_samples(name) == 12
    assert listing(machine) == before
    with pytest.raises(DataError):
        load(name)


@pytest.mark.parametrize("samples, validation, fits", [(60_000, 59_999, True), (60_000, 60_000, False)])
def test_the_size_of_a_published_data_set_is_known_without_it(machine, samples, validation, fits):
    path = spec_file(machine, validation=validation)
    assert training_samples("mnist") == samples
    if fits:
        check_datasets(read_specs(path))
        assert load_specs(path)[0].validation == validation
        return
    with pytest.raises(SpecError, match=f"less than {samples}"):
        load_specs(path)
    with pytest.raises(SpecError, match=f"less than {samples}"):
        make_spec({"algorithm": "lra-e", "validation": validation})


def test_a_data_set_that_is_not_named_is_not_looked_for(machine):
    path = spec_file(machine, dataset="gone.npz")
    check_datasets(read_specs(path), {"other.npz"})
    with pytest.raises(SpecError, match="no such folder or file"):
        check_datasets(read_specs(path), {"gone.npz"})


def test_a_count_that_the_spec_is_silent_on_is_told_at_the_data_set(machine):
    path = machine / "mine.yaml"
    path.write_text(f"algorithm: lra-e\ndataset: {own(machine, 'npz')}\n")
    with pytest.raises(SpecError, match="not 2000, the default") as refusal:
        check_datasets(read_specs(path))
    assert [(problem.line, problem.column) for problem in refusal.value.problems] == [(2, 10)]


NO_DATA_SETS = {
    "notes.txt": "not a data set; a data set is a folder with IDX files, or an .npz file",
    "text.npz": "not an .npz file, or cut short. Write one with numpy.savez",
    "gone.npz": "no such folder or file",
    "gone/away": "no such folder or file",
    "empty": "a folder without IDX files",
    "half": "train-labels-idx1-ubyte: missing",
    "zzz": "unknown data set 'zzz'",
    "~nobody-of-that-name/digits": "no such folder or file",
}


@pytest.mark.parametrize("name", NO_DATA_SETS)
def test_what_is_no_data_set_is_refused_by_every_command_that_would_train_on_it(machine, monkeypatch, call, name):
    monkeypatch.chdir(machine)
    for text in ("notes.txt", "text.npz"):
        (machine / text).write_text("not what it seems")
    (machine / "empty").mkdir()
    write(machine / "half", dict([next(iter(contents().items()))]))
    path = spec_file(machine, dataset=name)
    line = 1 + path.read_text().splitlines().index(f' "dataset": "{name}"')
    before = listing(machine)
    for words in (["validate"], ["train", "--dry-run"], ["train"]):
        code, out, err = call(*words, path)
        assert (code, out) == (2, ""), words
        assert f"{path}:{line}:13: " in err
        assert NO_DATA_SETS[name] in err and '"dataset": ' in err, "the line is shown"
    assert listing(machine) == before
    with pytest.raises(DataError):
        load(name)
    assert load_specs(path), "who only reads results needs no data set"


def nan_pixel(parts):
    parts["train_images"] = parts["train_images"] / np.float32(255)
    parts["train_images"].flat[-1] = np.nan


def with_label(which, value):
    def change(parts):
        parts[which] = parts[which].astype(np.int64)
        parts[which][-1] = value

    return change


DAMAGE = {
    "a NaN pixel": (nan_pixel, "train_images holds NaN or infinity"),
    "a negative label": (with_label("train_labels", -1), r"train_labels goes from -1 to .*; labels are 0 to 255"),
    "a large label": (with_label("train_labels", 300), r"train_labels goes from 0 to 300; labels are 0 to 255"),
    "a class of the test set alone": (with_label("test_labels", 9), "a test label is 9"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_data_set_that_training_would_refuse_for_what_it_holds_is_not_valid(machine, call, case):
    change, phrase = DAMAGE[case]
    parts = {key: array.copy() for key, array in zip(KEYS, arrays().values())}
    change(parts)
    np.savez(machine / "own.npz", **parts)
    path = spec_file(machine, dataset=str(machine / "own.npz"), validation=2)
    refused = call("validate", path)
    assert refused.code == 2 and refused.out == "" and re.search(phrase, refused.err) and f"{path}:" in refused.err
    assert re.search(phrase, call("train", path).err)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_cut_short_is_not_valid(machine, call, packed):
    folder = write(machine / "mine", contents(), packed)
    path = spec_file(machine, dataset=str(folder), validation=2)
    assert call("validate", path).code == 0
    images = next(folder.glob("train-images*"))
    images.write_bytes(images.read_bytes()[:-9])
    done = call("validate", path)
    assert done.code == 2 and "truncated" in done.err
    check_datasets(read_specs(path))  # its header is sound


def test_validate_reads_no_published_data_set(machine, call, monkeypatch):
    monkeypatch.setattr("lrarun.data.load.load", lambda *_: pytest.fail("loaded"))
    assert call("validate", spec_file(machine, dataset="mnist", validation=2)).code == 0


@pytest.mark.parametrize(
    "scale, shift, dtype, warned",
    [
        (255, 0, np.float32, True),
        (255, 0, np.float64, True),
        (16, 0, np.float32, True),
        (1, 0, np.float64, False),
        (255, -99, np.float32, False),
        (255, 0, np.uint8, False),
    ],
)
def test_floats_that_look_like_bytes_are_warned_of_before_they_are_trained_on(
    machine, monkeypatch, call, scale, shift, dtype, warned
):
    monkeypatch.chdir(machine)
    parts = dict(zip(KEYS, arrays().values()))
    for key in ("train_images", "test_images"):
        parts[key] = (parts[key] / 255 * scale + shift).astype(dtype)
    np.savez(machine / "own.npz", **parts)
    path = spec_file(machine, dataset="own.npz", validation=2, epochs=1)
    for words in (["validate"], ["train", "--jobs", "1"]):
        done = call(*words, path)
        assert done.code == 0
        assert done.err.count("used as they are. Rules expect 0 to 1: divide by") == warned, words
    low, high = parts["train_images"].min(), parts["train_images"].max()
    assert f"{low:.6g} to {high:.6g}, " in call("describe", "own.npz").out


def test_a_finished_run_needs_its_data_set_no_more(machine, monkeypatch, call):
    monkeypatch.chdir(machine)
    name = write_dataset(machine / "own.npz")
    path = spec_file(machine, dataset=name, epochs=1)
    assert call("train", path, "--quiet").code == 0
    (machine / "own.npz").unlink()
    assert call("train", path).code == call("train", path, "--dry-run").code == 0
    assert call("train", path, "--force").code == call("validate", path).code == 2


def test_every_mistake_of_all_documents_is_told_at_once(machine):
    name = own(machine, "npz")
    path = machine / "mine.yaml"
    path.write_text(
        f"algorithm: rfa\nprobes: [discrepancy]\n---\nalgorithm: rfa\nvalidation: 12\ndataset: {name}\n"
        "---\nalgorithm: rfa\ndataset: gone.npz\n"
    )
    with pytest.raises(SpecError) as refusal:
        check_datasets(read_specs(path))
    assert [(problem.line, problem.column) for problem in refusal.value.problems] == [(2, 10), (5, 13), (9, 10)]


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("rule", algorithms())
def test_a_probe_is_refused_just_where_it_could_not_measure(rule, probe):
    plain = make_spec({**SMALL, "dataset": "synthetic", "algorithm": rule, "epochs": 1})
    data = synthetic_dataset(samples=100)
    kind = PROBES[probe]
    measured = Training(plain, data)
    try:
        # As if nothing had been checked.
        measured.observers = [kind().start(plain.algorithm, measured.params)]
        measured.advance()
        able = True
    except (AttributeError, KeyError):
        able = False
    assert kind.measures(type(plain.algorithm)) == able
    if able:
        assert make_spec(plain.to_dict() | {"probes": [probe]}).probes == (kind(),)
        return
    with pytest.raises(SpecError, match=f"the probe '{probe}' is for .*not for '{rule}'") as refusal:
        make_spec(plain.to_dict() | {"probes": [probe]})
    for other, other_kind in algorithms().items():
        named = other in str(refusal.value).partition("(")[2].partition(")")[0].split(", ")
        assert named == kind.measures(other_kind)
    with pytest.raises(UsageError, match="is for rules that"):
        kind().observe(plain.algorithm, measured.params)


def test_the_angle_is_for_rules_that_learn_what_backprop_does():
    class OnlyWeights(Backprop):
        learned = ("W",)

    assert PROBES["angle"].measures(Backprop) and not PROBES["angle"].measures(OnlyWeights)
    assert "rules that learn W and c" in PROBES["angle"].refusal(OnlyWeights)


def test_a_batch_larger_than_the_training_set_is_all_of_it_and_takes_no_more_memory():
    data = synthetic_dataset(samples=650)
    specs = [
        make_spec({**SMALL, "dataset": "synthetic", "algorithm": "lra-e", "batch_size": size}) for size in (600, 10**9)
    ]
    whole, larger = (Training(spec, data) for spec in specs)
    for _ in range(2):
        whole.advance(), larger.advance()
    assert larger.batches == 1
    for l, W in whole.params["W"].items():
        np.testing.assert_array_equal(W, larger.params["W"][l])
