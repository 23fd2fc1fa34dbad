"""``lrarun summary`` as a user calls it, and the table that ``lrarun train`` ends with."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import sys

import pytest

import lrarun
from lrarun.paper import Key
from tests.cli.test_table import spec_of
from tests.support.fabricate import write_run
from tests.support.small_runs import write_dataset

LRA_E = Key("mnist", "LRA-E", 3, "sgd")
FORMATS = ("text", "markdown", "latex", "csv", "json")


def of(beta, seed=0, **settings):
    spec = spec_of(LRA_E, seed=seed, **settings)
    return spec | {"algorithm": spec["algorithm"] | {"beta": beta}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with runs of a sweep: beta 0.1 with three seeds, 0.2 with two, one under way."""
    monkeypatch.chdir(tmp_path)
    for beta, seed in ((0.1, 0), (0.1, 1), (0.1, 2), (0.2, 0), (0.2, 1)):
        write_run(tmp_path / "results", of(beta, seed), test_error=10 * beta + seed * beta, validation_error=3.0 + seed,
                  train_error=1.0, best_epoch=7, seconds=90.0)  # fmt: skip
    write_run(tmp_path / "results", of(0.2, 2), "running", epoch=34)
    (tmp_path / "mine.yaml").write_text("{algorithm: lra-e, sweep: {algorithm.beta: [0.1, 0.2], seed: [0, 1, 2]}}")
    return tmp_path


@pytest.mark.parametrize("format", FORMATS)
def test_a_sweep_has_a_row_per_setting_in_every_format(call, folder, format):
    code, out, err = call("summary", "mine.yaml", "--format", format)
    assert code == 4 and "1 of 6 runs without a score in results: 1 running" in err
    assert shlex.split(err.partition("train with: lrarun ")[2]) == ["train", "mine.yaml"]
    numbers = ("1.1", "0.1", "2.1", "0.1414") if format in ("csv", "json") else ("1.10", "0.10", "2.10", "0.14")
    assert all(number in out for number in numbers)
    assert ("running 34/100" in out) == (format not in ("csv", "json"))


