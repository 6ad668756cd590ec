"""The report: everything that the runs of a folder say, in one HTML file that needs nothing else."""
