"""Configurations of runs: made from options or a study file, and fitted to a series."""