def test_runs_whose_data_have_changed_are_counted_as_stale(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = write_dataset(tmp_path / "d.npz")
    spec = {"dataset": data, "algorithm": "backprop", "depth": 1, "width": 4, "epochs": 1, "validation": 50}
    lrarun.train(spec, tmp_path / "results")
    assert [row["stale"] for row in json.loads(call("summary", "--json").out)["settings"]] == [0]
    write_dataset(tmp_path / "d.npz", samples=300)
    assert [row["stale"] for row in json.loads(call("summary", "--json").out)["settings"]] == [1]
    assert "would not come out the same today" in " ".join(call("summary").out.split())


def test_a_seed_is_no_row_to_compare(call, folder):
    code, out, err = call("summary", "mine.yaml", "--compare", "seed=0", "seed=1")
    assert (code, out) == (2, "") and "means over seeds" in err and "lrarun diff" in err


def test_json_has_a_short_form(call, folder):
    assert call("summary", "--json").out == call("summary", "--format", "json").out
    rows = json.loads(call("summary", "--json").out)["settings"]
    assert [(row["runs"], row["running"], row["algorithm.beta"]) for row in rows] == [(3, 0, 0.1), (2, 1, 0.2)]


def test_without_a_spec_all_runs_are_shown_and_none_is_asked_for(call, folder):
    code, out, err = call("summary")
    assert (code, err) == (0, "") and "running 34/100" in out


def test_the_csv_is_the_frame_of_python(call, folder):
    read = list(csv.DictReader(io.StringIO(call("summary", "mine.yaml", "--format", "csv", "--sort", "-test").out)))
    made = lrarun.summary("results", "mine.yaml", sort="-test_error")
    assert list(read[0]) == list(made.columns)
    assert [float(row["test_error"]) for row in read] == pytest.approx(made["test_error"].tolist())
    assert made["algorithm.beta"].tolist() == [0.2, 0.1]


def test_seeds_that_are_not_there_are_missing_and_to_be_trained(call, folder):
    code, out, err = call("summary", "mine.yaml", "--set", "sweep.seed=[0, 1, 7, 8]")
    assert code == 4 and out.count("2 missing") == 2 and "4 of 8 runs without a score" in err


def test_what_diverged_would_do_so_again(call, folder):
    write_run(folder / "results", of(0.9), "diverged", epoch=3)
    code, out, err = call("summary", "mine.yaml", "--set", "sweep.algorithm.beta=[0.1, 0.9]", "--set", "sweep.seed=[0]")
    assert code == 4 and "diverged at 3" in out and "would diverge again" in err and "train" not in err


def test_two_settings_are_compared_by_the_seeds_that_both_have(call, folder):
    code, out, err = call("summary", "mine.yaml", "--compare", "beta=0.1", "0.2")
    assert (code, err) == (0, "")
    (row,) = [line.split() for line in out.splitlines() if line.startswith("test ")]
    assert row[:4] == ["test", "1.05", "2.10", "-1.05"] and row[7] == "2"
    told = json.loads(call("summary", "--compare", "0.1", "0.2", "--json").out)
    assert told["differences"][1]["seeds"] == 2 and told["b"] == "algorithm.beta 0.2"


@pytest.mark.parametrize("format", FORMATS)
def test_a_comparison_comes_in_every_format(call, folder, format):
    assert "-1.05" in call("summary", "--compare", "0.1", "0.2", "--format", format).out


def test_with_one_seed_it_says_that_there_is_no_interval_and_what_to_do(call, folder):
    code, out, err = call("summary", "mine.yaml", "--set", "sweep.seed=[0]", "--compare", "0.1", "0.2")
    assert code == 0 and "one seed, no interval" in out and "one seed:" in err and "sweep.seed=[0, 1, 2]" in err


def test_without_a_common_seed_it_exits_4(call, folder):
    write_run(folder / "results", of(0.4, 5), test_error=1.0)
    code, out, err = call("summary", "--compare", "0.1", "0.4")
    assert code == 4 and "no finished runs with the same seed" in err and "no seed in common" in out


def test_what_is_wanting_for_a_comparison_is_named(call, folder):
    """Runs without a test score, such as trials, and runs that all diverged, have seeds in common all the same."""
    for beta in (0.5, 0.6):
        write_run(folder / "trials", of(beta) | {"scores": "validation"}, validation_error=10 * beta, train_error=1.0)
    write_run(folder / "trials", of(0.7), "diverged", epoch=3)
    code, out, err = call("summary", "--results", "trials", "--compare", "0.5", "0.6")
    assert code == 0 and out.count("no such score") == 1 and "no seed" not in out + err
    code, out, err = call("summary", "--results", "trials", "--compare", "0.5", "0.7")
    assert code == 0 and out.count("1 of 1 of B diverged") == 3 and "no seed" not in out + err


def test_where_seeds_diverged_the_rest_wins_nothing(call, folder):
    """The seeds that are left say nothing of what a rule does with others."""
    for seed in range(5):
        write_run(folder / "some", of(0.5, seed), test_error=3 + 0.01 * seed, validation_error=3.0, train_error=3.0)
        ended = {"state": "diverged"} if seed < 2 else {"test_error": 2 + 0.02 * seed}
        write_run(folder / "some", of(0.6, seed), **ended)
    told = json.loads(call("summary", "--results", "some", "--compare", "0.6", "0.5", "--json").out)["differences"]
    assert {each["verdict"] for each in told} == {"2 of 5 of A diverged"}
    assert [each["seeds"] for each in told if each["error"] == "test_error"] == [3]


def test_without_a_spec_no_command_is_advised_that_needs_one(call, folder):
    for beta in (0.5, 0.6):
        write_run(folder / "one", of(beta), test_error=beta)
    _, out, err = call("summary", "--results", "one", "--compare", "0.5", "0.6")
    assert "one seed, no interval" in out and "lrarun train" not in err


@pytest.mark.parametrize("typed", [("width=[8, 4]", "width=[4, 8]"), ("[8,4]", "4 8"), ("width=8 4", "[4, 8]")])
def test_a_list_of_widths_is_named_as_a_spec_or_a_table_has_it(call, folder, typed):
    for width, error in (([8, 4], 3.0), ([4, 8], 4.0)):
        write_run(folder / "widths", of(0.1) | {"width": width, "depth": 2}, test_error=error)
    code, out, _ = call("summary", "--results", "widths", "--compare", *typed)
    assert code == 0 and "-1.00" in out


def test_a_setting_can_be_named_as_the_message_lists_it(call, folder):
    for dataset, error in (("a,b.npz", 3.0), ("d.npz", 4.0)):
        write_run(folder / "data", of(0.1) | {"dataset": dataset}, test_error=error)
    code, out, err = call("summary", "--results", "data", "--compare", "nothing", "dataset=d.npz")
    assert code == 2 and "dataset=a,b.npz" in err
    code, out, _ = call("summary", "--results", "data", "--compare", "dataset=a,b.npz", "dataset=d.npz")
    assert code == 0 and "-1.00" in out


def test_runs_that_stand_for_those_of_the_spec_are_counted_aloud(call, folder):
    assert "another engine" not in call("summary", "mine.yaml").err
    probing = call("summary", "mine.yaml", "--set", "probes=[angle]")
    assert "5 runs of the same settings, with other probes" in probing.err


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["--sort", "tset_error"], 2, "did you mean test_error"),
        (["--by", "bata"], 2, "did you mean beta"),
        (["--compare", "0.1", "0.3"], 2, "no setting '0.3'"),
        (["--compare", "0.1"], 2, "requires 2 arguments"),
        (["--compare", "0.1", "0.2", "--by", "depth"], 2, "leave out --by"),
        (["--set", "epochs=1"], 2, "name one"),
        (["--results", "nowhere"], 4, "no such folder"),
        (["nowhere.yaml"], 2, "nowhere.yaml"),
    ],
)
def test_what_cannot_be_done_is_one_message(call, folder, arguments, code, said):
    found, out, err = call("summary", *arguments)
    assert (found, out) == (code, "") and said in err and "Traceback" not in err


