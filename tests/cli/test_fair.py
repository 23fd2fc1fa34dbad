"""``lrarun fair``: what is missing and what is left."""

from __future__ import annotations

import csv
import re

from tests.support.small_runs import ROOT

FAIR = ROOT / "experiments" / "fair"


def test_the_command_says_what_is_missing_and_what_is_left(call, tmp_path):
    results = tmp_path / "results"
    code, out, err = call("fair", "--specs", FAIR, "--results", results)
    assert code == 4
    assert "28 of 28 cells missing or unfinished" in err and "--todo prints the commands" in err
    assert out.count("missing") == 28 and "Fashion-MNIST, 8 hidden layers" in out
    lines = call("fair", "--specs", FAIR, "--results", results, "--todo").out.splitlines()
    assert sum(line.startswith("lrarun tune ") for line in lines) == 28
    first = [line for line in lines if line.startswith("lrarun train ")][0]
    assert lines.index(first) == 7 and first.count("winner.yaml") == 7, "a data set's searches come before its winners"
    assert not results.exists()


def test_a_folder_that_is_not_there_is_refused(call, tmp_path):
    for option in ("--faithful", "--specs"):
        code, out, err = call("fair", "--reference", option, tmp_path / "nope")
        assert (code, out) == (2, "") and "nope" in err


def told(printed):
    """The lines with the rules that are told apart."""
    return "\n".join(re.findall(r"^Told apart: .*", printed, re.MULTILINE))


def test_the_reference_is_read_and_never_trained_into(call):
    shown = call("fair", "--reference")
    assert "LRA-E" in shown.out and "Told apart: " in shown.out and "--todo" not in shown.err
    pairs = list(csv.DictReader(call("fair", "--reference", "--pairs", "--format", "csv").out.splitlines()))
    assert len(pairs) == 2 * 21 + 2 * 15, "seven rules at 3 layers, six at 8"
    assert sum(float(pair["p_holm"]) < 0.05 for pair in pairs) == len(re.findall(r" below |, ", told(shown.out)))
    code, out, err = call("fair", "--reference", "--todo")
    assert (code, out) == (2, "") and "--results" in err
