"""Provenance speaks of what the numbers depend on."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_blas_is_numpys_own_whatever_else_is_loaded():
    program = (
        "import sys; import {first}; from lrarun.provenance import blas; "
        "import scipy.linalg, numpy; print(blas())"
    )
    said = {
        first: subprocess.run(
            [sys.executable, "-c", program.format(first=first)], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for first in ("numpy", "scipy.linalg")
    }
    alone = subprocess.run(
        [sys.executable, "-c", "from lrarun.provenance import blas; print(blas())"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout
    assert set(said.values()) == {alone}