def test_an_empty_folder_has_nothing_to_summarise(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("summary")
    assert (code, out) == (4, "") and "no runs in results" in err


def test_in_a_terminal_it_fits(call, folder, monkeypatch):
    for number, seed in enumerate((0, 1, 0, 1)):
        write_run(folder / "results", of(0.3, seed, batch_size=10 + number // 2, activation="hard-sigmoid", epochs=7),
                  test_error=12.0 + seed, validation_error=12.0 + seed, train_error=12.0 + seed)  # fmt: skip
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for arguments in ([], ["--by", "beta"], ["--compare", "0.1", "0.2"]):
        assert max(map(len, call("summary", *arguments).out.splitlines())) <= 80


@pytest.mark.parametrize("text, which", [
    ("{algorithm: lra-e, sweep: {algorithm.beta: [0.1, 0.2]}}", "algorithm.beta 0.2 instead of 0.1"),
    ("{algorithm: lra-e, dataset: own.npz}", "own.npz"),
])  # fmt: skip
def test_a_spec_that_the_papers_tables_have_no_place_for_is_told_where_to_go(call, folder, text, which):
    (folder / "a spec.yaml").write_text(text)
    code, out, err = call("table", "--spec", "a spec.yaml", "--set", "batch_size=10", "--results", "results")
    assert (code, out) == (2, "") and which in err
    command = shlex.split(err.partition("For any runs: lrarun ")[2])
    assert command == ["summary", "a spec.yaml", "--set", "batch_size=10", "--results", "results"]
    assert call(*command).code == 4, "which shows them as missing"


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A working folder with a spec of four short runs of a data set of one's own."""
    monkeypatch.chdir(tmp_path)
    data = write_dataset(tmp_path / "d.npz", samples=150)
    spec = {"dataset": data, "depth": 1, "width": 8, "epochs": 1, "validation": 50, "algorithm": "lra-e"}
    sweep = {"algorithm.beta": [0.1, 0.2], "seed": [0, 1]}
    (tmp_path / "s.yaml").write_text(json.dumps(spec | {"sweep": sweep}))
    return tmp_path


def test_training_ends_with_the_table_of_the_summary_on_stderr(call, trained):
    code, out, err = call("train", "s.yaml", "--jobs", "1")
    assert (code, out) == (0, "")
    shown = call("summary", "s.yaml").out
    assert shown in err and len(re.findall(r"\d±\d", shown)) == 6
    command = shlex.split(err.splitlines()[-1].partition(": lrarun ")[2])
    assert call(*command).out == shown
    assert shown in call("train", "s.yaml").err, "also where there was nothing left to train"
    assert call("train", "s.yaml", "--quiet") == (0, "", "")


def test_training_of_which_nothing_comes_has_no_table(call, trained):
    spec = json.loads((trained / "s.yaml").read_text()) | {"algorithm": "backprop", "activation": "identity"}
    spec |= {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "sweep": {"seed": [0, 1]}}
    (trained / "wild.yaml").write_text(json.dumps(spec))
    code, _, err = call("train", "wild.yaml", "--jobs", "1")
    assert code == 3 and "diverged" in err and "In common" not in err


def test_the_papers_tables_are_advised_for_the_papers_runs_alone(call, folder, monkeypatch):
    from lrarun.api.summary import summary_of
    from lrarun.cli.support.ending import of_paper
    from lrarun.results.read import read_results

    write_run(folder / "papers", spec_of(LRA_E), test_error=2.0)
    write_run(folder / "others", of(0.3), test_error=2.0)
    assert [of_paper(summary_of(read_results(folder / name))) for name in ("papers", "others")] == [True, False]
