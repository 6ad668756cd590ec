"""Runs in parallel: processes on this machine, or workers of a Dask cluster."""
