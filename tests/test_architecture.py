"""The direction of imports, and the size and documentation of what is in the package."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lrarun"

# Package or module -> what it may import. No circle can be drawn from it, and a test says so.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "settings": set(),
    "files": set(),
    "shipped": {"errors", "files"},
    "paper": set(),
    "nn": {"settings"},
    "algorithms": {"errors", "settings", "nn"},
    "data": {"errors", "settings", "files", "nn"},
    "engine": {"errors", "settings", "nn", "algorithms", "data"},
    "specs": {"errors", "settings", "files", "shipped", "nn", "algorithms", "data", "engine", "paper"},
    "results": {"errors", "settings", "files"},
    "runs": {"errors", "settings", "files", "nn", "algorithms", "data", "engine", "specs", "results"},
    "scheduling": {"errors", "settings", "files", "algorithms", "data", "specs", "results", "runs"},
    "report": {"errors", "settings", "files", "paper", "results"},
    "api": {
        "errors",
        "settings",
        "files",
        "shipped",
        "nn",
        "algorithms",
        "data",
        "engine",
        "specs",
        "results",
        "runs",
        "scheduling",
        "paper",
        "report",
    },
    "tuning": {"errors", "settings", "files", "paper", "specs", "results", "runs", "scheduling", "report"},
    "bench": {"errors", "settings", "nn", "algorithms", "data", "engine", "specs", "runs", "paper"},
    "rules": {"settings", "nn", "algorithms"},
    "network": {"nn"},
    "losses": {"nn"},
}
ENGINE = ("nn", "algorithms", "engine")
FILE_MODULES = {"fileinput", "glob", "io", "os", "pathlib", "shutil", "sqlite3", "subprocess", "tempfile"}
FILE_CALLS = {"memmap", "open", "open_memmap", "read_bytes", "read_text", "tofile", "write_bytes", "write_text"}
NUMPY_FILE_CALLS = {"fromfile", "genfromtxt", "load", "loadtxt", "save", "savetxt", "savez", "savez_compressed"}
# A rule of the user's own stands in a file; the system is asked for free memory, and to end a process.
READ_FILES = {
    "lrarun.algorithms.plugins",
    "lrarun.engine.contract",
    "lrarun.engine.stacked.compilation",
    "lrarun.engine.stacked.device",
    "lrarun.engine.stacked.tracing",
    "lrarun.nn.compiled",
}
HEAVY = {
    "numpy",
    "pandas",
    "pydantic",
    "rich",
    "scipy",
    "matplotlib",
    "sklearn",
    "torch",
    "distributed",
    "numba",
    "jax",
    "optuna",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.AST, package: str = "lrarun") -> set[str]:
    """Every module that is imported anywhere in the tree; ``from a import b`` gives a and a.b."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).rstrip(".")
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def imports_of(module: str) -> set[str]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return imports(parse(path), package)


def reached_from(module: str) -> set[str]:
    """The package's modules that a module imports, and what those import, and so on."""
    reached: set[str] = set()
    new = imports_of(module) & MODULES.keys()
    while new:
        reached |= new
        new = {found for name in new for found in imports_of(name) & MODULES.keys()} - reached
    return reached - {"lrarun"}


def within(names: set[str], *packages: str) -> set[str]:
    return {name for name in names for package in packages if name == package or name.startswith(f"{package}.")}


def modules_in(*packages: str) -> list[str]:
    return sorted(within(set(MODULES), *(f"lrarun.{package}" for package in packages)))


def file_accesses(tree: ast.AST) -> list[str]:
    """What in the tree could open a file: calls by name, and imports of modules that do."""
    found = sorted({name.partition(".")[0] for name in imports(tree)} & FILE_MODULES)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            owner, _, name = ast.unparse(node.func).rpartition(".")
            if name in FILE_CALLS or (owner in ("np", "numpy") and name in NUMPY_FILE_CALLS):
                found.append(f"line {node.lineno}: {name}()")
    return found


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the header to the end, less the docstring's."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    own = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - own


