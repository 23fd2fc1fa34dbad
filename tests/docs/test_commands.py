"""Every command that a page shows does what it should, in the order of the page."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from lrarun.cli import COMMANDS
from tests.support.shown import files_and_commands, follow

ROOT = Path(__file__).parent.parent.parent
FILES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
PAGES = {
    "map" if path == ROOT / "docs" / "README.md" else path.stem: path.read_text(encoding="utf-8")
    for path in sorted(FILES)
}
SHOWING = [name for name, page in PAGES.items() if any(file is None for file, _ in files_and_commands(page))]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Follows a page once; returns its folder and its commands."""
    known = {}

    def of(name):
        if name not in known:
            folder = tmp_path_factory.mktemp(name) / "work"
            known[name] = folder, follow(PAGES[name], folder)
        return known[name]

    return of


@pytest.mark.parametrize("name", SHOWING)
def test_every_command_on_the_page_exits_as_it_should(done, name):
    _, commands = done(name)
    for command in commands:
        assert command.code == command.expected, f"$ {command.text}\n{command.output}"
        assert "Traceback" not in command.output


def outputs_on(page):
    """(command, output) of each command on the page whose output is shown."""
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if output:
                yield command.partition("    # exits with ")[0], output


def without_numbers(text):
    """The text with every score, time and run of spaces or dashes the same: small data has others."""
    score = r"\b\d+(\.\d+)?(?= %)|\b\d+\.\d\d(±\d+\.\d\d)?(?!\S)"
    epoch_and_time = r" \d+(\.\d)? +(<?\d+ (s|min))$"
    return [
        re.sub(r" +", " ", re.sub(r"--+", "--", re.sub(epoch_and_time, " E T", re.sub(score, "N", line))))
        for line in text.splitlines()
    ]


@pytest.mark.parametrize("name", [name for name in SHOWING if list(outputs_on(PAGES[name]))])
def test_the_output_on_the_page_is_what_the_command_prints(done, name):
    _, commands = done(name)
    printed = {command.text: command.output for command in commands}
    for command, output in outputs_on(PAGES[name]):
        assert without_numbers(output) == without_numbers(printed[command])


def test_the_readmes_own_rule_is_a_row_of_table_1(done):
    _, commands = done("README")
    (printed,) = [command.output for command in commands if "[backprop, sign-symmetry]" in command.text]
    (row,) = [line for line in printed.splitlines() if line.startswith("Sign symmetry")]
    assert re.search(r"\d±\d", row), "two seeds"


TABLES = "lrarun train table1 table2 table3"
# Shown without being run here, each for a reason.
NOT_RUN = {
    "lrarun table --reference": "stands under pip install, which test_wheel does",
    "lrarun train quick": "minutes of training: test_wheel trains a part of it",
    "lrarun table 1 --spec quick": "stands after it",
    "lrarun train experiments/peers/lee-2015.yaml": "100 epochs; test_passes trains such runs",
    "lrarun train figure1": "20 epochs with a probe: its own tests train such runs",
    "lrarun train experiments/angle/transposed.yaml --plugin experiments/angle/transposed.py": (
        "20 epochs with a probe: test_plugins trains two"
    ),
    "lrarun show mnist-lra-e-transposed-2x256-sgd-s0-dc077f21e4": "needs the run of the command above it",
    "lrarun figure 1a": "needs matplotlib, an extra",
    "lrarun bench": "minutes: test_cli_bench runs it on little",
    "lrarun bench --engine jax": "minutes: test_bench_command runs it on little",
    "lrarun doctor": "stands under pip install, which a test does not do",
    "lrarun train experiments/table1.yaml --set 'sweep.seed=[0, 1, 2, 3, 4, 5, 6, 7]' --engine jax": (
        "hours of training: test_stacks trains small ones"
    ),
    "lrarun bench --depth 3 --depth 8 --no-epochs --vs torch": "minutes, and PyTorch",
    "lrarun report --out report.html": "test_report_page makes the page of all kinds of results",
    "lrarun claims --reference": "exits with 5, as long as claims fail: test_claims",
    "lrarun table --reference --compare": "exits with 5, as long as a cell is higher: test_cli_table",
    TABLES: "hours of training: test_cli_table holds the files to be the paper's runs",
    f"{TABLES} --dry-run": "test_planning",
    "lrarun status table1": "test_cli_status_clean",
    "lrarun fair --results results/fair": "exits with 4, as long as cells are missing: test_fair",
    "lrarun clean": "test_cli_status_clean",
    "lrarun clean --yes": "test_cli_status_clean",
    "lrarun train table1 --scheduler tcp://10.0.0.1:8786": "needs a cluster: test_cluster makes one",
    "lrarun train mine.yaml --scheduler tcp://127.0.0.1:8786": "needs a cluster: test_cluster makes one",
}


