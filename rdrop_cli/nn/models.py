"""Build the network of a run."""

from typing import Any

import keras

from rdrop_cli.nn.environment import standard_precision
from rdrop_cli.nn.layers import DropoutGRU, DropoutLSTM
from rdrop_cli.nn.randomness import derive_seed
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.variants import Place, find_variant

KERAS_LAYERS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
METHOD_LAYERS = {"gru": DropoutGRU, "lstm": DropoutLSTM}
PLACES_BEFORE = (Place.DROPOUT_BEFORE, Place.LOCKED_BEFORE, Place.SPATIAL_BEFORE)


@standard_precision()
def build_model(config: RunConfig, timesteps: int, features: int) -> keras.Sequential:
    """Build recurrent layer(s) → Dense(1) on (batch, time, feature), giving the standardised target (batch, 1).

    Initial weights depend on the seed and the layer only, so the variants of one seed begin alike wherever their
    shapes agree. Every layer is named: a checkpoint finds its variables by these names, and Keras would number
    unnamed ones by how many a process has made before.
    """
    place = find_variant(config.variant).dropout_at
    around = [] if place is Place.ARGUMENT else [_make_dropout_layer(place, config.dropout, features)]
    return keras.Sequential(
        [
            keras.Input((timesteps, features)),
            *(around if place in PLACES_BEFORE else []),
            *_make_recurrent_layers(config),
            *(around if place is Place.DROPOUT_AFTER else []),
            keras.layers.Dense(
                1,
                name="dense",
                kernel_initializer=keras.initializers.GlorotUniform(
                    seed=derive_seed(config.seed_of("weights"), "dense kernel")
                ),
            ),
        ],
        name=config.variant,
    )


def _make_dropout_layer(place: Place, rate: float, features: int) -> keras.layers.Layer:
    """Make the layer that drops before or after the recurrent one."""
    if place is Place.SPATIAL_BEFORE:
        return keras.layers.SpatialDropout1D(rate, name="dropout_before")
    if place is Place.DROPOUT_AFTER:
        return keras.layers.Dropout(rate, name="dropout_after")
    noise_shape = (None, 1, features) if place is Place.LOCKED_BEFORE else None
    return keras.layers.Dropout(rate, noise_shape=noise_shape, name="dropout_before")


def _make_recurrent_layers(config: RunConfig) -> list[keras.layers.Layer]:
    """Make the variant's stack: all but the last return a state for each timestep, the last its last state."""
    variant = find_variant(config.variant)
    layers = []
    for depth, spec in enumerate(variant.stack, start=1):
        name = config.cell if depth == 1 else f"{config.cell}_{depth}"
        options = {
            "units": spec.width * config.protocol.units,
            "activation": spec.activation,
            "return_sequences": depth < len(variant.stack),
        }
        layer = _make_recurrent_layer(config, name, **options)
        if variant.bidirectional:
            backward = _make_recurrent_layer(config, f"backward_{name}", go_backwards=True, **options)
            layer = keras.layers.Bidirectional(layer, backward_layer=backward, name=f"bidirectional_{name}")
        layers.append(layer)
    return layers


def _make_recurrent_layer(config: RunConfig, name: str, **options: Any) -> keras.layers.RNN:
    """Make one recurrent layer: Keras's own, untouched, or ours with the variant's method."""
    variant, seed = find_variant(config.variant), config.seed_of("weights")
    options |= {
        "name": name,
        "dropout": config.dropout if variant.dropout_at is Place.ARGUMENT else 0.0,
        "recurrent_dropout": config.recurrent_dropout,
        "kernel_initializer": keras.initializers.GlorotUniform(seed=derive_seed(seed, f"{name} kernel")),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=derive_seed(seed, f"{name} recurrent kernel")),
    }
    if variant.method is None:
        return KERAS_LAYERS[config.cell](**options)
    return METHOD_LAYERS[config.cell](method=variant.method, **options)
