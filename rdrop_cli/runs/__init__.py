"""The run folder: what a run leaves on disk, how it is found again, and how it is read."""
