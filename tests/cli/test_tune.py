"""``lrarun tune``: what it prints, writes and refuses."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import sys

import pytest

from lrarun.report.figures.files import styled
from lrarun.specs.build import load_specs
from lrarun.tuning.picture import draw
from tests.support.small_runs import write_dataset
from tests.support.small_search import study_of, trained, write_search

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    budget = {"trials": 6, "epochs": 2, "quasi_random": 4}
    return write_search(folder / "s.yaml", write_dataset(folder / "d.npz"), budget=budget, epochs=2)


@pytest.fixture
def tune(call, file, tmp_path):
    return lambda *more: call("tune", file, "--results", tmp_path / "results", "--jobs", 1, *more)


def test_from_the_search_to_the_winners_run(call, tune, tmp_path):
    winner = tmp_path / "winner.yaml"
    code, out, err = tune("--out", winner)
    assert code == 0
    assert "6 trials of 2 epochs" in out and out.splitlines()[2].split()[:3] == ["rank", "trial", "state"]
    assert f"train it: lrarun train {winner}" in err
    specs = load_specs(winner)
    assert [spec.seed for spec in specs] == [1, 2, 3]
    assert call("train", winner, "--results", tmp_path / "results", "--quiet").code == 0
    rows = json.loads(call("status", winner, "--results", tmp_path / "results", "--json").out)
    assert all(row["test_error"] is not None for row in rows)


def test_the_table_names_each_trial_s_run_as_show_takes_it(call, tune, tmp_path):
    digests = [line.split()[-1] for line in tune().out.splitlines()[4:]]
    assert len(digests) == 6
    shown = call("show", digests[0], "--results", tmp_path / "results", "--json")
    best = next(csv.DictReader(tune("--format", "csv").out.splitlines()))
    assert json.loads(shown.out)["run_id"] == best["runs"]
    assert digests[0] not in tune("--format", "latex").out


def test_the_search_is_not_overwritten_by_its_winner(call, file, tmp_path):
    before = file.read_text()
    code, out, err = call("tune", file, "--results", tmp_path / "results", "--out", file)
    assert (code, out) == (2, "") and "the search itself" in err
    assert file.read_text() == before and not (tmp_path / "results").exists()


def test_a_second_call_trains_nothing_and_says_the_same(tune):
    first = tune("--format", "csv")
    second = tune("--format", "csv")
    assert second.out == first.out
    assert "to train" in first.err and "to train" not in second.err


def test_progress_names_trials_and_their_settings(tune):
    err = tune().err
    assert "(trial 0: optimizer " in err and "(trial 5: optimizer " in err
    assert ", learning_rate " in err and ", beta " in err


FAILING = """
from lrarun.rules import Algorithm

class Failing(Algorithm):
    name, title = "failing", "Failing"

    def step(self, params, x, y, grads, rng):
        if params["W"][1].shape[0] == 16:
            raise ValueError("sixteen is too many")
        for l in grads["W"]:
            grads["W"][l][...], grads["c"][l][...] = 0.0, 0.0
        return {"nll": 0.0}
