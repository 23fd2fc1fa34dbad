"""Train many runs: which, in what order, and where (this process, several, or a Dask cluster)."""
