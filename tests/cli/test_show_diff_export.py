"""``lrarun show`` and ``diff`` as a user meets them."""

from __future__ import annotations

import json

import pytest

from lrarun.errors import Incomplete, UsageError
from lrarun.paper import Key
from lrarun.results.find_run import find_result
from lrarun.results.read import read_results
from tests.support.fabricate import spec_for, write_run

KEY = Key("mnist", "Backprop", 3, "sgd")
LOG = "epoch,train_nll,validation_nll,validation_error,seconds\n1,0.5,0.4,9.5,1.0\n2,0.25,0.3,7.5,1.0\n"
IDS = (
    "mnist-backprop-3x256-sgd-s0-aaaa000000",
    "mnist-backprop-3x256-sgd-s1-bbbb000000",
    "mnist-lra-e-3x256-sgd-s0-cccc000000",
)


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    specs = (
        spec_for(KEY, epochs=2),
        spec_for(KEY, seed=1, epochs=2),
        spec_for(KEY._replace(model="LRA-E"), algorithm={"beta": 0.1}, epochs=2),
    )
    for run_id, spec, error in zip(IDS, specs, (3.0, 3.5, 2.25)):
        made = {"numpy": "2.4.6", "git_commit": run_id[-10:] * 4}
        folder = write_run(
            tmp_path / "results",
            spec,
            test_error=error,
            train_error=0.5,
            best_epoch=2,
            seconds=4000.4,
            provenance=made,
            run_id=run_id,
        )
        folder = folder.rename(folder.with_name(run_id))
        (folder / "log.csv").write_text(LOG)
    return tmp_path / "results"


@pytest.mark.parametrize("text", [IDS[2], "mnist-lra", "cccc000000", "results/" + IDS[2]])
def test_a_run_is_found_by_id_beginning_digest_or_folder(results, text):
    assert find_result(results, text).run_id == IDS[2]


def test_every_unique_beginning_finds_its_run_and_no_other(results):
    for run in read_results(results):
        for length in range(1, len(run.run_id) + 1):
            start = run.run_id[:length]
            owners = [other for other in IDS if other.startswith(start)]
            if len(owners) == 1:
                assert find_result(results, start).run_id == run.run_id
            else:
                with pytest.raises(UsageError, match=f"means {len(owners)} runs"):
                    find_result(results, start)


def test_a_folder_elsewhere_is_found_by_its_path(results, monkeypatch):
    monkeypatch.chdir(results / IDS[0])
    assert find_result(results / "none", ".").run_id == IDS[0]


@pytest.mark.parametrize(
    "text, hint", [("mnist-lrae-3x256-sgd-s0-cccc000000", "did you mean mnist-lra-e"), ("x", "there are 3")]
)
def test_a_run_that_is_not_there_is_missing(results, text, hint):
    with pytest.raises(Incomplete, match=hint):
        find_result(results, text)


def test_show_has_spec_scores_provenance_and_curve(call, results):
    code, out, err = call("show", "mnist-lra")
    assert (code, err) == (0, "")
    for phrase in (
        IDS[2],
        "finished",
        "test error   2.25 %",
        "algorithm   {name: lra-e, beta: 0.1}",
        " 2.4.6",
        "1 h 07 min",
        "validation error, %",
        "training",
    ):
        assert phrase in out, phrase
    assert "\x1b" not in out


def test_show_has_the_last_epoch_beside_the_best(call, results):
    assert "at epoch 2 " not in call("show", "mnist-lra").out.split("Spec")[0].partition("lowest")[2]
    record = json.loads((results / IDS[2] / "run.json").read_text()) | {"best_epoch": 1}
    (results / IDS[2] / "run.json").write_text(json.dumps(record))
    scores = call("show", "mnist-lra").out.split("Spec")[0]
    assert "Scores at epoch 1," in scores and "validation error at epoch 2  7.50 %" in scores


def test_show_sums_up_the_angles_that_a_probe_measured(call, results):
    log = "epoch,validation_error,angle_mean,angle_max,angle_1_mean,angle_2_mean\n1,9,20,50,40,0\n2,8,10,30,30,0.5\n"
    (results / IDS[2] / "log.csv").write_text(log)
    shown = call("show", "mnist-lra").out
    assert "Angle to backprop's update in epochs 1 to 2, degrees" in shown
    assert "whole    mean 15.0, from 20.0 to 10.0; largest of a mini-batch 50.0" in shown
    assert "layer 2  mean 0.2, from 0.0 to 0.5" in shown
    assert "Angle" not in call("show", "mnist-backprop-3x256-sgd-s0").out