def test_no_command_is_shown_that_is_not_run():
    """Commands stand in ``console`` blocks; any other is listed above with the reason."""
    rest = [re.sub(r"^```console\n.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE) for page in PAGES.values()]
    blocks = [block for page in rest for block in re.findall(r"^(?: {4}.*\n)+|^```\w*\n(?:.*\n)*?```$", page, re.M)]
    shown = re.findall(r"^ *(?:\$ )?(lrarun [^#\n]*)", "\n".join(blocks), re.MULTILINE)
    assert {command.strip() for command in shown} == set(NOT_RUN)


def test_the_readme_names_every_command():
    named = set(re.findall(r"`lrarun ([a-z]+)", PAGES["README"]))
    assert named >= set(COMMANDS)


def test_what_is_read_off_a_page():
    page = "```python\n# a/b.py\nx = 1\n```\n\n```console\n$ one --two\nits output\n$ three    # exits with 4\n```\n"
    assert list(files_and_commands(page)) == [
        ("a/b.py", "x = 1\n"),
        (None, "one --two"),
        (None, "three    # exits with 4"),
    ]


def output(commands, start):
    return next(command.output for command in commands if command.text.startswith(start))


def test_the_eighth_rule_is_a_row_of_table_1(done):
    _, commands = done("extending")
    rows = [line for line in output(commands, "lrarun table 1").splitlines() if line.startswith("Sign symmetry")]
    assert len(rows) == 1 and any(character.isdigit() for character in rows[0]), rows
    assert "sign-symmetry" in output(commands, "lrarun list")
    assert output(commands, "lrarun status").count("its rule's file has changed") == 1
    assert "'scale'" in output(commands, "lrarun train mine.yaml --set algorithm=sign-symmetry")


RULES = ["backprop", "lra-e", "sign-symmetry"]
MEAN = r"\d+\.\d\d±\d+\.\d\d"


def rows_of_table(printed):
    """The rows of the first table in a text, below its line of dashes."""
    _, _, table = printed.partition("---\n")
    return table.split("\n\n")[0].splitlines()


def test_the_readmes_first_spec_ends_in_a_table_of_its_four_settings(done):
    _, commands = done("README")
    for start in ("lrarun train mine.yaml", "lrarun summary mine.yaml"):
        rows = rows_of_table(output(commands, start))
        assert [row.split()[:2] for row in rows[1:]] == [["lra-e", "0.05"], ["lra-e", "0.1"], ["lra-e", "0.2"]]
        assert rows[0].startswith("backprop") and all(len(re.findall(MEAN, row)) == 3 for row in rows)


def test_ones_own_data_and_rule_end_in_a_table_of_settings(done):
    _, commands = done("extending")
    for start in ("lrarun train patterns.yaml", "lrarun summary patterns.yaml --sort"):
        rows = rows_of_table(output(commands, start))
        assert sorted(row.split()[0] for row in rows) == RULES
        assert all(row.split()[1] == "2" and len(re.findall(MEAN, row)) == 3 for row in rows)
    tests = [float(re.findall(MEAN, row)[1].partition("±")[0]) for row in rows]
    assert tests == sorted(tests)
    compared = output(commands, "lrarun summary patterns.yaml --compare")
    assert "A: algorithm lra-e\n" in compared and "B: algorithm sign-symmetry\n" in compared
    assert len(re.findall(r"^(validation|test|train) .* 2  ", compared, re.MULTILINE)) == 3


def test_runs_on_ones_own_data_have_scores(done):
    folder, commands = done("extending")
    with open(folder / "runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "patterns.npz"]
    assert sorted(row["algorithm"] for row in rows) == [name for name in RULES for _ in range(2)]
    assert all(row["state"] == "finished" and float(row["test_error"]) < 75 for row in rows), "better than chance"


def test_both_forms_of_a_data_set_train_to_the_same_bits(done):
    folder, _ = done("extending")
    logs = {
        name: next((folder / "results").glob(f"{name}-lra-e-*-s0-*/log.csv")).read_text().splitlines()
        for name in ("patterns", "patterns.npz")
    }
    without_seconds = [[line.rpartition(",")[0] for line in log] for log in logs.values()]
    assert without_seconds[0] == without_seconds[1] and len(without_seconds[0]) == 6
