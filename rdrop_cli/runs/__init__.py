"""The run folder: writing, reading, finding, locking and removing runs."""
