"""Runs side by side, each in a process and on cores of its own."""
