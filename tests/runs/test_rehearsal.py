"""A rule's first step is tried by ``lrarun validate`` and ``train --dry-run``, as training would make it."""

from __future__ import annotations

import json

import pytest

from lrarun.engine.training import Training
from lrarun.runs import rehearsal
from lrarun.runs.rehearsal import check_first_steps
from lrarun.specs.build import read_specs
from lrarun.specs.dataset_check import check_datasets
from tests.support.own_rule import RETURN, RULE, WRITE, line_of, with_mistake
from tests.support.small_runs import write_dataset

SPEC = {"dataset": "own.npz", "depth": 2, "width": 24, "batch_size": 10, "validation": 50, "epochs": 1}


@pytest.fixture
def spec_file(plugin, tmp_path):
    """Registers a rule with some content, and writes a spec of it; returns the spec's path."""
    write_dataset(tmp_path / "own.npz", samples=200)

    def make(content, **settings):
        plugin(content)
        path = tmp_path / "mine.yaml"
        path.write_text(json.dumps({"algorithm": "sign-symmetry", **SPEC, **settings}))
        return path

    return make


@pytest.fixture
def with_plugin(call, tmp_path):
    """Calls a command with the plugin of the test."""
    return lambda *words: call(*words, "--plugin", tmp_path / "sign_symmetry.py")


BROKEN_PROMISES = {
    "nothing written": (WRITE, "pass"),
    "one layer left out": (WRITE, f"l == 2 or {WRITE}"),
    "params changed": (RETURN, f"params['W'][1] -= grads['W'][1]\n        {RETURN}"),
    "no record": (RETURN, "pass"),
}


@pytest.mark.parametrize("case", BROKEN_PROMISES)
@pytest.mark.parametrize("dataset", ["own.npz", "mnist"])
def test_a_step_that_training_would_refuse_is_not_valid_and_said_once(spec_file, with_plugin, case, dataset):
    content = with_mistake(*BROKEN_PROMISES[case])
    path = spec_file(content, dataset=dataset)
    place = f"step of sign-symmetry (sign_symmetry.py, line {line_of(content, 'def step')}) "
    for words in (["validate"], ["train", "--dry-run"]):
        done = with_plugin(*words, path)
        assert done.code == 2 and done.err.count(place) == 1 and f"{path}:1:15: {place}" in done.err, words
    assert not (path.parent / "results").exists()
    if dataset == "mnist":
        return
    message = with_plugin("validate", path).err.partition(place)[2].splitlines()[0]
    trained = with_plugin("train", path, "--jobs", 1)
    assert trained.code == 3 and trained.err.count(place + message) == 1, "in the same words, once"
    quiet = with_plugin("train", path, "--jobs", 1, "--quiet")
    assert quiet.code == 3 and quiet.err.count(place + message) == 1


@pytest.mark.parametrize(
    "wrong, phrase",
    [
        (("delta = z[L] - y", "delta = z[L] - nothing"), "NameError: name 'nothing' is not defined (sign_symmetry.py"),
        ((RETURN, "raise SystemExit(0)"), "SystemExit: 0 (sign_symmetry.py"),
        ((WRITE, WRITE.replace("z[l - 1]", "z[l - 1].mT")), "ValueError: "),
    ],
)
def test_any_error_in_the_first_step_is_told_with_the_rules_own_line(spec_file, with_plugin, wrong, phrase):
    done = with_plugin("validate", spec_file(with_mistake(*wrong)))
    assert done.code == 2 and "the first step, tried on made-up images, fails: " in done.err and phrase in done.err
    assert "Traceback" not in done.err
    report = json.loads(with_plugin("validate", "mine.yaml", "--json").out)
    assert [problem["column"] for problem in report[0]["problems"]] == [15]


def test_a_sound_rule_passes_and_one_that_diverges_at_once_is_left_to_training(spec_file, with_plugin):
    assert with_plugin("validate", spec_file(RULE)).code == 0
    diverges = with_mistake(WRITE, WRITE.replace("delta", "delta * np.inf"))
    assert with_plugin("validate", spec_file(diverges)).code == 0


def counted(monkeypatch):
    """The specs whose training is begun."""
    begun, advance = [], Training.advance
    monkeypatch.setattr(Training, "advance", lambda self, *more: (begun.append(self.spec), advance(self, *more))[1])
    return begun


def test_each_rule_with_its_settings_is_tried_once_per_shape(spec_file, monkeypatch):
    sweep = {"seed": [0, 1, 2], "optimizer": ["sgd", "adam"], "activation": ["tanh", "sigmoid"]}
    path = spec_file(RULE, sweep=sweep)
    begun = counted(monkeypatch)
    file = read_specs(path)
    check_first_steps(file, check_datasets(file, whole=True))
    assert [spec.algorithm.activation.name for spec in begun] == ["tanh", "sigmoid"]
    assert all((spec.depth, spec.width, spec.batch_size) == (2, 24, 10) for spec in begun)


def test_lrarun_s_own_rules_and_networks_too_large_are_not_tried(spec_file, monkeypatch):
    begun = counted(monkeypatch)
    for settings in ({"algorithm": "lra-e"}, {"width": 4096}):
        file = read_specs(spec_file(RULE, **settings))
        check_first_steps(file, check_datasets(file, whole=True))
    assert begun == []


def test_a_huge_mini_batch_is_tried_with_fewer_images(spec_file, monkeypatch):
    begun = counted(monkeypatch)
    file = read_specs(spec_file(RULE, batch_size=10**9))
    check_first_steps(file, check_datasets(file, whole=True))
    assert [spec.batch_size for spec in begun] == [rehearsal.MOST_SAMPLES]


def test_a_finished_run_whose_rule_was_edited_since_is_no_obstacle_to_a_dry_run(spec_file, with_plugin):
    path = spec_file(RULE)
    assert with_plugin("train", path, "--jobs", 1).code == 0
    spec_file(with_mistake(WRITE, "pass"))
    done = with_plugin("train", path, "--dry-run")
    assert done.code == 0 and "finished, but stale" in done.out
