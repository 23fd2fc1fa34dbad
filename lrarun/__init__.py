"""lrarun: run and compare learning rules that do without backprop.

The package reproduces the experiments of Ororbia and Mali, *Biologically
Motivated Algorithms for Propagating Local Target Representations* (AAAI 2019).
"""

__version__ = "0.1.0"

# What NumPy's BLAS libraries read, when NumPy is imported, for how many threads to use.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
