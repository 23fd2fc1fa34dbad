"""What tests of several modules share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from lrarun import THREAD_VARIABLES

# As the command line does, before NumPy loads: results are compared bit by bit with those of other processes.
os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
# JAX compiles each test's step once, for a few calls.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

from lrarun.algorithms import plugins
from lrarun.algorithms.registry import algorithms
from lrarun.cli import main
from lrarun.data.published import PUBLISHED
from tests.support.fakes import Server
from tests.support.own_rule import RULE
from tests.support.tiny_data import published

# A busy machine makes any single example slow; how long the tests take is looked at as a whole.
settings.register_profile("lrarun", deadline=None, max_examples=50)
settings.load_profile("lrarun")

PROXIES = [name for scheme in ("http", "https", "all") for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")]


class Outcome(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys, monkeypatch):
    """Calls the command line in this process, with no setting from the environment."""
    for variable in [name for name in os.environ if name.startswith("LRARUN_")] + ["NO_COLOR", "FORCE_COLOR"]:
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return Outcome(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A function that names a plugin file with some content, for one test."""
    held = set(sys.modules)

    def name(content=RULE, file="sign_symmetry.py"):
        (tmp_path / file).write_text(content)
        before = os.environ.get(plugins.VARIABLE, "")
        monkeypatch.setenv(plugins.VARIABLE, os.pathsep.join(filter(None, [before, str(tmp_path / file)])))
        algorithms.cache_clear()
        return tmp_path / file

    monkeypatch.setenv(plugins.VARIABLE, "")  # so that it is put back whoever sets it meanwhile
    monkeypatch.delenv(plugins.VARIABLE)
    algorithms.cache_clear()
    monkeypatch.chdir(tmp_path)
    yield name
    for module in set(sys.modules) - held:
        if module.startswith("lrarun.algorithms.plugins."):
            del sys.modules[module]
    algorithms.cache_clear()


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Path:
    """A machine of its own: empty cache and working folder, and as MNIST the small data set, without sources."""
    for variable in ("LRARUN_DATA_DIR", *PROXIES):
        monkeypatch.delenv(variable, raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setattr("lrarun.data.locate.cache_folder", lambda: cache)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setitem(PUBLISHED, "mnist", published())
    return tmp_path


@pytest.fixture
def serve():
    started = []

    def start(files, **how) -> Server:
        started.append(Server(files, **how))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def mnist(monkeypatch):
    """Sets where the small data set can be had."""
    return lambda **found: monkeypatch.setitem(PUBLISHED, "mnist", published(**found))


@pytest.fixture
def clients(tmp_path, monkeypatch) -> Path:
    """A PATH with nothing on it but the programs that :func:`client` puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    return folder
