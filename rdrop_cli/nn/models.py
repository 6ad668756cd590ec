"""Build the network of a run."""

import keras

from rdrop_cli.nn.randomness import derive_seed
from rdrop_cli.study.config import RunConfig


def build_model(config: RunConfig, timesteps: int, features: int) -> keras.Model:
    """Build GRU(units) → Dense(1) on (batch, time, feature), giving the standardised target (batch, 1).

    The recurrent layer is Keras's own, untouched. Initial weights depend on the seed and the layer only, so the
    variants of one seed begin alike. Every layer is named: a checkpoint finds its variables by these names, and Keras
    would number unnamed ones by how many a process has made before.
    """
    return keras.Sequential(
        [
            keras.Input((timesteps, features)),
            keras.layers.GRU(
                config.protocol.units,
                dropout=config.dropout,
                recurrent_dropout=config.recurrent_dropout,
                kernel_initializer=keras.initializers.GlorotUniform(seed=derive_seed(config.seed, "gru kernel")),
                name="gru",
                recurrent_initializer=keras.initializers.Orthogonal(
                    seed=derive_seed(config.seed, "gru recurrent kernel")
                ),
            ),
            keras.layers.Dense(
                1,
                name="dense",
                kernel_initializer=keras.initializers.GlorotUniform(seed=derive_seed(config.seed, "dense kernel")),
            ),
        ],
        name=config.variant,
    )