def test_the_readers_of_imports_and_files_see_what_they_should():
    source = "import os.path\nfrom . import spec\nfrom lrarun.cli import main\ndef f():\n    import pandas as p\n"
    found = {"os.path", "lrarun", "lrarun.spec", "lrarun.cli", "lrarun.cli.main", "pandas"}
    assert imports(ast.parse(source)) == found
    assert "lrarun.spec" in imports(ast.parse("from ..spec import load"), "lrarun.cli")
    assert file_accesses(ast.parse("import numpy\nnumpy.zeros(3)")) == []
    assert file_accesses(ast.parse("from pathlib import Path")) == ["pathlib"]
    assert file_accesses(ast.parse("np.save(a, b)\npath.open()\nentry.load()")) == ["line 1: save()", "line 2: open()"]
    assert "lrarun.nn.network" in reached_from("lrarun.algorithms.lra_e")
    assert "lrarun.nn.activations" in reached_from("lrarun.algorithms.lra_e"), "not by itself, but through the network"


def part_of(module: str) -> str:
    """The package or top-level module that a module belongs to: ``nn`` for ``lrarun.nn.losses``."""
    return module.split(".")[1]


def test_the_arrows_draw_no_circle():
    assert [*TopologicalSorter(ARROWS).static_order()]


@pytest.mark.parametrize("module", [name for name in MODULES if name != "lrarun" and part_of(name) in ARROWS])
def test_packages_keep_to_their_arrows(module):
    own = part_of(module)
    found = {name for name in imports_of(module) & MODULES.keys() - {"lrarun"} if part_of(name) != own}
    if own == "algorithms":
        found -= {"lrarun.rules"}  # a rule that was written as a plugin moves into the package as it is
    assert not {name for name in found if part_of(name) not in ARROWS[own]}


def test_every_package_has_its_arrows():
    assert {part_of(name) for name in MODULES if name != "lrarun"} == {*ARROWS, "cli", "__main__"}


@pytest.mark.parametrize("module", modules_in("report", "results"))
def test_reports_reach_no_engine(module):
    assert not within(reached_from(module), *(f"lrarun.{part}" for part in ENGINE))


@pytest.mark.parametrize("module", sorted(set(modules_in(*ENGINE)) - READ_FILES))
def test_the_maths_and_the_engine_open_no_file(module):
    assert not file_accesses(parse(MODULES[module]))


@pytest.mark.parametrize("module", modules_in(*ENGINE))
def test_of_data_the_engine_knows_only_what_reads_no_file(module):
    assert within(reached_from(module), "lrarun.data") <= {"lrarun.data", "lrarun.data.dataset"}
    assert not file_accesses(parse(MODULES["lrarun.data.dataset"]))


def test_the_value_of_a_spec_does_not_know_its_reader():
    readers = ("build", "dataset_check", "sweeps", "validate")
    assert not within(reached_from("lrarun.specs.spec"), *(f"lrarun.specs.{reader}" for reader in readers))


@pytest.mark.parametrize("package", ["specs", "data"])
def test_modules_of_a_package_import_one_another_in_no_circle(package):
    modules = modules_in(package)
    graph = {module: {name for name in imports_of(module) if name in modules and name != module} for module in modules}
    assert [*TopologicalSorter(graph).static_order()]


@pytest.mark.parametrize("module", sorted(set(MODULES) - set(modules_in("cli", "__main__"))))
def test_nothing_but_the_entry_point_imports_the_command_line(module):
    assert not within(imports_of(module), "lrarun.cli")


def test_every_module_is_on_the_map():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = {path.name if path.is_file() else f"{path.name}/" for path in PACKAGE.iterdir()}
    top = {name for name in names if name[0] != "_" and name != "py.typed"}
    assert not {name for name in top if f"`{name}`" not in page}


