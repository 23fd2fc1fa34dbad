"""What ``lrarun doctor`` reports on a sound machine and on others."""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrarun.api import doctor
from lrarun.data.published import PUBLISHED
from tests.support.tiny_data import contents, published, write

SETUP = configparser.ConfigParser()
SETUP.read(Path(__file__).parent.parent.parent / "setup.cfg", encoding="utf-8")


def required(text):
    return dict(re.findall(r"^([\w-]+)>=([\d.]+)$", text, re.MULTILINE))


def named(checks, name):
    (found,) = [check for check in checks if check.name == name]
    return found


def test_what_it_looks_for_is_what_an_installation_requires():
    assert doctor.BASE == required(SETUP["options"]["install_requires"])
    extras = {
        name: set(re.findall(r"^([\w-]+)", text, re.MULTILINE)) - {"coverage"}
        for name, text in SETUP["options.extras_require"].items()
    }
    assert {name: set(packages) for name, (packages, _) in doctor.EXTRAS.items()} == extras
    oldest = ".".join(map(str, doctor.OLDEST_PYTHON))
    assert SETUP["options"]["python_requires"] == f">={oldest}"


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_versions_compare_by_number(first, second):
    text = [".".join(map(str, version)) for version in (first, second)]
    assert doctor.older(*text) == (first < second)
    assert not doctor.older(f"{text[0]}rc1", text[0])


@pytest.fixture
def no_fashion(monkeypatch):
    """Fashion-MNIST without a source, so that no test asks the network."""
    fashion = dataclasses.replace(published(), name="fashion-mnist", title="Fashion-MNIST")
    monkeypatch.setitem(PUBLISHED, "fashion-mnist", fashion)


def test_a_sound_machine_is_well(machine, monkeypatch):
    monkeypatch.setattr("lrarun.data.sources.available", lambda dataset: "a mirror")
    write(machine / "cache" / "mnist", contents())
    checks = list(doctor.examine(Path("results")))
    assert not [check for check in checks if check.state == doctor.BAD]
    assert named(checks, "MNIST").state == doctor.OK
    assert named(checks, "Fashion-MNIST").state in (doctor.OK, doctor.NOTE)
    assert not list(Path.cwd().iterdir()), "looking leaves nothing behind"


def test_every_shortcoming_comes_with_advice(machine, monkeypatch, no_fashion):
    monkeypatch.setattr(doctor, "version_of", lambda name: None)
    checks = list(doctor.examine(Path("results")))
    assert named(checks, "packages").state == doctor.BAD
    assert "numpy>=2.0" in named(checks, "packages").advice
    assert all(check.advice for check in checks if check.state != doctor.OK and "could not" not in check.found)


def test_a_data_set_that_is_neither_here_nor_to_be_had_would_stop_a_run(machine, call, no_fashion):
    found = named(doctor.examine(Path("results")), "MNIST")
    assert found.state == doctor.BAD and "not on this machine, and not to be had: it has no source" in found.found
    assert "--data-dir" in found.advice and "connect this machine" in found.advice
    done = call("doctor")
    assert done.code == 1 and "2 things would stop a run" in done.err


def test_a_data_set_that_a_source_has_is_worth_a_note(machine, serve, mnist, no_fashion):
    files = {f"{name}.gz": b"" for name in contents()}
    server, without = serve(files), serve({})
    mnist(mirrors=(without.url, server.url))
    found = named(doctor.examine(Path("results")), "MNIST")
    assert found.state == doctor.NOTE and f"({urlsplit(server.url).netloc} has it)" in found.found
    assert found.advice == "lrarun data fetch mnist" and len(server.asked) == 1, "asked, and not downloaded"
    mnist(mirrors=(without.url,))
    found = named(doctor.examine(Path("results")), "MNIST")
    assert found.state == doctor.BAD and f"{urlsplit(without.url).netloc}: HTTP status 404" in found.found
    assert not (machine / "cache").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_download_that_could_not_be_stored_would_stop_a_run(machine, serve, mnist, no_fashion):
    mnist(mirrors=(serve({f"{name}.gz": b"" for name in contents()}).url,))
    (machine / "data").mkdir(mode=0o500)
    found = named(doctor.examine(Path("results"), machine / "data"), "MNIST")
    assert found.state == doctor.BAD and "--data-dir" in found.advice


def test_a_place_for_downloads_that_cannot_be_would_stop_a_run(machine, serve, mnist, no_fashion):
    mnist(mirrors=(serve({f"{name}.gz": b"" for name in contents()}).url,))
    (machine / "cache").write_text("no folder")
    found = named(doctor.examine(Path("results")), "MNIST")
    assert found.state == doctor.BAD and "which it would be downloaded to: Not a directory" in found.found


def test_damaged_data_in_the_users_folder_would_stop_a_run(machine, no_fashion):
    files = contents()
    name = next(iter(files))
    write(machine / "mine" / "mnist", files | {name: files[name][:-1]})
    found = named(doctor.examine(Path("results"), machine / "mine"), "MNIST")
    assert found.state == doctor.BAD and name in found.found and "truncated" in found.found


def test_a_results_folder_that_cannot_be_would_stop_a_run(tmp_path):
    (tmp_path / "file").touch()
    found = doctor.disk(tmp_path / "file" / "results")
    assert found.state == doctor.BAD and "--results" in found.advice
    assert doctor.disk(tmp_path / "new" / "results").state in (doctor.OK, doctor.NOTE)


def test_a_full_disk_would_stop_a_run(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1e6})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    assert doctor.disk(tmp_path).state == doctor.BAD
    usage.free = 5e8
    assert doctor.disk(tmp_path).state == doctor.NOTE


@pytest.mark.parametrize("content, cores", [("150000 100000\n", 1.5), ("max 100000\n", None), ("", None)])
def test_a_containers_share_of_the_cores_is_read(tmp_path, content, cores):
    (tmp_path / "cpu.max").write_text(content)
    assert doctor.cpu_quota(tmp_path / "cpu.max") == cores


def test_little_memory_is_worth_a_note(tmp_path):
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       16000000 kB\nMemAvailable:     400000 kB\n")
    found = doctor.memory(file)
    assert found.state == doctor.NOTE and found.found == "0.4 of 16.4 GB free"
    assert doctor.memory(tmp_path / "absent").state == doctor.NOTE


def test_a_broken_rule_of_another_package_would_stop_a_run(monkeypatch):
    def broken():
        raise ImportError("no module named 'elsewhere'")

    found = doctor.guarded(broken, "algorithms")
    assert found.state == doctor.BAD and "elsewhere" in found.found
