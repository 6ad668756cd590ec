"""Load the network of a finished run, ready to predict on any windows with the engines of training."""

from dataclasses import replace
from pathlib import Path

import keras

import rdrop_cli.nn.layers  # noqa: F401 -- registers them with Keras
from rdrop_cli.errors import DataError
from rdrop_cli.nn.engines import Engine, choose_engine
from rdrop_cli.nn.environment import standard_precision
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.randomness import derive_seed
from rdrop_cli.nn.trainer import make_optimizer
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import AUTO, RunConfig
from rdrop_cli.study.protocol import MAE, QUANTILE
from rdrop_cli.study.variants import find_variant

PURPOSE = "forecast"  # purpose of the mask seed: forecasts draw other masks than training


@standard_precision()
def restore_engine(config: RunConfig, path: Path, windows: Windows) -> Engine:
    """Return the engine that predicts with a saved network: the kernel if possible, whichever engine trained it.

    Raises:
        DataError: the file cannot be read as a network, or the network expects windows of another shape.
        UsageError, RdropError: the user's function that makes the network is missing, or fails.
    """
    expected = len(windows.offsets), windows.matrix.shape[1]
    own = build_model(config, *expected) if find_variant(config.variant).maker else None
    try:
        model = _read_network(path, own)
    except Exception as error:  # whatever Keras, h5py or zipfile raises
        raise DataError(f"{path}: cannot be read as a network ({type(error).__name__})") from error
    if model.input_shape[1:] != expected:
        shapes = " × ".join(map(str, model.input_shape[1:])), " × ".join(map(str, expected))
        raise DataError(f"{path}: reads windows of {shapes[0]} (timesteps × inputs), received {shapes[1]}")
    # Prediction needs no optimizer and no loss: set ones that the kernel supports, whichever trained the network.
    loss = QUANTILE if config.protocol.quantiles else MAE
    protocol = replace(config.protocol, optimizer="rmsprop", loss=loss, clip_norm=None)
    seed = derive_seed(config.seed_of("masks"), PURPOSE)
    config = replace(config, engine=AUTO, protocol=protocol, seed=seed, vary="")
    return choose_engine(config, model, make_optimizer(protocol), windows)


def _read_network(path: Path, own: keras.Model | None) -> keras.Model:
    """Return a saved network; for a user's own, whose layers Keras may not know, load only the weights into it."""
    if own is None:
        return keras.models.load_model(path, compile=False)
    own.load_weights(path)
    return own