def test_show_as_json_is_the_record_and_the_log(call, results):
    told = json.loads(call("show", "mnist-lra", "--json").out)
    assert told["run_id"] == IDS[2] and told["test_error"] == 2.25
    assert [row["epoch"] for row in told["log"]] == [1, 2]


def test_a_run_that_has_just_begun_or_failed_can_be_shown(call, tmp_path):
    folder = write_run(tmp_path, spec_for(KEY), "failed", epoch=0, reason="MemoryError: no room")
    code, out, _ = call("show", folder)
    assert code == 0 and "failed, 0 of 100 epochs\n  MemoryError: no room" in out and "Scores" not in out


def test_without_unicode_the_curve_is_drawn_in_ascii(call, results, monkeypatch):
    monkeypatch.setattr("lrarun.cli.show.can_print_braille", lambda: False)
    assert call("show", "mnist-lra").out.isascii()


def test_a_picture_is_drawn_or_what_is_missing_is_said(call, results, tmp_path):
    code, _, err = call("show", "mnist-lra", "--plot", "curve.svg")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        assert code == 2 and "pip install -e '.[plots]'" in err and not (tmp_path / "curve.svg").exists()
        return
    assert code == 0 and (tmp_path / "curve.svg").read_text().startswith("<?xml")
    code, _, err = call("show", "mnist-lra", "--plot", "curve.xyz")
    assert code == 2 and ".png" in err and not (tmp_path / "curve.xyz").exists()


def test_a_picture_or_a_table_is_not_written_into_a_folder_that_is_not_there(call, results, tmp_path):
    there = tmp_path / "no" / "such"
    for command in (
        ["show", "mnist-lra", "--plot", there / "x.svg"],
        ["export", "--out", there / "x.csv"],
        ["report", "--out", there / "x.html"],
    ):
        done = call(*command)
        assert (done.code, done.out) == (2, "") and f"there is no folder {there}" in done.err
    assert not (tmp_path / "no").exists()


def test_a_digest_is_meant_from_its_fourth_character_on(call, results):
    digest = IDS[2].rpartition("-")[2]
    assert call("show", digest[:4]).code == 0
    for few in (digest[:1], digest[:3]):
        assert call("show", few).code == call("diff", few, few).code == 4


def test_diff_names_what_differs_and_nothing_else(call, results):
    told = json.loads(call("diff", IDS[0], IDS[1], "--json").out)
    assert told["spec"] == [{"key": "seed", "a": 0, "b": 1}]
    assert told["result"] == [{"key": "test_error", "a": 3.0, "b": 3.5}]
    assert [each["key"] for each in told["provenance"]] == ["git_commit"]
    code, out, err = call("diff", IDS[0], IDS[2])
    assert (code, err) == (0, "")
    assert "beta" in out and "-0.75" in out and "width" not in out


def test_diff_is_the_same_the_other_way_round(call, results):
    there, back = (json.loads(call("diff", *pair, "--json").out) for pair in ((IDS[0], IDS[2]), (IDS[2], IDS[0])))
    for part in ("spec", "result", "provenance"):
        turned = {each["key"]: (each["b"], each["a"]) for each in back[part]}
        assert {each["key"]: (each["a"], each["b"]) for each in there[part]} == turned


def test_a_run_does_not_differ_from_itself(call, results):
    code, out, _ = call("diff", IDS[0], IDS[0])
    assert code == 0 and out.count("the same") == 3


def test_digits_that_rounding_left_are_no_difference(call, results):
    path = results / IDS[1] / "run.json"
    record = json.loads(path.read_text())
    for digits, keys in ((3.0000000000000004, []), (3.01, ["test_error"])):
        path.write_text(json.dumps(record | {"test_error": digits}))
        told = json.loads(call("diff", IDS[0], IDS[1], "--json").out)
        assert [each["key"] for each in told["result"]] == keys


@pytest.mark.parametrize("command", [["show", "nothing"], ["diff", IDS[0], "nothing"]])
def test_a_run_that_is_not_there_exits_4(call, results, command):
    code, out, err = call(*command)
    assert (code, out) == (4, "") and "nothing" in err
