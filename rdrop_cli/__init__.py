"""rdrop: an experiment runner for the GRU overfitting study.

Importing this package lets `keras.models.load_model` read the networks of every run.
"""

from rdrop_cli.registration import register_layers

__version__ = "0.2.0"

register_layers()
