"""Commands that messages tell a user to type: they work as they stand, from where the user is."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil

import pytest

from lrarun.algorithms.registry import algorithms
from lrarun.paper import Key
from lrarun.results.run_folder import REFERENCE
from tests.cli.test_table import BACKPROP, spec_of
from tests.support.fabricate import write_log, write_run
from tests.support.own_rule import RULE
from tests.support.small_runs import ROOT, write_dataset, write_spec


def told(message):
    """The arguments of the one ``lrarun train`` that a message names."""
    (command,) = re.findall(r"lrarun (train .*?)(?: \(|;|\n|$)", message)
    return shlex.split(command)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder that has experiments, among them a small one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    for name in ("table1", "table2", "table3", "figure1", "figure3", "example"):
        (tmp_path / "experiments" / f"{name}.yaml").write_text("algorithm: lra-e\n")
    (tmp_path / "my spec.yaml").write_text("{algorithm: lra-e, epochs: 1, probes: [angle]}")
    (tmp_path / "mine").mkdir()
    return tmp_path


ASKING = [("table", "1"), ("claims",), ("report", "--out", "-"), ("figure", "1a"), ("status",)]


@pytest.mark.parametrize("command", ASKING, ids=lambda command: command[0])
def test_what_is_missing_is_to_be_trained_into_the_folder_that_was_asked_about(call, folder, command):
    pytest.importorskip("matplotlib")
    assert "--results results" not in call(*command).err
    err = call(*command, "--results", "mine").err
    if command == ("claims",):
        err = call(*command, "--results", "mine").out.split("\n\n")[0].replace("\n", " ")
    arguments = told(err)
    assert arguments[arguments.index("--results") + 1] == "mine"


@pytest.mark.parametrize("command", [("table",), ("report", "--out", "-"), ("figure", "1a")], ids=lambda each: each[0])
def test_the_spec_and_what_was_set_in_it_are_named_so_that_a_shell_can_read_them(call, folder, command):
    pytest.importorskip("matplotlib")
    done = call(*command, "--spec", "my spec.yaml", "--set", "algorithm={name: lra-e, beta: 0.2}")
    assert done.code == 4
    assert told(done.err) == ["train", "my spec.yaml", "--set", "algorithm={name: lra-e, beta: 0.2}"]


@pytest.fixture
def reference(folder):
    """A folder marked as reference results."""
    (folder / "ref").mkdir()
    (folder / "ref" / REFERENCE).write_text("not to be written to")
    return folder / "ref"


@pytest.mark.parametrize("place", ["ref", "ref/calibration", "ref/../ref"])
def test_no_run_is_trained_into_reference_results(call, folder, reference, place):
    spec = write_spec(folder / "small.yaml", write_dataset(folder / "small.npz"), runs=1)
    for more in ([], ["--dry-run"]):
        done = call("train", spec, "--results", place, "--jobs", "1", *more)
        assert done.code == 2 and REFERENCE in done.err and "--results" in done.err
    assert [path.name for path in reference.iterdir()] == [REFERENCE]


def test_what_has_finished_there_is_still_left_as_it_is(call, folder, reference):
    spec = write_spec(folder / "small.yaml", write_dataset(folder / "small.npz"), runs=1)
    (reference / REFERENCE).unlink()
    assert call("train", spec, "--results", reference, "--jobs", "1").code == 0
    (reference / REFERENCE).touch()
    assert call("train", spec, "--results", reference).code == 0
    assert call("train", spec, "--results", reference, "--force").code == 2
    (reference / next(reference.glob("small*")).name / "run.json").write_text("{")  # only begun, says clean of it


def test_python_trains_nothing_there_either(folder, reference):
    import lrarun
    from lrarun.errors import UsageError

    with pytest.raises(UsageError, match=REFERENCE):
        lrarun.train({"algorithm": "lra-e", "dataset": write_dataset(folder / "small.npz")}, reference)


def test_clean_removes_nothing_there(call, folder, reference):
    left = reference / "begun"
    left.mkdir()
    (left / ".lock").touch()
    done = call("clean", "--yes", "--results", reference)
    assert done.code == 2 and REFERENCE in done.err and left.is_dir()


def test_a_table_of_reference_results_names_a_command_that_is_not_refused(call, folder, reference):
    err = call("table", "1", "--results", "ref").err
    assert told(err) == ["train", "table1"] and "reference results" in err


def test_what_the_project_ships_is_marked():
    from pathlib import Path

    assert (Path(__file__).parent.parent.parent / "results" / "reference" / REFERENCE).is_file()


NAMED = r"lrarun ((?:train|table|claims|figure|report|status|clean|show) .*?)(?: \(|;|\n|$| names| removes)"


def commands_in(text):
    """Every command that a message, or the report, tells a user to type."""
    plain = html.unescape(re.sub(r"<[^>]*>", "\n", text))
    return [shlex.split(command) for command in re.findall(NAMED, plain)]


def does_what_it_promises(call, words):
    """Runs a command that a message names: one that trains has something to train, one that shows shows it."""
    if words[0] == "train":
        done = call(*words, "--dry-run")
        assert done.code == 0 and re.search(r"^train|^resume|: train|: resume|\btrain\b", done.out), done
        assert not re.search(r"\bskip\b", done.out) or "--force" not in words, done
    elif words[0] == "figure":
        done = call(*words)
        assert done.out.endswith(".svg\n"), done
    else:
        done = call(*words)
        assert done.code in ({0, 5} if words[0] == "claims" else {0}) and "missing" not in done.out + done.err, done
    return done


def store(results, spec, **how):
    """A run as training leaves it: under its id, with its spec."""
    from lrarun.specs.build import make_spec

    folder = write_run(results, spec, name=make_spec(spec).run_id, **how)
    (folder / "spec.yaml").write_text(json.dumps(spec))
    return folder


@pytest.mark.parametrize("place", ["results", "mine", "ref"])
def test_every_hint_of_every_command_does_what_it_promises(call, folder, place):
    """Runs of other settings, unfinished, diverged or with a cut log: in the usual folder, another, the reference."""
    pytest.importorskip("matplotlib")
    from lrarun.specs.paper_runs import figure_specs

    for seed in range(4):  # more than Figure 3's, which are of other settings than the tables' too
        store(folder / place, spec_of(BACKPROP, epochs=1, seed=seed), test_error=5.0, train_error=4.0)
    store(folder / place, spec_of(BACKPROP._replace(depth=5)), state="diverged")
    first, second, third, *_ = figure_specs("3")
    write_log(store(folder / place, first, test_error=2.0, train_error=1.0), validation_error=[9.0, 8.0])
    write_log(store(folder / place, second, test_error=2.0, train_error=1.0), validation_error=[9.0] * 100)
    store(folder / place, third, state="interrupted")
    if place == "ref":
        (folder / "ref" / REFERENCE).touch()
    shutil.copytree(ROOT / "experiments", folder / "experiments", dirs_exist_ok=True)
    seen = set()
    for asked in (("report", "--out", "-"), ("table",), ("table", "1"), ("figure", "3"), ("figure", "1a"), ("status",)):
        done = call(*asked, "--results", place)
        for words in commands_in(done.err + done.out):
            if words[0] == "report" and "--reference" not in words:
                continue  # the page's foot says what made it
            seen.add(words[0])
            answer = does_what_it_promises(call, words)
            if words[0] == "table" and "--reference" not in words:
                assert "5.00" in answer.out and "Table 2" not in answer.out
    assert seen - {"report"} == {"train", "table", "figure"}


def test_a_log_that_is_cut_is_trained_anew_with_force_and_nothing_else_is(call, folder):
    pytest.importorskip("matplotlib")
    spec = spec_of(BACKPROP, epochs=3)
    cut = store(folder / "mine", spec, test_error=5.0)
    write_log(cut, validation_error=[9.0, 8.0])
    (folder / "s.yaml").write_text("{algorithm: backprop, epochs: 3}")
    done = call("figure", "3", "--spec", "s.yaml", "--results", "mine")
    assert done.code == 4 and "its log has 2 of 3 epochs" in done.err
    assert told(done.err) == ["train", f"mine/{cut.name}/spec.yaml", "--force", "--results", "mine"]
    does_what_it_promises(call, told(done.err))


def test_what_diverged_is_not_to_be_trained_again(call, folder):
    store(folder / "mine", spec_of(BACKPROP), state="diverged")
    (folder / "s.yaml").write_text("algorithm: backprop")
    done = call("table", "--spec", "s.yaml", "--results", "mine")
    assert done.code == 4 and "diverged" in done.err and "lrarun train" not in done.err


@pytest.mark.parametrize("asked", [("table", "1"), ("claims",), ("figure", "1a"), ("status",), ("report",)])
def test_every_command_that_is_named_in_an_empty_folder_works_there(call, tmp_path, monkeypatch, asked):
    """Shipped specs have names everywhere, and what lrarun ships of results can be seen where there are none."""
    if asked[0] == "figure":
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    done = call(*asked)
    named = commands_in(done.err + done.out)
    assert [words for words in named if words[0] == "train"]
    assert ([*asked, "--reference"] in named) == (asked != ("status",))
    for words in named:
        does_what_it_promises(call, words)


@pytest.mark.parametrize("asked", [("table",), ("claims",), ("report", "--out", "-")])
def test_reference_results_are_not_recommended_to_who_looks_at_them(call, tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    done = call(*asked, "--reference")
    assert "lrarun ships" not in done.err and "missing or unfinished" not in done.err


def test_who_has_most_runs_is_not_sent_to_the_reference_results(call, folder):
    for depth in (3, 5):
        for title, optimizer in (("Backprop", "sgd"), ("RFA", "sgd"), ("DFA", "sgd"), ("LRA-E", "sgd")):
            store(folder / "mine", spec_of(Key("mnist", title, depth, optimizer)), test_error=5.0)
    assert "--reference" in call("table", "1", "--results", "mine").err, "8 of 21 cells"
    for title in ("Backprop", "RFA", "DFA", "LRA-E"):
        store(folder / "mine", spec_of(Key("mnist", title, 8, "sgd")), test_error=5.0)
    assert "--reference" not in call("table", "1", "--results", "mine").err, "12 of 21 cells"


def test_a_shipped_specs_name_is_not_advised_where_a_file_of_ones_own_has_it(call, folder):
    (folder / "table1.yaml").write_text("algorithm: dtp")
    shutil.rmtree(folder / "experiments")
    words = told(call("table", "1").err)
    assert words == ["train", "experiments/table1.yaml"]
    assert len(call(*words, "--dry-run").out.splitlines()) == 22, "21 runs and a line on all of them"


def test_options_that_this_command_needed_are_in_the_next(call, folder, plugin):
    (folder / "own.py").write_text(RULE)
    (folder / "own.yaml").write_text("algorithm: sign-symmetry")
    for before, after in ((["--plugin", "own.py"], []), ([], ["--plugin", "own.py"])):
        algorithms.cache_clear()
        done = call(*before, "table", "--spec", "own.yaml", "--results", "mine", *after)
        assert told(done.err) == ["train", "own.yaml", "--results", "mine", "--plugin", "own.py"]
        assert call(*told(done.err), "--dry-run").code == 0
    pytest.importorskip("sklearn")
    done = call("figure", "2", "--spec", "my spec.yaml", "--data-dir", "mine")
    assert told(done.err) == ["train", "my spec.yaml", "--data-dir", "mine"]
