"""Many runs: which, in what order, and where: in this process, in several, on a Dask cluster."""
