"""What is declared about the package, held against what is in it."""

from __future__ import annotations

import ast
import configparser
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import lrarun
from lrarun.errors import how_to_install

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lrarun"

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")

# Distribution -> what is imported, where the two differ.
IMPORT_NAMES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}


def lines(section: str, option: str) -> list[str]:
    return [line for line in SETUP[section][option].splitlines() if line]


def import_names(requirements: list[str]) -> set[str]:
    names = (re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements)
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}


def third_party(nodes: list[ast.AST]) -> set[str]:
    """Top-level names of the packages that import statements among the nodes name."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"lrarun"}


BASE = import_names(lines("options", "install_requires"))
EXTRAS = {extra: import_names(lines("options.extras_require", extra)) for extra in SETUP["options.extras_require"]}

# Modules that are all about an extra's library, and are themselves imported only where it is asked for.
NEEDS_AN_EXTRA = {"bench/torch_steps.py": "bench"}
STACKED = ("noise", "optimizers", "program", "stack", "tracing")
NEEDS_AN_EXTRA |= {f"engine/stacked/{module}.py": "jax" for module in STACKED}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_import_is_declared(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    extra = NEEDS_AN_EXTRA.get(path.relative_to(PACKAGE).as_posix())
    allowed = BASE | EXTRAS[extra] if extra else BASE
    assert third_party(tree.body) <= allowed, "at module level, where only the base dependencies may stand"
    assert third_party(list(ast.walk(tree))) <= BASE.union(*(EXTRAS[extra] for extra in EXTRAS if extra != "dev"))


def test_the_base_dependencies_import_under_their_names():
    for name in BASE:
        importlib.import_module(name)


def test_data_files_are_declared_as_package_data():
    patterns = [pattern.strip() for pattern in SETUP["options.package_data"]["lrarun"].split(",")]
    declared = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    present = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in present if path.suffix not in (".py", ".pyc")} == declared


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not {folder for folder in folders if not (folder / "__init__.py").exists()}


def test_the_entry_point_is_a_function():
    (script,) = lines("options.entry_points", "console_scripts")
    command, module, function = re.fullmatch(r"(\w+) = ([\w.]+):(\w+)", script).groups()
    assert command == "lrarun"
    assert callable(getattr(importlib.import_module(module), function))


def test_one_version_everywhere():
    assert SETUP["metadata"]["version"] == "attr: lrarun.__version__"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == lrarun.__version__
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings, "the changelog has an entry"
    assert "Unreleased" not in headings[1:], "only the newest entry can be unreleased"
    assert released[:1] in ([], [lrarun.__version__])


def test_one_oldest_python_everywhere():
    (oldest,) = re.findall(r">=3\.(\d+)", SETUP["options"]["python_requires"])
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"sys\.version_info < \(3, (\d+)\)", makefile)) == {oldest}
    assert SETUP["mypy"]["python_version"] == f"3.{oldest}"
    assert f"Python 3.{oldest} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_extras_are_installed_by_the_same_words_everywhere():
    """As an editable install, from the repository: all else replaces what make installed, or is no package at all."""
    pages = [*(ROOT / "lrarun").rglob("*.py"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    said = [
        line.strip()
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.search(r"pip install.*\[", re.sub(r"'jax\[cuda\d+\]'", "", line))  # JAX's own extras are not ours
    ]
    assert len(said) > 3
    assert all(re.search(r"pip install -e '\.\[", line) for line in said), said


def test_the_command_that_installs_an_extra_is_for_the_python_that_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for executable in (sys.executable, str(tmp_path / ".venv" / "bin" / "python")):
        monkeypatch.setattr(sys, "executable", executable)
        command = shlex.split(how_to_install("plots").partition(" (")[0])
        assert command[1:] == ["-m", "pip", "install", "-e", ".[plots]"]
        assert os.path.abspath(shutil.which(command[0]) or command[0]) == executable
    assert command[0] == ".venv/bin/python"


def copy_of_the_source(folder: Path) -> Path:
    """A copy of what is here, without what tools and runs have left."""
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", "*.egg-info", "build", "dist", ".*_cache")
    return shutil.copytree(ROOT, folder, ignore=ignored)


def shipped_files() -> set[str]:
    """What setup.py puts into the package beside the code."""
    found = [
        *(ROOT / "experiments").rglob("*.yaml"),
        *(ROOT / "experiments").rglob("*.py"),
        *(ROOT / "docs").glob("*.md"),
    ]
    names = [path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts]
    return {f"lrarun/shipped/{name}" for name in [*names, "reference.tar.xz"]}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The files in the source archive, and those that are installed; made from a copy of what is here."""
    pytest.importorskip("setuptools")
    copy = copy_of_the_source(tmp_path_factory.mktemp("source") / "lrarun")
    command = [sys.executable, "setup.py", "sdist", "build"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (archive,) = (copy / "dist").iterdir()
    with tarfile.open(archive) as source:
        names = {member.name.partition("/")[2] for member in source.getmembers() if member.isfile()}
    library = copy / "build" / "lib"  # what a wheel holds besides its metadata
    return names, {path.relative_to(library).as_posix() for path in library.rglob("*") if path.is_file()}


def in_repository() -> set[str]:
    """The files of the repository: what git tracks, or in an unpacked source archive, what its own list says."""
    if (ROOT / ".git").exists():
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}
    listed = (ROOT / "lrarun.egg-info" / "SOURCES.txt").read_text(encoding="utf-8").splitlines()
    return {name for name in listed if not name.startswith("lrarun.egg-info/")}


@pytest.mark.slow
def test_the_source_archive_has_all_that_its_tests_need(built):
    source, _ = built
    assert in_repository() <= source
    assert not {name for name in source if "__pycache__" in name or name.startswith("results/reference/figures/")}


@pytest.mark.slow
def test_what_is_installed_is_the_package_with_what_is_shipped(built):
    _, installed = built
    package = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    assert installed == {name for name in package if "__pycache__" not in name} | shipped_files()
