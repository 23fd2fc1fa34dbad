"""What the project ships, by name and from anywhere: the checkout's own files here, test_wheel.py in a wheel."""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path

import pytest

import lrarun
from lrarun import shipped
from lrarun.algorithms.registry import algorithms
from lrarun.errors import Incomplete
from lrarun.results.read import read_results
from lrarun.results.run_folder import REFERENCE, is_reference
from lrarun.shipped import unpack
from tests.support.fabricate import write_run

ROOT = Path(__file__).parent.parent
EXPERIMENTS = ROOT / "experiments"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.mark.parametrize("typed", ["table1", "table1.yaml", "experiments/table1", "experiments/table1.yaml"])
def test_a_shipped_spec_has_its_name_anywhere(typed):
    assert shipped.named_file(typed) == EXPERIMENTS / "table1.yaml"
    assert lrarun.load_specs(typed) == lrarun.load_specs(EXPERIMENTS / "table1.yaml")


def test_every_spec_of_the_project_has_a_name_and_no_other_file_has():
    files = set(EXPERIMENTS.rglob("*.yaml"))
    assert {shipped.named_file(name) for name in shipped.spec_names()} == files and len(files) > 10
    for typed in ("../setup.cfg", "../docs/api", "experiments/../table1", "", "experiments", "table9", "\0"):
        assert shipped.shipped_file(typed) is None
    assert shipped.shipped_file(EXPERIMENTS / "table1.yaml") is None, "an absolute path is one already"


def test_a_file_of_that_name_in_the_working_folder_wins_and_that_is_said(call, caplog):
    for own in ("table1", "table1.yaml", "experiments/table1.yaml"):
        Path(own).parent.mkdir(exist_ok=True)
        Path(own).write_text("{algorithm: dtp, epochs: 1}")
        done = call("validate", own)
        assert done.out == f"{own}: valid, 1 run\n"
        assert (own in done.err and "not what lrarun ships" in done.err) == (own == "table1"), done.err
        Path(own).unlink()
    Path("table1.yaml").write_text("{algorithm: dtp, epochs: 1}")
    done = call("validate", "table1")
    assert done.out == "table1: valid, 1 run\n" and "is the file table1.yaml in this folder" in done.err
    assert call("validate", "./experiments/table1.yaml").out == "experiments/table1.yaml: valid, 21 runs\n"


def test_nothing_is_said_where_the_file_of_that_name_is_the_shipped_one(call, monkeypatch):
    monkeypatch.chdir(EXPERIMENTS)
    assert call("validate", "table1") == (0, "table1: valid, 21 runs\n", "")


def test_a_folder_of_that_name_is_no_spec(call):
    Path("quick").mkdir()
    assert call("validate", "quick").out == "quick: valid, 7 runs\n"
    assert call("table", "1", "--spec", "quick").code == 4
    Path("other").mkdir()
    assert "is a folder" in call("table", "--spec", "other").err


def test_an_advised_name_means_the_shipped_spec_whatever_is_in_the_folder():
    table1 = EXPERIMENTS / "table1.yaml"
    for own in (None, "table1", "experiments/table1.yaml"):
        if own:
            Path(own).parent.mkdir(exist_ok=True)
            Path(own).write_text("{algorithm: dtp}")
        assert shipped.named_file(shipped.typed_name(table1)) == table1


def test_a_shipped_spec_with_a_rule_of_its_own_says_how_to_name_it(call, plugin):
    refused = call("train", "angle/transposed", "--dry-run")
    assert refused.code == 2 and "needs --plugin angle/transposed.py\n" in refused.err
    algorithms.cache_clear()
    done = call("train", "angle/transposed", "--dry-run", "--plugin", "angle/transposed.py")
    assert done.code == 0 and "8 of 8 to train" in done.out
    assert call("describe", "angle/transposed", "--plugin", "angle/transposed.py").code == 0


def test_a_spec_is_described_by_its_runs(call):
    done = call("describe", "table1")
    assert "Table 1: MNIST." in done.out and "21 runs" in done.out and "lrarun train table1\n" in done.out
    assert "depth" in done.out and "3, 5, 8" in done.out and str(EXPERIMENTS / "table1.yaml") in done.out
    Path("mine.yaml").write_text("algorithm: lra-e\nsweep: {algorithm.beta: [0.1, 0.2]}")
    assert "algorithm.beta  0.1, 0.2" in call("describe", "mine.yaml").out


def test_the_reference_results_are_the_checkouts_own():
    assert lrarun.reference() == ROOT / "results" / "reference"


