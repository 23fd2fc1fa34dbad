"""``lrarun data``: what it prints where, and its exit codes."""

from __future__ import annotations

import dataclasses

import pytest
from click.testing import CliRunner

from lrarun.cli.data import data
from lrarun.data import locate
from lrarun.data.published import PUBLISHED
from lrarun.errors import FetchError
from tests.support.fakes import PACKED
from tests.support.tiny_data import published


@pytest.fixture
def only_mnist(monkeypatch):
    monkeypatch.delitem(PUBLISHED, "fashion-mnist")


def test_the_command_prints_where_and_tells_progress_on_stderr(machine, serve, mnist, only_mnist):
    mnist(mirrors=(serve({}).url, serve(PACKED).url))
    assert CliRunner().invoke(data, ["list"]).stdout == "mnist\tnot on this machine\n"
    first, second = (CliRunner().invoke(data, ["fetch"]) for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout == f"mnist\t{machine}/cache/mnist\n"
    assert [line[:13] for line in first.stderr.splitlines()] == [
        "mnist: trying",
        "  HTTP status",
        "mnist: trying",
        "  complete an",
    ]
    assert "\x1b" not in first.stderr and second.stderr == ""
    assert CliRunner().invoke(data, ["list"]).stdout == first.stdout


def test_quiet_says_nothing_but_failures(machine, serve, mnist, only_mnist):
    server = serve(PACKED)
    mnist(mirrors=(server.url,))
    assert CliRunner().invoke(data, ["fetch", "mnist", "--quiet"]).stderr == ""
    mnist()
    failed = CliRunner().invoke(data, ["fetch", "mnist", "--quiet", "--data-dir", str(machine / "other")])
    assert failed.exit_code == 0, "the cache still has it"
    locate.cache_folder().rename(machine / "away")
    failed = CliRunner().invoke(data, ["fetch", "mnist", "--quiet"])
    assert failed.exit_code == FetchError.exit_code
    assert failed.stdout == "" and failed.stderr.startswith("lrarun: MNIST is not on this machine")


def test_one_that_cannot_be_had_does_not_stop_the_other(machine, serve, monkeypatch, mnist):
    mnist()
    monkeypatch.setitem(
        PUBLISHED,
        "fashion-mnist",
        dataclasses.replace(published(mirrors=(serve(PACKED).url,)), name="fashion-mnist", title="Fashion-MNIST"),
    )
    done = CliRunner().invoke(data, ["fetch"])
    assert done.exit_code == 1
    assert done.stdout == f"fashion-mnist\t{machine}/cache/fashion-mnist\n"
