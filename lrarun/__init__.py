"""lrarun: run and compare learning rules that do without backprop.

The package reproduces the experiments of Ororbia and Mali, *Biologically
Motivated Algorithms for Propagating Local Target Representations* (AAAI 2019).

Scripts import what they need from here: to train (``train``, ``make_spec``, ``load_specs``,
``load_plugin``, ``Spec``), to read runs (``summary``, ``load_results``, ``load_epochs``, ``Result``;
``reference`` is the folder of those that lrarun ships), and
to compare with the paper (``table``, ``claims``, ``figure``, ``html_report``). Each name is
imported when it is first used. See docs/api.md.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# NumPy's BLAS libraries read the number of threads from these when NumPy is imported.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")

# Name -> module; `import lrarun` itself must stay light. A name must not be that of a subpackage,
# which would take its place once it is imported.
_EXPORTS = {
    "Result": "lrarun.results.read",
    "Spec": "lrarun.specs.spec",
    "claims": "lrarun.api.claims",
    "figure": "lrarun.api.figures",
    "html_report": "lrarun.api.page",
    "load_epochs": "lrarun.results.frames",
    "load_plugin": "lrarun.api.training",
    "load_results": "lrarun.results.frames",
    "load_specs": "lrarun.specs.build",
    "make_spec": "lrarun.specs.build",
    "reference": "lrarun.shipped",
    "summary": "lrarun.api.summary",
    "table": "lrarun.api.tables",
    "train": "lrarun.api.training",
}
__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
