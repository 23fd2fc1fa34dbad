"""The examples in the help: every command has some, all can be parsed, and what needs no training is run."""

from __future__ import annotations

import glob
import importlib.util
import re
import shlex
import shutil

import click
import numpy as np
import pytest

from lrarun.cli import cli
from tests.cli.test_behaviour import EVERY, ROOT, help_of
from tests.support.synthetic import synthetic_dataset
from tests.support.tiny_data import contents, write


def examples(name):
    """The lines of a command's examples, without comments."""
    block = re.search(r"^ *Examples:\n(.*?)\n\n", help_of(name), re.DOTALL | re.MULTILINE)
    return [re.sub(r"  +#.*", "", line).strip() for line in block.group(1).splitlines()] if block else []


def calls(line):
    """The calls of this program in a line of shell: words after its name."""
    parts = [part for part in re.split(r"&&|\||;|\$\(|\)", line) if part.split()[:1] == ["lrarun"]]
    return [shlex.split(re.sub(r">.*", "", part).replace('"', ""))[1:] for part in parts]


ALL = [(name, line) for name in EVERY for line in examples(name)]
LINES = list(dict.fromkeys(line for _, line in ALL))


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_examples_that_call_it(name):
    own = [words for line in examples(name) for words in calls(line)]
    assert any(words[: len(name.split()) - 1] == name.split()[1:] for words in own)
    assert all(calls(line) for line in examples(name)), "a line that is none"


def parse(words):
    """Has the command that is called parse its words, options and choices checked; runs nothing."""
    command, context = cli, click.Context(cli, info_name="lrarun")
    while isinstance(command, click.Group) and words and words[0] != "COMMAND":
        command, words = command.get_command(context, words[0]), words[1:]
        assert command is not None, "no such command"
    if not isinstance(command, click.Group):
        command.make_context(command.name, list(words))


@pytest.mark.parametrize("line", LINES)
def test_the_examples_can_be_parsed(line):
    for words in calls(line):
        parse(words)


@pytest.mark.parametrize("words", [["shov"], ["show"], ["show", "x", "--plott", "y"], ["table", "4"], ["data", "get"]])
def test_what_cannot_be_parsed_is_found(words):
    with pytest.raises((AssertionError, click.UsageError)):
        parse(words)


# Not run here, each for a reason.
NOT_RUN = {
    "lrarun COMMAND --help": "stands for each command",
    "lrarun train example": "trains",
    "lrarun train my.yaml --set epochs=5 --set algorithm.beta=0.2": "trains",
    "lrarun train table1 table2 table3 --jobs 8": "trains",
    "lrarun train table1 --engine jax": "trains",
    "lrarun train figure1 && lrarun figure 1a": "trains; test_figures draws it",
    "lrarun figure 2 --samples 10000 --out figure2.svg": "needs weights, which reference results don't ship",
    "lrarun tune tune --out w.yaml && lrarun train w.yaml": "trains: test_tune",
    "lrarun tune tune --set search.trials=48 --plot t.png": "trains: test_tune",
    "lrarun summary mine.yaml --compare backprop lra-e": "needs a sweep: test_summary",
    "lrarun data fetch": "downloads: test_cli_data",
    "lrarun bench --depth 3 --no-epochs": "minutes: test_cli_bench runs it on little",
    "lrarun bench --algorithm backprop --vs torch": "minutes, and PyTorch",
    "lrarun bench --json > bench.json": "minutes",
}
NEEDS = {"figure": "matplotlib", "--plot": "matplotlib", "parquet": "pyarrow"}
# Beside 0: what says of the results, not of the command, that cells are missing or higher, or a claim does not hold.
OF_RESULTS = {"fair": {4}, "summary": {4}, "table": {4, 5}, "claims": {4, 5}, "report": {4}, "figure": {4}}


def test_what_is_not_run_is_shown():
    assert not set(NOT_RUN) - set(LINES)


@pytest.fixture
def folder(machine):
    """A copy of the project as a user has it, the reference results also as their own; and what examples name."""
    here = machine / "work"
    shutil.copytree(ROOT / "experiments", here / "experiments")
    left_out = shutil.ignore_patterns("calibration", "*.md")
    shutil.copytree(ROOT / "results" / "reference", here / "results", ignore=left_out)
    (here / "results" / "reference").symlink_to(here / "results")
    for name in ("my.yaml", "mine.yaml"):
        (here / name).write_text("{algorithm: dtp}" if name == "mine.yaml" else "{algorithm: lra-e}")
    data = synthetic_dataset(samples=300, pixels=64)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(here / "my-images.npz", **{name: getattr(data, name) for name in arrays})
    write(machine / "cache" / "mnist", contents())
    return here


@pytest.mark.parametrize("line", [line for line in LINES if line not in NOT_RUN])
def test_the_examples_that_train_nothing_run(line, folder, call):
    for what, library in NEEDS.items():
        if what in line and importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}")
    for words in calls(line):
        expanded = [found for word in words for found in sorted(glob.glob(word)) or [word]]
        code, out, err = call(*(word.replace("/scratch", str(folder / "scratch")) for word in expanded))
        assert code in {0} | OF_RESULTS.get(words[0], set()), err
        assert out or "--out" in words or words[0] == "clean"
        assert "Traceback" not in err