"""


@pytest.mark.parametrize("quiet", [True, False])
def test_a_run_that_fails_says_why_also_if_nothing_else_is_said(call, tmp_path, plugin, quiet):
    data, budget = write_dataset(tmp_path / "d.npz"), {"trials": 4, "epochs": 1}
    file = write_search(tmp_path / "s.yaml", data, {"width": [8, 16]}, budget, algorithm="failing")
    how = ["--plugin", plugin(FAILING), "--results", tmp_path / "results", "--jobs", 1]
    code, out, err = call("tune", file, *how, *(["--quiet"] if quiet else []))
    assert (code, out) == (3, "") and "sixteen is too many" in err
    assert ("as said above" in err) == (not quiet)


def test_a_study_that_was_larger_once_keeps_its_trials_and_its_winner(tune, tmp_path):
    def winner():
        (path,) = (tmp_path / "results").glob("studies/*/winner.yaml")
        return path.read_text()

    tune()
    large, text = tune("--set", "search.trials=8", "--format", "csv").out, winner()
    assert tune("--format", "csv").out == large and winner() == text
    out = tune().out
    assert "of 8 trials" in out and "2 are more than search.trials asks for; they count, too." in out
    assert "8 of 8 trials have ended; at most 0 epochs left" in tune("--dry-run").out


def test_trials_that_repeat_another_are_counted(tune):
    space = "search.space={algorithm.reduction: [sum, mean]}"
    code, out, err = tune("--set", space)
    assert code == 0 and "4 trials tried what another did." in " ".join(out.split())
    assert "has the lowest validation error" in err and "(so low is trial " in err, "equal settings, equal errors"
    assert "tried what another did" not in tune().out


@pytest.mark.parametrize("dry", [True, False])
def test_trials_of_other_data_are_not_mixed_with_new_ones(call, tmp_path, dry):
    file = write_search(tmp_path / "s.yaml", write_dataset(tmp_path / "d.npz"), budget={"trials": 3, "epochs": 1})
    arguments = ["tune", file, "--results", tmp_path / "results", "--jobs", 1, "--quiet"]
    assert call(*arguments).code == 0
    before = files_in(tmp_path / "results")
    write_dataset(tmp_path / "d.npz", seed=1)
    code, _, err = call(*arguments, "--set", "search.trials=5", *(["--dry-run"] if dry else []))
    assert code == 2 and "3 runs of the study" in err and "its data set has changed since" in err
    assert files_in(tmp_path / "results") == before
    clean = shlex.split(err[err.index("lrarun clean") :].partition(" shows")[0])
    assert call(*clean[1:], "--yes").code == 0
    assert call(*arguments).code == 0


def test_stale_trials_of_another_study_are_not_taken_over(call, tmp_path):
    """A study with other pruning or another budget proposes the same settings, which are the same runs."""
    file = write_search(tmp_path / "s.yaml", write_dataset(tmp_path / "d.npz"), budget={"trials": 3, "epochs": 1})
    arguments = ["tune", file, "--results", tmp_path / "results", "--jobs", 1, "--quiet"]
    assert call(*arguments).code == 0
    taken_over = [*arguments, "--set", "search.prune=never"]
    assert call(*taken_over).code == 0, "on the same data they are"
    shutil.rmtree(tmp_path / "results" / "studies")
    write_dataset(tmp_path / "d.npz", seed=1)
    code, out, err = call(*taken_over)
    assert (code, out) == (2, "") and "its data set has changed since" in err
    assert not list(tmp_path.rglob("winner.yaml"))


def test_the_winner_is_not_written_over_a_data_set(call, tmp_path):
    data = write_dataset(tmp_path / "d.npz")
    file, before = write_search(tmp_path / "s.yaml", data), (tmp_path / "d.npz").read_bytes()
    code, out, err = call("tune", file, "--results", tmp_path / "results", "--out", data)
    assert (code, out) == (2, "") and ".yaml" in err
    assert (tmp_path / "d.npz").read_bytes() == before and not (tmp_path / "results").exists()


def test_a_failed_trial_says_so_and_why(call, tmp_path, plugin):
    data = write_dataset(tmp_path / "d.npz")
    file = write_search(tmp_path / "s.yaml", data, {"width": [8, 16]}, {"trials": 4, "epochs": 1}, algorithm="failing")
    plugin(FAILING)
    assert call("tune", file, "--results", tmp_path / "results", "--jobs", 1, "--quiet").code == 3
    shown = call("tune", file, "--results", tmp_path / "results", "--dry-run", "--format", "csv")
    failed = [row for row in csv.DictReader(io.StringIO(shown.out)) if row["state"] == "failed"]
    assert failed and all("Error" in row["reason"] for row in failed)


def test_after_stale_trials_are_removed_nothing_of_them_chooses_the_new_ones(call, tmp_path):
    budget = {"trials": 10, "epochs": 1, "quasi_random": 4}
    file = write_search(tmp_path / "s.yaml", write_dataset(tmp_path / "d.npz"), budget=budget)
    how = ["--jobs", 1, "--quiet", "--format", "csv"]
    first = call("tune", file, "--results", tmp_path / "one", *how).out
    write_dataset(tmp_path / "d.npz", seed=1)
    assert call("clean", "--results", tmp_path / "one", "--yes").code == 0
    again, anew = (call("tune", file, "--results", tmp_path / name, *how).out for name in ("one", "two"))
    assert again == anew != first


def test_trials_of_a_data_set_elsewhere_are_kept_and_the_way_out_is_said(call, tmp_path, monkeypatch):
    for number, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        write_dataset(tmp_path / name / "d.npz", seed=number)
        write_search(tmp_path / name / "s.yaml", "d.npz", budget={"trials": 2, "epochs": 1})
    tune = ["tune", "s.yaml", "--results", tmp_path / "results", "--jobs", 1, "--quiet"]
    monkeypatch.chdir(tmp_path / "a")
    assert call(*tune).code == 0
    monkeypatch.chdir(tmp_path / "b")
    code, _, err = call(*tune)
    assert code == 2 and str(tmp_path / "a" / "d.npz") in err and "absolute path" in err and "lrarun clean" not in err
    assert call(*tune[:3], tmp_path / "others", *tune[4:]).code == 0


def test_a_rule_that_was_mended_goes_on_and_one_that_was_changed_does_not(call, tmp_path, plugin):
    data = write_dataset(tmp_path / "d.npz")
    file = write_search(tmp_path / "s.yaml", data, {"width": [8, 16]}, {"trials": 4, "epochs": 1}, algorithm="failing")
    tune = ["tune", file, "--results", tmp_path / "results", "--jobs", 1, "--quiet"]
    plugin(FAILING)
    assert call(*tune).code == 3
    shutil.rmtree(next((tmp_path / "results").glob("d.npz-failing-2x8-*")), ignore_errors=True)
    plugin(FAILING.replace("== 16", "== 99"))
    assert call(*tune).code == 0
    plugin(FAILING.replace("== 16", "== 98"))
    code, _, err = call(*tune)
    assert code == 2 and "its rule's file has changed since" in err


def files_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_study_that_cannot_be_stored_is_refused_with_what_to_do(tune, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "studies").write_text("in the way")
    code, _, err = tune()
    assert code == 2 and "the study cannot be stored there" in err and "--results" in err


def test_a_finished_study_can_be_read_where_nothing_can_be_written(tune, tmp_path, monkeypatch):
    first = tune("--format", "csv").out

    def refuse(*_, **__):
        raise AssertionError("it wrote")

    monkeypatch.setattr("lrarun.tuning.study_file.write_atomic", refuse)
    monkeypatch.setattr("lrarun.runs.session.write_atomic", refuse)
    monkeypatch.setattr("lrarun.cli.support.printing.write", refuse)
    assert tune("--format", "csv").out == first


def test_every_format(tune, tmp_path):
    rows = list(csv.DictReader(io.StringIO(tune("--format", "csv").out)))
    assert len(rows) == 6
    assert [row["rank"] for row in rows if row["rank"]] == [str(n) for n in range(1, len(rows) + 1)][: len(rows)][
        : sum(row["state"] == "finished" for row in rows)
    ]
    errors = [float(row["validation_error"]) for row in rows if row["rank"]]
    assert errors == sorted(errors)
    same = json.loads(tune("--format", "json").out)
    assert [str(row["trial"]) for row in same] == [row["trial"] for row in rows]
    assert same[0]["optimizer"] in ("sgd", "adam") and same[0]["optimizer.learning_rate"] > 0
    assert "| rank " in tune("--format", "markdown").out
    assert r"\toprule" in tune("--format", "latex").out


def test_a_picture_of_the_error_over_each_key(tune, tmp_path):
    pytest.importorskip("matplotlib")
    assert tune("--plot", tmp_path / "p.svg").code == 0
    text = (tmp_path / "p.svg").read_text()
    for key in ("algorithm.beta", "optimizer.learning_rate", "winner"):
        assert key in text


@pytest.mark.parametrize(
    ("sgd", "adam", "scale"),
    [
        ({"low": 1e-6, "high": 0.01, "scale": "log"}, {"low": 1e-5, "high": 0.1, "scale": "log"}, "log"),
        ({"low": 1e-6, "high": 0.01, "scale": "log"}, {"low": 0.0, "high": 0.1}, "linear"),
        ([0.001, 0.01], {"low": 1e-6, "high": 0.1, "scale": "log"}, "log"),
    ],
)
def test_the_picture_shows_all_that_was_searched(tmp_path, sgd, adam, scale):
    pytest.importorskip("matplotlib")
    space = {"optimizer": {"sgd": {"weight_decay": sgd}, "adam": {"weight_decay": adam}}}
    file = write_search(tmp_path / "s.yaml", write_dataset(tmp_path / "d.npz"), space, {"trials": 4, "epochs": 1})
    study = study_of(file, tmp_path / "results")
    trials = trained(study)
    with styled():
        (axes,) = [each for each in draw(study.search, trials).axes if each.get_title() == "optimizer.weight_decay"]
    low, high = axes.get_xlim()
    ends = [end for each in (sgd, adam) for end in (each if isinstance(each, list) else (each["low"], each["high"]))]
    assert low < min(ends) and high > max(ends) and axes.get_xscale() == scale
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert scale == "linear" or ("0.0001" in labels and not any("$" in label for label in labels))


def test_a_dry_run_says_what_is_left_and_writes_nothing(tune, tmp_path):
    code, out, err = tune("--dry-run")
    assert (code, err) == (0, "")
    assert "0 of 6 trials have ended; at most 12 epochs left" in out
    assert not (tmp_path / "results").exists()
    tune("--quiet")
    assert "6 of 6 trials have ended; at most 0 epochs left" in tune("--dry-run").out
    assert len(list(csv.DictReader(io.StringIO(tune("--dry-run", "--format", "csv").out)))) == 6


def test_trials_are_in_no_table_and_do_no_harm_there(call, tune, tmp_path):
    tune("--quiet")
    results = ["--results", tmp_path / "results"]
    for command in (["table", "--format", "csv"], ["status"], ["export"], ["report", "--out", tmp_path / "r.html"]):
        code, out, err = call(*command, *results)
        assert code in (0, 4), err
        assert "unexpected" not in err
    rows = list(csv.DictReader(io.StringIO(call("export", *results).out)))
    assert {row["state"] for row in rows} <= {"finished", "interrupted"}
    assert not any(row.get("test_error") for row in rows)


def test_a_mistake_is_refused_with_line_and_column(call, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("algorithm: lra-e\nsearch:\n  space:\n    algorithm.beta: [0.1, none]\n")
    code, _, err = call("tune", path)
    assert code == 2
    assert f"{path}:4:27: beta must be a number, not the text 'none'" in err


def test_without_optuna_it_says_how_to_install_it(tune, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, err = tune()
    assert code == 2
    assert "pip install -e '.[tune]'" in err


def test_results_that_are_shipped_are_left_alone(call, file, tmp_path):
    (tmp_path / "REFERENCE-RESULTS.md").write_text("kept")
    code, _, err = call("tune", file, "--results", tmp_path)
    assert code == 2
    assert "reference results are kept" in err


def test_the_pictures_type_is_checked_before_anything_is_trained(tune, tmp_path):
    code, _, err = tune("--plot", tmp_path / "t.xyz")
    assert code == 2 and "t.xyz: no known type of picture" in err and not (tmp_path / "results").exists()


@pytest.mark.parametrize(("layout", "nothing"), [("json", []), ("csv", None)])
def test_a_table_for_programs_is_one_before_the_first_trial_too(tune, layout, nothing):
    code, out, err = tune("--dry-run", "--format", layout)
    assert code == 0 and "0 of 6 trials have ended" in err
    assert json.loads(out) == nothing if layout == "json" else list(csv.DictReader(io.StringIO(out))) == []


def test_a_search_with_the_engine_jax_trains_stacks_as_large_as_asked(tune, monkeypatch, tmp_path):
    pytest.importorskip("jax")
    from lrarun.scheduling import stacks

    sizes = []

    def seen(results, loaded, stop, size, make=stacks.Stacks):
        sizes.append(size)
        return make(results, loaded, stop, size)

    monkeypatch.setattr(stacks, "Stacks", seen)
    code, _, err = tune("--engine", "jax", "--stack", 2, "--set", "search.trials=2", "--set", "search.epochs=1")
    assert code == 0, err
    assert sizes == [2]
    assert {spec.engine for spec in load_specs(next((tmp_path / "results").rglob("winner.yaml")))} == {"jax"}


def test_a_stack_is_refused_where_numpy_trains(tune, tmp_path):
    code, _, err = tune("--stack", 2)
    assert code == 2 and "--stack is for the engine jax" in err and not (tmp_path / "results").exists()


def test_a_search_that_is_stopped_says_how_to_go_on(tune, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lrarun.scheduling.train_all.train_all", stopped)
    code, _, err = tune()
    assert code == 130 and "the same command goes on from there" in err
