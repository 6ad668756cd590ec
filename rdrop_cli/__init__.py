"""rdrop: an experiment runner for the GRU overfitting study."""

__version__ = "0.1.0"
