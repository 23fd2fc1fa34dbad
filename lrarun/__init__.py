"""lrarun: run and compare learning rules that do without backprop.

The package reproduces the experiments of Ororbia and Mali, *Biologically
Motivated Algorithms for Propagating Local Target Representations* (AAAI 2019).
"""

__version__ = "0.1.0"
