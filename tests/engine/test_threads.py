"""The tests run as the command line does: one BLAS thread."""

import numpy as np
import threadpoolctl


def test_blas_has_one_thread():
    assert np.ones((2, 2)) @ np.ones(2) is not None  # NumPy has loaded its BLAS
    threads = {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}
    assert threads == {1}
