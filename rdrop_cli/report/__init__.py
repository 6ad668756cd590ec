"""The HTML report: everything about a folder of runs in one file."""
