"""In a terminal of 80 columns nothing that is read is wider, and no word is broken."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest
from rich.console import Console

from lrarun.cli.support import live
from lrarun.cli.support.global_options import tell
from lrarun.cli.support.run_tables import Row, run_tables
from lrarun.results.readable import in_common, shown_settings
from lrarun.scheduling.plan import Job
from lrarun.specs.build import make_spec
from tests.cli.test_behaviour import ROOT

WIDTH = 80
REFERENCE = ROOT / "results" / "reference"


@pytest.fixture
def terminal(call, monkeypatch):
    """Calls a command as in a terminal of so many columns; the reference stands for the results."""

    def run(*words, columns=WIDTH):
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.chdir(ROOT)
            for stream in (sys.stdout, sys.stderr):
                patch.setattr(stream, "isatty", lambda: True)
            patch.setenv("NO_COLOR", "1")
            return call(*words)

    return run


RESULTS = ["--results", "results/reference"]
FAIR = ["--results", "results/reference/fair"]
COMMANDS = {
    "status": ["status", *RESULTS],
    "status of a spec": ["status", "experiments/table1.yaml", *RESULTS],
    "table": ["table", *RESULTS],
    "table with verdicts": ["table", "--compare", *RESULTS],
    "claims": ["claims", *RESULTS],
    "claims without results": ["claims", "--results", "experiments"],
    "fair": ["fair", "--reference"],
    "search": ["tune", "fair/dtp", "--set", "dataset=mnist", "--set", "depth=3", "--dry-run", *FAIR],
    "diff": ["diff", "ca60aa909f", "ddf8bf07f1", *RESULTS],
    "list": ["list"],
    "show": ["show", "c81132569a", *RESULTS],
    "describe spec": ["describe", "spec"],
    "describe a rule": ["describe", "lra-e"],
    "describe a setting": ["describe", "learning_rate"],
    "plan": ["train", "experiments/figure3.yaml", "--dry-run", "--results", "experiments"],
    "figure": ["figure", "2", *RESULTS],
}


def printed(name, run, **how):
    if name == "figure":
        pytest.importorskip("matplotlib")
        pytest.importorskip("sklearn")
    _, out, err = run(*COMMANDS[name], **how)
    return out + err


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_is_longer_than_the_terminal(terminal, name):
    lines = printed(name, terminal).splitlines()
    assert len(lines) > 3 and [line for line in lines if len(line) > WIDTH] == []


def words_of(text):
    """What a reader takes for words: unbroken by blanks, ends of lines, and brackets, commas and full stops."""
    return set(re.findall(r"[^\s()\[\],;:|.]{4,}", text.replace(" \\\n", " ")))


@pytest.mark.parametrize("name", ["status", "claims", "diff", "plan"])
def test_no_word_is_broken(terminal, name):
    narrow, wide = (words_of(printed(name, terminal, columns=columns)) for columns in (WIDTH, 1000))
    rule = re.compile(r"^-+$")
    new = {word for word in narrow - wide if not rule.match(word)}
    if name == "status":  # has words of its own: what an id says in short
        digests = {run.name.rpartition("-")[2] for run in REFERENCE.iterdir()}
        new -= digests | {"common", "layers", "seed", "algorithm", "optimizer", "width"} | names_in_ids()
    if name == "claims":
        new -= {"comparison", "ours", "paper", "difference", "beside", "them"}
    assert {word for word in new if "%" not in word} <= {"In"}


def names_in_ids():
    runs = [json.loads((run / "run.json").read_text()) for run in REFERENCE.glob("*/") if (run / "run.json").is_file()]
    return {str(value) for run in runs for value in shown_settings(run["spec"]).values()}


def test_every_run_is_in_a_narrow_status_with_what_it_has(terminal, call):
    rows = json.loads(call("status", "--results", REFERENCE, "--json").out)
    lines = {line.split()[0]: line for line in terminal("status", *RESULTS).out.splitlines() if line.strip()}
    for row in rows:
        line = lines[row["run_id"].rpartition("-")[2]]
        assert row["state"] in line and f"{row['epoch']}/{row['epochs']}" in line
        assert f"{row['validation_error']:.2f} %" in line


def test_every_column_has_a_heading(terminal):
    shown = terminal("status", *RESULTS).out.splitlines()
    rules = [place for place, line in enumerate(shown) if set(line) == {"-", " "}]
    assert len(rules) > 5
    for place in rules:
        head = shown[place - 2 : place]
        for column in re.finditer("-+", shown[place]):
            assert any(line[column.start() : column.end()].strip() for line in head)


def test_every_comparison_is_in_the_narrow_claims(terminal, call):
    told = json.loads(call("claims", "--results", REFERENCE, "--json").out)
    text = " ".join(terminal("claims", *RESULTS).out.split())
    effects = [part["effect"] for claim in told["claims"] for part in claim["comparisons"] if part["p"] is not None]
    assert len(effects) > 50 and all(f"{effect:+.2f}" in text for effect in effects)


def rows(*specs):
    made = [make_spec(spec) for spec in specs]
    return [Row(one.run_id, shown_settings(one.to_dict()), "", {"state": "new", "time\nleft": ""}, "") for one in made]


def test_what_runs_have_in_common_is_said_once_and_what_tells_them_apart_in_each_row():
    specs = [{"algorithm": rule, "seed": seed} for rule in ("rfa", "dfa") for seed in (0, 1)]
    above, table = run_tables(rows(*specs), WIDTH).split("\n\n")
    assert above == "In common: mnist, 3 layers, width 256, sgd."
    head, _, *body = table.splitlines()
    assert head.split() == ["run", "algorithm", "seed", "state"], "a column with nothing in it is left out"
    assert [line.split()[1:] for line in body] == [
        [rule, str(seed), "new"] for rule in ("rfa", "dfa") for seed in (0, 1)
    ]


def test_settings_that_ids_hide_are_broken_between_words_only():
    differs = "optimizer.learning_rate=0.003, algorithm.feedback_scale=0.25, batch_size=20"
    (row,) = rows({"algorithm": "rfa"})
    many = [Row(row.run_id, row.settings, differs, row.cells), Row(row.run_id, row.settings, "depth=4", row.cells)]
    for width in (60, 80, 100):
        shown = run_tables(many, width)
        assert max(map(len, shown.splitlines())) <= width
        assert all(word in shown for word in differs.replace(",", "").split())


def test_a_note_stands_below_and_names_its_run():
    row = rows({"algorithm": "rfa"})[0]
    shown = run_tables([Row(row.run_id, row.settings, "", row.cells, "failed: " + "because " * 20)], WIDTH)
    assert f"{row.run_id.rpartition('-')[2]}: failed: because" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_in_common_is_what_all_have():
    a, b = (shown_settings(make_spec({"algorithm": rule, "depth": 5}).to_dict()) for rule in ("rfa", "lra-e"))
    assert in_common([a, b]) == {key: value for key, value in a.items() if key != "algorithm"}
    assert in_common([]) == {}


@pytest.mark.parametrize("width", [80, 60, 140])
def test_the_live_view_fits_and_tells_its_runs_apart(width):
    specs = [
        make_spec({"algorithm": rule, "seed": seed, "dataset": "fashion-mnist", "batch_size": size})
        for rule in ("lra-e", "equilibrium-propagation")
        for seed in (0, 1)
        for size in (50, 20)
    ]
    planned = [
        Job(spec, "train", "new", seconds=7000.0, work=1.0, differs=f"batch_size={spec.batch_size}") for spec in specs
    ]
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=24, no_color=True)
    view = live.Live(console)
    view.planned(planned, 2)
    view.started(planned[0], 0)
    view.started(planned[4], 0)
    view.epoch_done(planned[0], {"epoch": 25, "validation_error": 13.14})
    console.print(view._table())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    lines = shown.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    heads = next(line for line in lines if "epoch" in line)
    assert all(word in heads for word in ("progress", "epoch", "time left")[width < 72 :]) and "validation" in shown
    joined = " ".join(shown.split())
    for job in planned:
        assert f"batch_size={job.spec.batch_size}" in joined and f"seed {job.spec.seed}" in joined or width == 140
    assert "In common: fashion-mnist, 3 layers, width 256, sgd" in joined or width == 140
    assert "25/100" in shown and "13.14 %" in shown and "0 of 8 runs done" in joined
    for word in ("equilibrium-propagation", "lra-e", "batch_size=50", "batch_size=20"):
        assert word in shown, "whole, on one line"


def test_a_long_message_is_broken_between_words_and_its_command_as_a_shell_reads_on(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    command = "lrarun table 1 --spec results/reference/mnist-dtp-3x256/spec.yaml --results results/reference"
    text = f"left out: 19 runs whose settings differ from the paper's protocol; to show such a run: {command}; or not"
    tell(text)
    assert capsys.readouterr().err == f"{text}\n", "not to a terminal"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tell(text)
    said = capsys.readouterr().err
    assert max(map(len, said.splitlines())) <= 60
    assert re.sub(r"( \\)?\n +", " ", said).strip() == text
    start = said.index("lrarun table")
    assert said[start : said.index(";", start)].replace("\\\n", " ").split() == command.split()
