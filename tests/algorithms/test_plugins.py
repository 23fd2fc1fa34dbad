"""Rules from files of the user's own and from other packages: found, refused with a reason, noticed when edited."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.engine.training import Training
from lrarun.errors import UsageError
from lrarun.specs.build import load_specs, make_spec
from tests.support.fabricate import write_run
from tests.support.own_rule import PAGE, RULE
from tests.support.synthetic import synthetic_dataset

ROOT = Path(__file__).parent.parent.parent


def test_the_rule_of_the_page_is_known_besides_the_others(plugin):
    before = set(algorithms())
    plugin()
    assert set(algorithms()) == before | {"sign-symmetry"}
    assert plugins.file_of(algorithms()["sign-symmetry"]) == "sign_symmetry.py"
    assert plugins.file_of(algorithms()["backprop"]) is None


def test_a_rule_travels_to_a_process_that_has_only_the_variable(plugin, tmp_path):
    plugin()
    (tmp_path / "rule.pickle").write_bytes(pickle.dumps(algorithms()["sign-symmetry"](scale=0.25)))
    program = "import pickle; print(pickle.load(open('rule.pickle', 'rb')).scale)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "0.25\n"


def test_no_plugins_are_no_plugins(plugin, monkeypatch):
    for value in ("", os.pathsep):
        monkeypatch.setenv(plugins.VARIABLE, value)
        assert plugins.files() == [] and plugins.digests() == {}


def test_what_runs_are_made_by_is_the_file_as_it_was_imported(plugin):
    """Edited while runs are trained, it is another one from the next import on."""
    file = plugin()
    (first,), kind = plugins.digests().values(), algorithms()["sign-symmetry"]
    file.write_text(RULE.replace("0.05", "0.25"))
    assert plugins.digests() == {"sign_symmetry.py": first} and kind().scale == 0.05
    algorithms.cache_clear()
    assert algorithms()["sign-symmetry"]().scale == 0.25
    assert plugins.digests() == {"sign_symmetry.py": hashlib.sha256(file.read_bytes()).hexdigest()}
    algorithms.cache_clear()
    kind = algorithms()["sign-symmetry"]
    algorithms.cache_clear()
    assert algorithms()["sign-symmetry"] is kind, "a file that holds what it held is not imported again"


BROKEN = {
    "a syntax error": ("x = 1\ndef f(:\n", r"rule\.py:2: SyntaxError"),
    "an error when imported": ("import numpy\n\ny = z\n", r"rule\.py:3: NameError: name 'z'"),
    "an end of the process": ("import sys\n\nsys.exit(0)\n", r"rule\.py:3: SystemExit: 0"),
    "a missing package": ("import nowhere_at_all\n", r"rule\.py:1: ModuleNotFoundError: .*nowhere_at_all"),
    "no rule": ("x = 1\n", "no learning rule in it"),
    "no step": (RULE.replace("def step", "def stop"), "SignSymmetry lacks step"),
    "no name": (re.sub(r"    name: .*\n", "", RULE), "SignSymmetry lacks a name"),
    "no title": (re.sub(r"    title: .*\n", "", RULE), "SignSymmetry lacks a title"),
    "no dataclass": (re.sub(r"@dataclass.*\n", "", RULE), r"@dataclass\(frozen=True, kw_only=True\) is missing"),
    "no rng": (
        RULE.replace("grads, rng)", "grads)"),
        r"SignSymmetry: step must be step\(self, params, x, y, grads, rng\), not step\(self, .*, grads\)$",
    ),
    "a carry that step does not take": (
        RULE.replace(
            "    def step", "    def carry(self, sizes, samples, dtype):\n        return None\n\n    def step"
        ),
        r"step must be step\(self, params, x, y, grads, rng, carried=None\), not",
    ),
    "a field without default": (
        re.sub(r"scale: float = .*", "scale: float", RULE),
        r"rule\.py: SignSymmetry: the field 'scale' has no default",
    ),
    "a default out of its range": (
        RULE.replace("setting(0.05", "setting(-1"),
        r"rule\.py: SignSymmetry: the default of scale must be greater than 0, not -1",
    ),
    "a default of another type": (
        RULE.replace("setting(0.05", "setting('small'"),
        "the default of scale must be a number, not the text 'small'",
    ),
    "a type that is none": (RULE.replace("scale: float", "scale: 'flaot'"), "types can't be used: NameError: .*flaot"),
    "a name that is taken": (RULE.replace('"sign-symmetry"', '"rfa"'), "two learning rules are named 'rfa'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_file_is_said_in_one_message(plugin, case):
    content, phrase = BROKEN[case]
    assert content != RULE
    plugin(content, "rule.py")
    with pytest.raises(UsageError, match=phrase):
        algorithms()


@pytest.mark.parametrize(
    "value, phrase",
    [("none.py", "no such file"), ("notes.txt", "must be a Python file"), ("my-rule.py", "name can be imported")],
)
def test_a_file_that_cannot_be_one_is_refused(plugin, monkeypatch, tmp_path, value, phrase):
    for name in ("notes.txt", "my-rule.py"):
        (tmp_path / name).touch()
    monkeypatch.setenv(plugins.VARIABLE, value)
    with pytest.raises(UsageError, match=phrase):
        plugins.files()


@pytest.mark.parametrize("relative", [True, False])
def test_a_missing_file_with_a_relative_path_is_met_with_the_likely_cause(call, monkeypatch, tmp_path, relative):
    """The variable was set in another folder, as `export` in a tutorial does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, "none.py" if relative else str(tmp_path / "none.py"))
    code, _, err = call("list", "algorithms")
    assert code == 2 and f"plugin {tmp_path / 'none.py'}: there is no such file" in err
    assert ("should be absolute" in err) == relative
    monkeypatch.delenv(plugins.VARIABLE)
    assert "should be absolute" not in call("list", "algorithms", "--plugin", "none.py").err