@pytest.mark.parametrize("command", [("table", "1", "--format", "csv"), ("export", "--runs")])
def test_reference_results_are_those_of_the_folder(call, command):
    done, named = call(*command, "--reference"), call(*command, "--results", ROOT / "results" / "reference")
    assert done[:2] == named[:2] and done.out
    assert call(*command, "--results", "results/reference").out == call(*command, "--reference").out


def test_a_results_folder_of_that_name_here_is_the_users_own(call):
    write_run(Path("results/reference"), lrarun.make_spec({"algorithm": "dtp"}).to_dict(), test_error=5.0)
    assert len(call("export", "--runs", "--results", "results/reference").out.splitlines()) == 2


def test_two_folders_at_once_are_refused(call, monkeypatch):
    assert call("table", "--reference", "--results", "results").code == 2
    monkeypatch.setenv("LRARUN_RESULTS", "results")
    assert call("table", "1", "--reference").code == 0, "the environment names the usual folder, the option another"


@pytest.mark.parametrize("command", [("train", "quick"), ("clean",), ("doctor",)])
def test_commands_that_write_have_no_such_option(call, command):
    assert call(*command, "--reference").code == 2


def test_pages_can_be_read_anywhere(call):
    listed = call("docs").out
    for path in (ROOT / "docs").glob("*.md"):
        if path.name != "README.md":
            assert f"  {path.stem}" in listed
            assert call("docs", path.stem).out == path.read_text(encoding="utf-8")
    assert call("docs", "docs/verdicts.md").code == 0
    assert "verdicts" in call("docs", "verdict").err


@pytest.mark.parametrize("page", ["reproduction", "verdicts"])
def test_in_a_terminal_a_page_is_laid_out_to_its_width(call, monkeypatch, page):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", call("docs", page).out)
    source = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert "─" * 40 in shown, "its tables are drawn"
    assert not any(mark in shown for mark in ("<!--", "|--", "| --", "**", "](")) and "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    # Words of two letters or more outside of links, comments and code are there whole.
    prose = re.sub(r"<!--.*?-->|\]\([^)]*\)|```.*?```|`[^`\n]*`", " ", source, flags=re.DOTALL)
    missing = set(re.findall(r"[A-Za-z]{2,}", prose)) - set(re.findall(r"[A-Za-z]{2,}", shown))
    assert not missing


# --- as in a wheel


@pytest.fixture
def archive(tmp_path):
    """Two reference results in one file, as setup.py packs them."""
    for depth in (3, 5):
        write_run(tmp_path / "from", lrarun.make_spec({"algorithm": "dtp", "depth": depth}).to_dict(), test_error=5.0)
    (tmp_path / "from" / REFERENCE).write_text("kept as they are")
    with tarfile.open(tmp_path / "reference.tar.xz", "w:xz") as packed:
        packed.add(tmp_path / "from", ".")
    return tmp_path / "reference.tar.xz"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    unpack.unpacked.cache_clear()
    yield tmp_path / "cache" / "lrarun"
    unpack.unpacked.cache_clear()


def test_an_archive_is_unpacked_once_and_marked_as_reference(archive, cache, tmp_path):
    place = unpack.unpacked(archive)
    before = read_results(tmp_path / "from")
    assert [run.run_id for run in read_results(place)] == [run.run_id for run in before] and len(before) == 2
    assert place.parent == cache and is_reference(place)
    assert [path.name for path in cache.iterdir()] == [place.name], "nothing else is left"
    stamp = place.stat().st_mtime_ns
    unpack.unpacked.cache_clear()
    assert unpack.unpacked(archive) == place and place.stat().st_mtime_ns == stamp


def test_where_the_cache_cannot_be_written_it_is_unpacked_elsewhere(archive, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file, where a folder should be")
    assert len(read_results(unpack.unpacked(archive))) == 2
    assert cache.is_file()


def test_a_process_that_was_faster_is_no_failure(archive, cache, monkeypatch):
    place = unpack.unpacked(archive)
    monkeypatch.setattr(Path, "is_dir", lambda self: self != place or not (calls.append(self) or len(calls) == 1))
    calls = []
    assert unpack.unpack(archive, place) == place and len(calls) == 2
    assert [path.name for path in cache.iterdir()] == [place.name]


@pytest.mark.parametrize("content", [b"", b"not an archive", "cut"])
def test_a_damaged_archive_is_said_to_be_so(archive, cache, content):
    archive.write_bytes(archive.read_bytes()[:200] if content == "cut" else content)
    with pytest.raises(Incomplete, match="damaged"):
        unpack.unpacked(archive)
    assert not list(cache.iterdir())


def test_an_installation_without_reference_results_says_so(call, monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "PACKAGED", tmp_path)
    monkeypatch.setattr(shipped, "CHECKOUT", tmp_path)
    done = call("table", "--reference")
    assert done.code == 4 and "no reference results" in done.err