def test_importing_every_command_loads_no_heavy_library():
    statements = [f"import {module}" for module in modules_in("cli")]
    program = ";".join([*statements, "import sys", f"print(*sorted({HEAVY!r} & set(sys.modules)))"])
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module):
    lengths = {function.name: length(function) for function in functions(parse(MODULES[module]))}
    assert not {name: lines for name, lines in lengths.items() if lines > 60}


def undocumented_methods(kind: type) -> list[str]:
    """Public methods and properties with no docstring, neither their own nor one they override."""
    fields = vars(kind).get("__annotations__", {})
    members = [(name, member) for name, member in vars(kind).items() if not name.startswith("_") and name not in fields]
    routine = (staticmethod, classmethod, property, functools.cached_property)
    return [
        f"{kind.__name__}.{name}"
        for name, member in members
        if (inspect.isfunction(member) or isinstance(member, routine)) and not inspect.getdoc(getattr(kind, name))
    ]


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_has_a_docstring(module):
    tree = parse(MODULES[module])
    if not tree.body:
        return  # an empty __init__.py
    assert ast.get_docstring(tree), "the module"
    defined = [node for node in tree.body if not getattr(node, "name", "_").startswith("_")]
    bare = [node.name for node in defined if not ast.get_docstring(node)]
    for node in defined:
        if isinstance(node, ast.ClassDef):
            bare += undocumented_methods(getattr(importlib.import_module(module), node.name))
    assert not bare


def public_routines(module: str) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Name, source and docstring of public functions and methods; a docstring may be that of what is overridden."""
    loaded = importlib.import_module(module)
    for node in parse(MODULES[module]).body:
        if getattr(node, "name", "_").startswith("_"):
            continue
        if isinstance(node, ast.FunctionDef):
            yield node.name, node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef):
            kind = getattr(loaded, node.name)
            for method in (part for part in node.body if isinstance(part, ast.FunctionDef)):
                if not method.name.startswith("_"):
                    said = inspect.getdoc(getattr(kind, method.name)) or ""
                    yield f"{node.name}.{method.name}", method, said + (inspect.getdoc(kind) or "")


def raised(function: ast.FunctionDef) -> set[str]:
    """The exceptions that a function's own lines raise, by the last part of the name."""
    found = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and node.exc is not None]
    names = [ast.unparse(error.func if isinstance(error, ast.Call) else error).rpartition(".")[2] for error in found]
    return {name for name in names if name[0].isupper()}


def is_of_arrays(function: ast.FunctionDef) -> bool:
    """Whether an argument or the result is an array."""
    arguments = [argument.annotation for argument in (*function.args.args, *function.args.kwonlyargs)]
    text = " ".join(ast.unparse(each) for each in (*arguments, function.returns) if each is not None)
    return "Array" in text or "ndarray" in text


def test_the_readers_of_signatures_see_what_they_should():
    source = "def f(a: Array) -> int:\n    if a:\n        raise errors.UsageError('x')\n    raise error\ndef g(): raise"
    first, second = functions(ast.parse(source))
    assert (raised(first), raised(second)) == ({"UsageError"}, set())
    assert (is_of_arrays(first), is_of_arrays(second)) == (True, False)


@pytest.mark.parametrize("module", sorted(set(MODULES) - set(modules_in("cli", "bench"))))
def test_what_is_raised_is_documented(module):
    """A command's docstring is its help, which says exit codes instead."""
    silent = {
        name: raised(function)
        for name, function, said in public_routines(module)
        if any(error not in said for error in raised(function))
    }
    assert not silent


OF_ARRAYS = (*ENGINE, "data.dataset", "data.load", "runs.weights")


@pytest.mark.parametrize("module", modules_in(*OF_ARRAYS))
def test_the_shapes_of_arrays_are_documented(module):
    silent = [
        name
        for name, function, said in public_routines(module)
        if is_of_arrays(function) and "shape" not in said and "``(" not in said
    ]
    assert not silent