def test_two_files_of_one_name_are_refused(plugin, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        (folder / "rule.py").write_text(RULE)
    monkeypatch.setenv(plugins.VARIABLE, os.pathsep.join(["rule.py", "other/rule.py"]))
    with pytest.raises(UsageError, match="have the same name"):
        plugins.files()
    monkeypatch.setenv(plugins.VARIABLE, os.pathsep.join(["rule.py", str(tmp_path / "rule.py")]))
    assert plugins.files() == [tmp_path / "rule.py"], "one file named twice is one"


def test_the_option_may_stand_anywhere_and_adds_to_the_variable(call, plugin, tmp_path, monkeypatch):
    file = plugin()
    monkeypatch.setenv(plugins.VARIABLE, "")
    command = ["describe", "sign-symmetry"]
    for words in (["--plugin", file, *command], [*command, "--plugin", file.name]):
        monkeypatch.delenv(plugins.VARIABLE, raising=False)
        algorithms.cache_clear()
        assert "Sign symmetry" in call(*words).out
        assert os.environ[plugins.VARIABLE] == str(file)


def test_a_rule_that_is_not_named_is_not_known_and_the_message_says_how(call, plugin):
    algorithms.cache_clear()
    code, _, err = call("train", "mine.yaml")
    Path("mine.yaml").write_text("algorithm: zzz\n")
    code, _, err = call("train", "mine.yaml")
    assert code == 2 and "--plugin FILE.py" in err


@pytest.fixture
def trained(call, plugin, tmp_path):
    """A finished run of the plugin's rule."""
    file = plugin()
    data = synthetic_dataset(samples=300, pixels=64)
    arrays = {name: getattr(data, name) for name in ("train_images", "train_labels", "test_images", "test_labels")}
    np.savez("own.npz", **arrays)
    spec = {"dataset": "own.npz", "depth": 2, "width": 8, "epochs": 1, "validation": 50, "algorithm": "sign-symmetry"}
    Path("mine.yaml").write_text(json.dumps(spec))

    def lrarun(*words):
        os.environ[plugins.VARIABLE] = str(file)
        algorithms.cache_clear()
        return call(*words, "--plugin", file)

    assert lrarun("train", "mine.yaml", "--jobs", "1", "--quiet") == (0, "", "")
    return file, lrarun


def test_a_run_of_an_edited_rule_is_stale_and_not_taken_for_a_current_one(trained):
    file, lrarun = trained
    assert "stale" not in lrarun("status").out
    file.write_text(RULE + "# edited\n")
    assert "its rule's file has changed since" in lrarun("status").out
    assert "lrarun clean removes it" in lrarun("train", "mine.yaml", "--dry-run").out
    assert lrarun("clean", "mine.yaml", "--yes", "--quiet").code == 0
    assert lrarun("train", "mine.yaml", "--jobs", "1", "--quiet").code == 0
    assert "stale" not in lrarun("status").out


@pytest.mark.parametrize("edited", [False, True])
def test_a_rule_of_the_same_name_in_another_file_is_told_by_its_content(call, trained, monkeypatch, edited):
    file, _ = trained
    other = file.with_name("second.py")
    other.write_text(RULE + "# edited\n" * edited)
    monkeypatch.setenv(plugins.VARIABLE, str(other))
    algorithms.cache_clear()
    assert ("its rule's file has changed since" in call("status").out) == edited


USED = "from lrarun.algorithms.plugins import feedback\n"
HELPED = RULE.replace("from lrarun.rules import", USED + "from lrarun.rules import", 1)


@pytest.mark.parametrize("edited", ["feedback.py", "deeper.py", "bystander.py"])
def test_a_run_of_an_edited_helper_is_stale(call, plugin, trained, edited):
    """A module beside the rule's file that it imports, directly or not, is its code as well; any other is not."""
    for name, text in {"feedback": "from . import deeper\n", "deeper": "x = 1\n", "bystander": "x = 1\n"}.items():
        Path(f"{name}.py").write_text(text)
    file, lrarun = trained
    file.write_text(HELPED)
    assert HELPED != RULE
    lrarun("clean", "--yes")
    assert lrarun("train", "mine.yaml", "--jobs", "1", "--quiet").code == 0
    assert "stale" not in lrarun("status").out
    (record,) = Path("results").glob("*/run.json")
    assert set(json.loads(record.read_text())["provenance"]["plugins"]) == {
        "sign_symmetry.py",
        "sign_symmetry.py: deeper.py",
        "sign_symmetry.py: feedback.py",
    }
    Path(edited).write_text("from . import deeper\nx = 2\n" if edited == "feedback.py" else "x = 2\n")
    assert ("its rule's file has changed since" in lrarun("status").out) == (edited != "bystander.py")


def test_an_edited_helper_is_imported_again(plugin):
    Path("scales.py").write_text("SCALE = 0.05\n")
    plugin(HELPED.replace("import feedback", "import scales", 1).replace("0.05", "scales.SCALE"))
    assert algorithms()["sign-symmetry"]().scale == 0.05
    Path("scales.py").write_text("SCALE = 0.25\n")
    algorithms.cache_clear()
    assert algorithms()["sign-symmetry"]().scale == 0.25


def test_a_table_marks_runs_of_an_edited_rule(call, plugin, tmp_path):
    file = plugin()
    spec = make_spec({"algorithm": "sign-symmetry"})
    made = {"plugins": plugins.digests()}
    write_run(tmp_path / "results", spec.to_dict(), test_error=2.0, train_error=0.5, provenance=made)
    (tmp_path / "mine.yaml").write_text("algorithm: sign-symmetry\n")
    commands = (["table", "1"], ["table", "--spec", "mine.yaml"], ["table", "--spec", "mine.yaml", "--compare"])
    for command in commands:
        done = call(*command)
        assert "2.00" in done.out and "†" not in done.out and "stale" not in done.err
    file.write_text(RULE + "# edited\n")
    algorithms.cache_clear()
    for command in commands:
        done = call(*command)
        assert "2.00†" in done.out and "† Stale" in done.out
        assert "stale: 1 run in these cells (its rule's file has changed since)" in done.err
    call("report", "--out", "page.html")
    assert "2.00<small>†</small>" in Path("page.html").read_text()


def test_a_run_whose_plugin_is_not_named_this_time_is_not_removed(call, trained, monkeypatch):
    monkeypatch.delenv(plugins.VARIABLE)
    algorithms.cache_clear()
    assert call("clean", "--yes").out == ""
    assert list(Path("results").glob("*/run.json"))


def package(folder, entry_point="sign_symmetry:SignSymmetry", content=RULE):
    """A package as pip would have installed it into a folder."""
    (folder / "sign_symmetry.py").write_text(content)
    info = folder / "sign_symmetry-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sign-symmetry\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[lrarun.algorithms]\nsign-symmetry = {entry_point}\n")


