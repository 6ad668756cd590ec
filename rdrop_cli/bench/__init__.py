"""Benchmark: speed of rdrop, of the book's code, and of other libraries."""
