"""Benchmark: training speed of rdrop and of Keras's defaults."""