def lrarun_with(folder, *words):
    environment = {key: value for key, value in os.environ.items() if key != plugins.VARIABLE}
    return subprocess.run(
        [sys.executable, "-m", "lrarun", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
    )


def test_an_installed_packages_rule_is_known(tmp_path):
    package(tmp_path)
    done = lrarun_with(tmp_path, "list", "algorithms", "--json")
    assert "sign-symmetry" in [entry["name"] for entry in json.loads(done.stdout)["algorithms"]], done.stderr


@pytest.mark.parametrize(
    "how, phrase",
    [
        ({"content": "import nowhere_at_all\n"}, "of sign-symmetry can't be imported"),
        ({"entry_point": "sign_symmetry:Absent"}, "of sign-symmetry can't be imported"),
        ({"entry_point": "sign_symmetry:np"}, "is no subclass of Algorithm"),
    ],
)
def test_a_broken_package_is_named(tmp_path, how, phrase):
    package(tmp_path, **how)
    done = lrarun_with(tmp_path, "list", "algorithms")
    assert done.returncode == 2 and phrase in done.stderr and "Traceback" not in done.stderr


def test_the_pages_package_names_the_rule(tmp_path):
    import tomllib

    made = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    (value,) = made["project"]["entry-points"]["lrarun.algorithms"].values()
    package(tmp_path, entry_point=value)
    assert lrarun_with(tmp_path, "describe", "sign-symmetry").returncode == 0
    assert made["tool"]["setuptools"]["py-modules"] == [value.partition(":")[0]]


def test_error_weights_that_start_at_the_transpose_stay_there(plugin):
    """The rule behind docs/reproduction.md's words on Figure 1(a), whose E changes with W's transpose."""
    plugin((ROOT / "experiments" / "angle" / "transposed.py").read_text(), "transposed.py")
    changes = ["algorithm.gamma=1.0", "epochs=2", "validation=50"]
    spec, *_ = load_specs(ROOT / "experiments" / "angle" / "transposed.yaml", changes)
    assert spec.algorithm.name == "lra-e-transposed"
    training = Training(spec, synthetic_dataset())
    while not training.done:
        training.advance()
    W, E = training.params["W"], training.params["E"]
    assert set(E) == {2, 3}
    for l in E:
        np.testing.assert_allclose(E[l], W[l], rtol=0, atol=1e-5)
