"""A study: its winner is better than the default, and nothing but the spec and the seed decides what it tries."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from statistics import fmean, median

import numpy as np
import pytest

import lrarun
from lrarun.data import load
from lrarun.errors import RunsFailed
from lrarun.results.log import read_log
from lrarun.results.read import load_result
from lrarun.runs.status import statuses
from lrarun.scheduling.plan import plan
from lrarun.specs.build import make_spec
from lrarun.tuning import study as study_module
from lrarun.tuning.study import best
from lrarun.tuning.study_file import STUDY
from lrarun.tuning.trials import limits_after
from lrarun.tuning.winner import winner_spec
from maintenance.publish_results import publish
from tests.support import tiny_data
from tests.support.small_runs import SMALL, contents, write_dataset
from tests.support.small_search import Killed, Killer, history, study_of, trained, write_search

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "d.npz")


@pytest.fixture(scope="module")
def file(tmp_path_factory, data):
    return write_search(tmp_path_factory.mktemp("spec") / "s.yaml", data)


@pytest.fixture(scope="module")
def done(tmp_path_factory, file):
    """An undisturbed study in one process, and its trials."""
    study = study_of(file, tmp_path_factory.mktemp("results"))
    return study, trained(study)


def runs_of(study):
    """Run id -> what its folder holds; a study's own files are in none."""
    found = contents_of_runs(study.results)
    return {
        name: {part: value for part, value in run.items() if part != "checkpoint.npz"} for name, run in found.items()
    }


def contents_of_runs(results):
    hidden = results / "studies"
    aside = results.with_name(f"{results.name}-studies")
    hidden.rename(aside)
    try:
        return contents(results)
    finally:
        aside.rename(hidden)


# --- the winner


def test_the_winner_beats_the_default(done, data, tmp_path):
    study, trials = done
    default = lrarun.train({**SMALL, "dataset": data, "algorithm": "lra-e"}, tmp_path)
    winner = best(trials)
    assert default.epoch == study.search.budget.epochs
    assert winner.validation_error < default.validation_error
    assert winner.validation_error == min(trial.validation_error for trial in trials if trial.state == "finished")


def test_the_winners_spec_is_its_trial_with_the_specs_epochs_and_seeds_not_seen(done, tmp_path):
    study, trials = done
    path = tmp_path / "winner.yaml"
    path.write_text(winner_spec(study.search, best(trials), len(trials)))
    specs = lrarun.load_specs(path)
    (run,) = best(trials).runs
    assert [spec.seed for spec in specs] == [1, 2, 3]
    assert {spec.epochs for spec in specs} == {study.search.base.epochs}
    for spec in specs:
        assert replace(spec, seed=0, epochs=study.search.budget.epochs, scores="validation") == run.spec


def test_with_several_seeds_trials_are_ranked_by_their_mean(data, tmp_path):
    file = write_search(tmp_path / "s.yaml", data, budget={"trials": 4, "epochs": 2, "seeds": [4, 7]})
    study = study_of(file, tmp_path / "results")
    trials = trained(study)
    assert [run.spec.seed for trial in trials for run in trial.runs] == [4, 7] * 4
    for trial in trials:
        errors = [load_result(study.results / run.spec.run_id).validation_error for run in trial.runs]
        assert trial.validation_error == pytest.approx(fmean(errors))
    assert "seed:\n  - 8\n" in winner_spec(study.search, best(trials), 4)


def test_without_a_finished_trial_there_is_no_winner(data, tmp_path):
    space = {"optimizer.learning_rate": {"low": 1e30, "high": 1e35, "scale": "log"}}
    more = {"activation": "identity", "algorithm": "backprop"}
    study = study_of(write_search(tmp_path / "s.yaml", data, space, {"trials": 2}, **more), tmp_path / "r")
    with np.errstate(all="ignore"):
        trials = trained(study)
    assert [trial.state for trial in trials] == ["diverged", "diverged"]
    with pytest.raises(RunsFailed, match="no trial is finished"):
        best(trials)


# --- the same trials


def test_two_processes_give_the_same_trials_as_one(done, file, tmp_path):
    study, trials = done
    other = study_of(file, tmp_path / "results", "search.trials=8")
    assert history(other, trained(other, workers=2)) == history(study, trials[:8])
    assert {trial.state for trial in trials[4:8]} == {"finished", "pruned"}, "what the test is about"
    assert runs_of(other).items() <= runs_of(study).items()


def test_killed_twenty_times_it_ends_in_the_same_trials(done, file, tmp_path, monkeypatch):
    study, trials = done
    chance, kills = random.Random(1), 0
    monkeypatch.setattr("lrarun.runs.events.Hooks.checkpoint_seconds", 0.0)
    while True:
        other = study_of(file, tmp_path / "results")
        try:
            found = trained(other, watcher=Killer(chance.randint(0, 2)) if kills < 20 else None)
            break
        except Killed:
            kills += 1
    assert kills == 20
    assert history(other, found) == history(study, trials)
    assert runs_of(other) == runs_of(study)


