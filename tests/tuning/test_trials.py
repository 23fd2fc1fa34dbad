"""What becomes of a trial, judged from logs that were written by hand."""

from __future__ import annotations

import json

import pytest

from lrarun.errors import LrarunError
from lrarun.specs.build import make_spec
from lrarun.tuning import fair_numbers
from lrarun.tuning.trials import Trial, TrialRun, judge, rank
from tests.support.fabricate import write_log

SPEC = make_spec({"algorithm": "backprop", "epochs": 3})


def write_trial(results, state, epoch, errors):
    folder = results / SPEC.run_id
    folder.mkdir()
    record = {"run_id": SPEC.run_id, "state": state, "spec": SPEC.to_dict(), "epoch": epoch}
    (folder / "run.json").write_text(json.dumps(record))
    write_log(folder, validation_error=errors)
    return folder


def test_the_epoch_in_which_a_run_diverged_does_not_count(tmp_path):
    write_trial(tmp_path, "diverged", 3, [50.0, 40.0, 1.0])
    found = judge(SPEC, tmp_path, ())
    assert (found.state, found.lowest) == ("diverged", (50.0, 40.0))


def test_what_counts_after_an_epoch_is_the_lowest_error_so_far(tmp_path):
    write_trial(tmp_path, "finished", 3, [50.0, 40.0, 45.0])
    assert judge(SPEC, tmp_path, ()).lowest == (50.0, 40.0, 40.0)
    pruned = judge(SPEC, tmp_path, (49.0, 60.0))
    assert (pruned.state, pruned.lowest) == ("pruned", (50.0,))


@pytest.mark.parametrize("lines", [[], [0], [0, 1, 3], [0, 2, 3], [0, 1, 2]])
def test_a_finished_trial_with_a_damaged_log_is_refused_by_name(tmp_path, lines):
    """Else it would be ranked by other epochs than the rest."""
    log = write_trial(tmp_path, "finished", 3, [50.0, 40.0, 45.0]) / "log.csv"
    kept = log.read_text().splitlines()
    log.write_text("".join(f"{kept[line]}\n" for line in lines))
    with pytest.raises(LrarunError, match=rf"{SPEC.run_id}.log\.csv is damaged.*remove that run's folder"):
        judge(SPEC, tmp_path, ())


def test_a_log_of_other_columns_is_refused_too(tmp_path):
    write_log(write_trial(tmp_path, "finished", 3, [50.0, 40.0, 45.0]), train_nll=[1.0, 1.0, 1.0])
    with pytest.raises(LrarunError, match="damaged"):
        judge(SPEC, tmp_path, ())


def trial(*runs, number=0):
    return Trial(number, {}, tuple(TrialRun(SPEC, state, lowest) for state, lowest in runs))


def test_a_trial_of_which_one_seed_diverged_has_no_error():
    made = trial(("pruned", (5.0,)), ("diverged", (9.0, 8.0)))
    assert (made.state, made.validation_error) == ("diverged", None)


def test_seeds_are_compared_at_the_epoch_that_all_have_done():
    made = trial(("finished", (9.0, 7.0, 1.0)), ("pruned", (5.0, 5.0)))
    assert (made.state, made.epoch, made.validation_error) == ("pruned", 2, 6.0)


def test_of_equal_trials_the_earlier_one_ranks_first():
    better, first, second = (trial(("finished", (e,)), number=n) for n, e in ((4, 2.0), (1, 3.0), (2, 3.0)))
    assert rank([second, trial(("pruned", (1.0,))), first, better]) == [better, first, second]


def test_rules_with_the_same_error_share_a_rank():
    class Side:
        def __init__(self, error):
            self.error = error

    sides = {name: Side(error) for name, error in (("a", 2.0), ("b", 2.0), ("c", 3.0))}
    ranks = {name: fair_numbers._rank_of(name, sides, {name: set() for name in sides})["rank"] for name in sides}
    assert ranks == {"a": 1.5, "b": 1.5, "c": 3.0}
