"""Provenance names what the numbers depend on."""

import pytest

from lrarun.runs import provenance

NUMPYS = {
    "user_api": "blas",
    "internal_api": "openblas",
    "version": "1",
    "architecture": "A",
    "num_threads": 1,
    "filepath": "/site-packages/numpy.libs/libscipy_openblas64_.so",
}
SCIPYS = NUMPYS | {"version": "2", "filepath": "/site-packages/scipy.libs/libscipy_openblas.so"}
OPENMP = {"user_api": "openmp", "internal_api": "openmp", "version": None, "num_threads": 2, "filepath": "/libgomp.so"}


@pytest.mark.parametrize("loaded", [[NUMPYS], [NUMPYS, SCIPYS], [SCIPYS, NUMPYS], [OPENMP, SCIPYS, NUMPYS]])
def test_the_blas_is_numpys_own_whatever_else_is_loaded(loaded, monkeypatch):
    monkeypatch.setattr(provenance.threadpoolctl, "threadpool_info", lambda: loaded)
    assert provenance.blas() == {"name": "openblas", "version": "1", "architecture": "A", "threads": 1}


def test_without_a_blas_that_can_be_asked_it_says_so(monkeypatch):
    monkeypatch.setattr(provenance.threadpoolctl, "threadpool_info", lambda: [OPENMP])
    assert provenance.blas() == {"name": "unknown"}


def test_numpys_instruction_set_is_the_widest_that_it_found(monkeypatch):
    found = {"baseline": ["X86_V2"], "found": ["X86_V3"], "not found": ["X86_V4"]}
    for sets, widest in ((found, "X86_V3"), (found | {"found": []}, "X86_V2"), ({}, "unknown")):
        monkeypatch.setattr(provenance.np, "show_config", lambda mode: {"SIMD Extensions": sets} if sets else {})
        assert provenance.simd.__wrapped__() == widest