def test_killed_before_a_round_is_trained_it_goes_on_with_what_was_proposed(done, file, tmp_path, monkeypatch):
    study, trials = done
    other = study_of(file, tmp_path / "results")

    def killed(jobs):
        raise Killed

    with pytest.raises(Killed):
        other.run(killed)
    stored = json.loads((other.folder / STUDY).read_text())["trials"]
    assert stored == [dict(trial.proposal) for trial in trials[:4]]
    monkeypatch.setattr(study_module, "propose", lambda *_: pytest.fail("proposed again"))
    assert [trial.state for trial in study_of(file, tmp_path / "results").trials()] == ["new"] * 4


def test_a_damaged_study_file_is_proposed_anew(done, file, tmp_path, caplog):
    study, trials = done
    other = study_of(file, study.results)
    (other.folder / STUDY).write_text("{")
    assert history(other, trained(other)) == history(study, trials)
    assert "is damaged" in caplog.text


def test_a_study_is_never_made_shorter_by_a_command_with_a_smaller_budget(done, file, tmp_path, monkeypatch):
    """The other command stores more while this one proposes, as two that wait for the same run do."""
    study, trials = done
    small, large = study_of(file, tmp_path, "search.trials=6"), study_of(file, tmp_path)
    real = study_module.propose
    waiting = [True]

    def slow(dimensions, budget, before, count):
        found = real(dimensions, budget, before, count)
        if budget.trials == 6 and before and waiting.pop():
            waiting.append(False)
            trained(large)
        return found

    monkeypatch.setattr(study_module, "propose", slow)
    trained(small)
    assert not waiting[0], "what the test is about"
    assert json.loads((large.folder / STUDY).read_text())["trials"] == [dict(trial.proposal) for trial in trials]
    assert history(large, trained(large)) == history(study, trials)


def test_trials_beyond_the_budget_count_once_all_within_it_have_ended(file, tmp_path):
    large, small = (study_of(file, tmp_path, f"search.trials={count}") for count in (8, 6))
    trained(large)
    assert [trial.number for trial in small.trials()] == list(range(8))
    shutil.rmtree(tmp_path / large.trials()[4].runs[0].spec.run_id)
    found = small.trials()
    assert [trial.number for trial in found] == list(range(6)) and not found[4].ended
    shutil.rmtree(tmp_path / large.trials()[7].runs[0].spec.run_id)
    trained(small)
    assert [trial.number for trial in small.trials()] == list(range(7)), "a trial without an end is none"


def test_a_trial_whose_record_is_damaged_is_trained_anew(file, tmp_path):
    study = study_of(file, tmp_path, "search.trials=4")
    before = history(study, trained(study))
    (tmp_path / study.trials()[1].runs[0].spec.run_id / "run.json").write_text("{")
    assert [trial.state for trial in study.trials()][1] == "new"
    assert history(study, trained(study)) == before


def test_more_trials_go_on_with_the_same_study(done, file, tmp_path):
    study, trials = done
    few = study_of(file, tmp_path / "results", "search.trials=6")
    assert few.search.study_id == study.search.study_id
    assert history(few, trained(few)) == history(study, trials[:6])
    more = study_of(file, tmp_path / "results")
    assert history(more, trained(more)) == history(study, trials)


@pytest.mark.parametrize(
    "change", ["depth=1", "search.epochs=2", "search.seed=5", "search.seeds=[3]", "search.round=3"]
)
def test_another_search_is_another_study(file, tmp_path, change):
    assert study_of(file, tmp_path, change).search.study_id != study_of(file, tmp_path).search.study_id


def test_a_published_study_is_the_same(done, file, tmp_path):
    study, trials = done
    publish(study.results, tmp_path / "published")
    assert not list((tmp_path / "published").rglob("*.lock"))
    other = study_of(file, tmp_path / "published")
    assert history(other, other.trials()) == history(study, trials)


# --- pruning


def test_what_is_pruned_is_worse_than_the_median_of_the_rounds_before(done, data, tmp_path):
    """Each run is trained whole elsewhere: it was stopped where its error first exceeds the median, and not before."""
    study, trials = done
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    for trial in trials:
        (run,) = trial.runs
        whole = lrarun.train(run.spec, tmp_path)
        errors = np.minimum.accumulate([row["validation_error"] for row in read_log(whole.folder)])
        first = trial.number // study.search.budget.round * study.search.budget.round
        stop = None
        for epoch in range(study.search.budget.prune_after, study.search.budget.epochs):
            reached = [other.runs[0].lowest[epoch - 1] for other in trials[:first] if other.epoch >= epoch]
            if len(reached) >= 4 and errors[epoch - 1] > median(reached):
                stop = epoch
                break
        assert (trial.state, trial.epoch) == (("pruned", stop) if stop else ("finished", 3))
        assert list(run.lowest) == list(errors[: trial.epoch])


