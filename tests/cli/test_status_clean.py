"""``lrarun status`` and ``lrarun clean``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.cli import cli
from lrarun.runs import status
from lrarun.runs.events import EpochDone, Hooks
from lrarun.runs.lock import locked
from lrarun.runs.provenance import cpu_model
from lrarun.runs.run import Stopped, run
from lrarun.specs.build import make_spec
from tests.cli.test_behaviour import environment
from tests.support.events import on
from tests.support.fabricate import write_log, write_run
from tests.support.small_runs import SMALL, spec, write_dataset, write_spec


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path / "small.npz")


@pytest.fixture
def results(dataset, tmp_path):
    """Runs by seed: 0 finished, 1 stopped after an epoch, 2 failed; 3 was never begun, 4 killed at its first moment."""
    from lrarun.data.load import load

    loaded, folder, seen = load(dataset), tmp_path / "results", []
    run(spec(dataset), loaded, folder)
    with pytest.raises(Stopped):
        run(spec(dataset, seed=1), loaded, folder, Hooks(on({EpochDone: seen.append}), stop=lambda: bool(seen)))
    with pytest.raises(Exception, match="cannot hold out"):
        run(spec(dataset, seed=2, validation=650), loaded, folder)
    with locked(folder / spec(dataset, seed=4).run_id):
        pass
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("not a run")
    return folder


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


def status_of(results, *files):
    return {row["run_id"]: row for row in json.loads(invoke("status", *files, "--results", results, "--json").stdout)}


def test_status_of_a_spec_has_every_run_with_its_state(results, dataset, tmp_path):
    rows = list(status_of(results, write_spec(tmp_path / "spec.yaml", dataset, runs=4)).values())
    assert [row["state"] for row in rows] == ["finished", "interrupted", "new", "new"]
    assert [row["epoch"] for row in rows] == [3, 1, 0, 0]
    assert rows[0]["test_error"] is not None and rows[0]["seconds_left"] == 0
    assert rows[1]["seconds_left"] == pytest.approx(2 * rows[1]["seconds"])
    assert rows[3]["seconds_left"] > 0, "from what was measured on this processor"
    table = invoke("status", tmp_path / "spec.yaml", "--results", results)
    assert table.exit_code == 0
    assert table.stdout.split("\n")[0].split("  ")[0] == "run" and "validation error" in table.stdout.split("\n")[0]
    assert all(row["run_id"] in table.stdout for row in rows)
    assert "2 new" in table.stderr


def test_status_without_a_spec_has_what_is_in_the_folder(results, dataset):
    rows = status_of(results)
    assert sorted(row["state"] for row in rows.values()) == ["failed", "finished", "interrupted"]
    assert "cannot hold out" in rows[spec(dataset, seed=2, validation=650).run_id]["reason"]


def test_status_tells_the_living_from_the_dead(results, dataset):
    run_id = spec(dataset, seed=1).run_id
    path = results / run_id / "run.json"
    path.write_text(path.read_text().replace('"interrupted"', '"running"'))
    dead = status_of(results)[run_id]
    assert (dead["state"], dead["where"], dead["reason"]) == ("interrupted", "", "its process was killed")
    with locked(results / run_id):
        living = status_of(results)[run_id]
    assert living["state"] == "running" and living["where"].startswith("here, process ")


def test_clean_only_shows_off_a_terminal_and_removes_with_yes(results, dataset):
    before = {folder.name for folder in results.iterdir()}
    going = {spec(dataset, seed=2, validation=650).run_id, spec(dataset, seed=4).run_id}
    shown = invoke("clean", "--results", results)
    assert {line.split()[0] for line in shown.stdout.splitlines()} == going
    assert "--yes" in shown.stderr
    assert {folder.name for folder in results.iterdir()} == before
    assert "removed 2 runs" in invoke("clean", "--results", results, "--yes").stderr
    assert {folder.name for folder in results.iterdir()} == before - going
    assert "nothing to remove" in invoke("clean", "--results", results, "--yes").stderr


def test_a_folder_that_cannot_be_read_stops_nothing_and_stays(results, dataset, tmp_path):
    """Of another user, say; root is made to heed the mode."""
    as_user = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if as_user and not shutil.which(as_user[0]):
        pytest.skip("root reads everything here")
    file, closed = write_spec(tmp_path / "spec.yaml", dataset, runs=5), results / spec(dataset, seed=1).run_id

    def call(*words):
        line = [*as_user, sys.executable, "-m", "lrarun", *map(str, words), "--results", results]
        return subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=120)

    closed.chmod(0)
    try:
        assert call("clean", "--yes").returncode == 0
        done = call("train", file, "--jobs", 1)
        assert done.returncode == 3 and f"{closed.name}: failed" in done.stderr and "Traceback" not in done.stderr
        assert call("status").returncode == 0
    finally:
        closed.chmod(0o755)
    states = {run_id: row["state"] for run_id, row in status_of(results).items()}
    assert states.pop(closed.name) == "interrupted" and set(states.values()) == {"finished"} and len(states) == 4


def test_clean_of_a_spec_leaves_other_runs(results, dataset, tmp_path):
    file = write_spec(tmp_path / "spec.yaml", dataset, runs=5)
    shown = invoke("clean", file, "--results", results)
    assert [line.split()[0] for line in shown.stdout.splitlines()] == [spec(dataset, seed=4).run_id]


def test_clean_leaves_what_is_being_trained(results, dataset):
    failed = results / spec(dataset, seed=2, validation=650).run_id
    with locked(failed):
        assert failed not in [run.folder for run in status.removable(None, results)]


def test_a_finished_run_on_a_changed_data_set_is_stale_and_can_go(results, dataset, tmp_path):
    run_id = spec(dataset).run_id
    assert run_id not in [run.folder.name for run in status.removable(None, results)]
    write_dataset(dataset, seed=8)
    assert status_of(results)[run_id]["state"] == "stale"
    assert run_id in [run.folder.name for run in status.removable(None, results)]


def test_a_long_reason_is_cut_in_tables_and_whole_in_json_and_show(call, tmp_path):
    reason = "ValueError: operands could not be broadcast together\n" + "with shapes (1,2) (3,4) " * 9 + "at the end"
    run = make_spec({"algorithm": "lra-e"})
    made = write_run(tmp_path, run.to_dict(), "failed", reason=reason, run_id=run.run_id)
    made = made.rename(tmp_path / run.run_id)
    for command in ("status", "clean"):
        (line,) = [line for line in call(command, "--results", tmp_path).out.splitlines() if made.name in line]
        assert "ValueError: operands" in line and "at the end" not in line and len(line) < 200
    assert json.loads(call("status", "--results", tmp_path, "--json").out)[0]["reason"] == reason
    assert "at the end" in call("show", made).out


def test_runs_of_a_sweep_are_told_apart_by_what_it_varied(call, dataset, tmp_path):
    path = tmp_path / "sweep.yaml"
    sweep = {"algorithm.beta": [0.05, 0.1], "seed": [0, 1], "epochs": [1, 2]}
    small = {key: value for key, value in SMALL.items() if key != "epochs"}
    path.write_text(json.dumps({**small, "dataset": dataset, "algorithm": "lra-e", "sweep": sweep}))
    rows = json.loads(call("status", path, "--results", tmp_path, "--json").out)
    assert sorted(row["differs"] for row in rows) == sorted(
        f"algorithm.beta={beta}, epochs={epochs}" for epochs in (1, 2) for beta in (0.05, 0.1) for _ in range(2)
    )
    for command in (["status", path], ["train", path, "--dry-run"]):
        lines = [line for line in call(*command, "--results", tmp_path).out.splitlines() if "small.npz" in line]
        assert len(lines) == 8 and all(sum(row["differs"] in line for row in rows) == 2 for line in lines)
    told = call("train", path, "--results", tmp_path / "r", "--jobs", "1").err
    assert told.count("(algorithm.beta=0.05, epochs=1): finished") == 2
    ambiguous = call("show", "small", "--results", tmp_path / "r").err
    assert ambiguous.count("algorithm.beta=0.05, epochs=1") == 2


def test_runs_that_read_differently_are_not_told_apart_further(call, results, dataset, tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(json.dumps({**SMALL, "dataset": dataset, "sweep": {"algorithm": ["lra-e", "dfa"], "seed": [0, 1]}}))
    assert all(row["differs"] == "" for row in json.loads(call("status", path, "--json").out))
    assert "differs" not in call("status", path).out


def test_of_no_results_there_is_nothing_to_say(tmp_path):
    assert json.loads(invoke("status", "--results", tmp_path, "--json").stdout) == []
    shown = invoke("status", "--results", tmp_path)
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert shown.stderr.startswith(f"no runs in {tmp_path}; train with: lrarun train ")
    assert "nothing to remove" in invoke("clean", "--results", tmp_path).stderr
    assert invoke("status", "--results", tmp_path, "--set", "epochs=3").exit_code == 2


def test_a_results_folder_that_is_named_must_be_there_and_the_usual_one_need_not(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["status"], ["status", "--json"], ["clean"]):
        code, out, err = call(*command, "--results", "nosuch")
        assert (code, out) == (4, "") and "nosuch: no such folder" in err
        monkeypatch.setenv("LRARUN_RESULTS", "nosuch")
        assert call(*command).code == 4
        monkeypatch.delenv("LRARUN_RESULTS")
        assert call(*command).code == 0
    assert "`lrarun train` creates it" in call("status").err


@pytest.mark.parametrize(
    "odd", [{}, {"algorithm": "lra-e", "epochs": 3}, {"algorithm": {"name": ["lra-e"]}}, {"algorithm": None}]
)
def test_a_run_whose_spec_says_too_little_is_stale_and_stops_no_command(results, call, odd):
    (results / "odd").mkdir()
    timed = {"epoch": 3, "seconds": 1.0, "provenance": {"cpu": cpu_model()}}
    (results / "odd" / "run.json").write_text(json.dumps({"state": "finished", "spec": odd} | timed))
    write_log(results / "odd", validation_error=[3.0, 2.0, 1.0])
    assert status_of(results)["odd"]["state"] == "stale"
    assert "odd" in call("clean", "--results", results).err + call("clean", "--results", results).out
    assert call("export", "--results", results).code == 0


def test_a_folder_where_a_spec_should_be_is_met_with_the_option_for_it(results, call):
    for command in ("status", "clean"):
        code, out, err = call(command, results)
        assert (code, out) == (2, "") and f"--results {results}" in err


def test_copies_of_runs_count_nowhere_and_are_not_removed(results, dataset, call):
    import shutil

    commands = [["status", "--json"], ["export"], ["export", "--runs"], ["clean"]]
    before = [call(*command, "--results", results) for command in commands]
    run_id = spec(dataset).run_id
    shutil.copytree(results / run_id, results / "copy")
    shutil.copytree(results / spec(dataset, seed=2, validation=650).run_id, results / "failed copy")
    after = [call(*command, "--results", results) for command in commands]
    for command, was, now in zip(commands, before, after):
        assert now.out == was.out, command
        assert now.err.count("left out") == 1 and str(results / "copy") in now.err and run_id in now.err, command


def test_a_run_whose_rule_is_not_known_stays_and_the_option_for_it_is_named(
    call, dataset, tmp_path, plugin, monkeypatch
):
    file = plugin()
    path = write_spec(tmp_path / "s.yaml", dataset, runs=1, algorithm="sign-symmetry", epochs=1)
    assert call("train", path, "--results", tmp_path / "r", "--jobs", 1, "--quiet").code == 0
    file.write_text(file.read_text() + "\n# changed\n")
    monkeypatch.delenv(plugins.VARIABLE)
    algorithms.cache_clear()
    code, out, err = call("clean", "--results", tmp_path / "r", "--yes")
    assert (code, out) == (0, "") and "whether the rule has changed" in err and "--plugin" in err
    monkeypatch.setenv(plugins.VARIABLE, str(file))
    algorithms.cache_clear()
    assert "its rule's file has changed since" in call("clean", "--results", tmp_path / "r", "--yes").out