def test_a_pruned_run_says_so_in_its_folder_and_wherever_runs_are_counted(done):
    study, trials = done
    trial = next(trial for trial in trials if trial.state == "pruned")
    (run,) = trial.runs
    result = load_result(study.results / run.spec.run_id)
    assert (result.record["state"], result.record["pruned"], result.epoch) == ("interrupted", True, trial.epoch)
    assert result.state == "pruned"
    counts = lrarun.summary(study.results, run.spec)
    assert (counts["pruned"].sum(), counts["interrupted"].sum()) == (1, 0)
    (job,) = plan([run.spec], study.results)
    assert (job.action, job.epoch) == ("resume", trial.epoch)
    assert f"was stopped (pruned after epoch {trial.epoch}" in job.reason
    (status,) = statuses([run.spec], study.results)
    assert status.state == "pruned"
    assert status.reason.startswith(f"pruned after epoch {trial.epoch}: lowest validation error ")
    assert (result.folder / "checkpoint.npz").exists()


def test_a_pruned_run_that_is_finished_by_hand_changes_no_history(done, file, tmp_path):
    study, trials = done
    other = study_of(file, tmp_path / "results")
    trained(other)
    run = next(trial for trial in trials if trial.state == "pruned").runs[0]
    assert lrarun.train(run.spec, other.results).finished
    assert history(other, trained(other)) == history(study, trials)


def test_never_prunes_if_told_so(file, tmp_path):
    study = study_of(file, tmp_path, "search.prune=never", "search.trials=8", "search.epochs=2")
    assert {trial.state for trial in trained(study)} == {"finished"}


def test_a_diverged_trial_counts_as_infinitely_bad(done):
    study, trials = done
    budget = replace(study.search.budget, epochs=3, prune_after=1)
    finished = [trial for trial in trials if trial.state == "finished"][:3]
    gone = replace(finished[0], runs=(replace(finished[0].runs[0], state="diverged", lowest=()),))
    errors = sorted(trial.runs[0].lowest[0] for trial in finished)
    assert limits_after([*finished, gone], budget, 0)[0] == (errors[1] + errors[2]) / 2
    assert limits_after(finished, budget, 0) == (float("inf"),) * 2, "three are too few"


# --- the test set


class Untouchable:
    """Stands for an array that must not be looked at; its shape is in the file's header."""

    def __init__(self, array):
        self.shape, self.ndim = array.shape, array.ndim

    def __getattr__(self, name):
        raise AssertionError(f"the test set was touched: {name}")

    def refuse(self, *_, **__):
        raise AssertionError("the test set was touched")

    __len__ = __getitem__ = __array__ = __iter__ = refuse


def guard_npz(monkeypatch):
    read = load.npz.read

    def guarded(path):
        arrays, fingerprint = read(path)
        return {key: Untouchable(part) if key.startswith("test") else part for key, part in arrays.items()}, fingerprint

    monkeypatch.setattr(load.npz, "read", guarded)


def guard_idx(monkeypatch):
    memory_map = load.idx.memory_map

    def guarded(path, shape):
        array = memory_map(path, shape)
        return Untouchable(array) if path.name.startswith("t10k") else array

    monkeypatch.setattr(load.idx, "memory_map", guarded)


@pytest.mark.parametrize(("guard", "dataset"), [(guard_npz, ""), (guard_idx, "mnist")])
def test_the_search_reads_nothing_of_the_test_set(machine, data, monkeypatch, guard, dataset):
    """Its arrays raise when they are touched; a run that is scored on them shows that they do."""
    tiny_data.write(machine / "cache" / "mnist", tiny_data.contents())
    guard(monkeypatch)
    settings = {"validation": 4, "batch_size": 4}
    with pytest.raises(AssertionError, match="the test set was touched"):
        lrarun.train({**SMALL, "dataset": dataset or data, "algorithm": "lra-e", "epochs": 1, **settings}, machine)
    file = write_search(machine / "s.yaml", dataset or data, budget={"trials": 2, "epochs": 1}, **settings)
    study = study_of(file, machine / "results")
    assert [trial.state for trial in trained(study)] == ["finished", "finished"]


def test_a_trial_has_no_score_on_the_test_set(done):
    study, trials = done
    for trial in trials:
        record = json.loads((study.results / trial.runs[0].spec.run_id / "run.json").read_text())
        assert not [key for key in record if key.startswith("test")]
        assert not (study.results / trial.runs[0].spec.run_id / "test_predictions.npz").exists()


def test_the_key_that_says_so_leaves_run_ids_alone():
    plain = make_spec({"algorithm": "lra-e"})
    assert make_spec({"algorithm": "lra-e", "scores": "test"}).run_id == plain.run_id
    assert "scores" not in plain.to_dict()
    other = make_spec({"algorithm": "lra-e", "scores": "validation"})
    assert other.run_id != plain.run_id
    assert make_spec(other.to_dict()) == other
