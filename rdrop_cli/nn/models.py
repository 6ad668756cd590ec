"""Build the network of a run."""

from math import prod
from typing import Any

import keras

from rdrop_cli.nn.environment import standard_precision
from rdrop_cli.nn.layers import DropoutGRU, DropoutLSTM
from rdrop_cli.nn.own_network import build_own_network
from rdrop_cli.nn.randomness import derive_seed
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.layers import ConvolutionLayer, DenseLayer, Pooled, PoolingLayer, RecurrentLayer
from rdrop_cli.study.variant import Place
from rdrop_cli.study.variants import find_variant

KERAS_LAYERS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
METHOD_LAYERS = {"gru": DropoutGRU, "lstm": DropoutLSTM}
POOLING = {Pooled.MAXIMUM: keras.layers.MaxPooling1D, Pooled.AVERAGE: keras.layers.AveragePooling1D}
GLOBAL_POOLING = {Pooled.MAXIMUM: keras.layers.GlobalMaxPooling1D, Pooled.AVERAGE: keras.layers.GlobalAveragePooling1D}
PLACES_BEFORE = (Place.DROPOUT_BEFORE, Place.LOCKED_BEFORE, Place.SPATIAL_BEFORE)


@standard_precision()
def build_model(config: RunConfig, timesteps: int, features: int) -> keras.Model:
    """Build the variant's layers and a Dense layer, from (batch, time, feature) to forecasts (batch, output).

    Initial weights depend only on the seed and the layer, so the variants of one seed start with the same weights
    wherever shapes agree. Every layer is named: a checkpoint finds its variables by these names, and Keras would
    number unnamed ones by how many the process has made before.
    """
    variant = find_variant(config.variant)
    if variant.maker:
        return build_own_network(config, variant.maker, timesteps, features)
    place = variant.dropout_at
    around = [] if place is Place.ARGUMENT else [_make_dropout_layer(place, config.dropout, features)]
    return keras.Sequential(
        [
            keras.Input((timesteps, features)),
            *(around if place in PLACES_BEFORE else []),
            *_make_stack(config),
            *(around if place is Place.DROPOUT_AFTER else []),
            keras.layers.Dense(
                prod(config.protocol.output_shape),
                name="dense",
                kernel_initializer=_initialise_kernel(config, "dense"),
            ),
        ],
        name=config.variant,
    )


def _make_dropout_layer(place: Place, rate: float, features: int) -> keras.layers.Layer:
    """Make the dropout layer before or after the recurrent one."""
    if place is Place.SPATIAL_BEFORE:
        return keras.layers.SpatialDropout1D(rate, name="dropout_before")
    if place is Place.DROPOUT_AFTER:
        return keras.layers.Dropout(rate, name="dropout_after")
    noise_shape = (None, 1, features) if place is Place.LOCKED_BEFORE else None
    return keras.layers.Dropout(rate, noise_shape=noise_shape, name="dropout_before")


def _make_stack(config: RunConfig) -> list[keras.layers.Layer]:
    """Make the variant's layers; the last recurrent layer returns its last state, those before it all states."""
    variant = find_variant(config.variant)
    recurrent = [depth for depth, spec in enumerate(variant.stack) if isinstance(spec, RecurrentLayer)]
    layers: list[keras.layers.Layer] = []
    for depth, spec in enumerate(variant.stack):
        match spec:
            case RecurrentLayer():
                layers.append(_make_recurrent(config, spec, recurrent.index(depth) + 1, depth < recurrent[-1]))
            case DenseLayer():
                layers += [keras.layers.Flatten(name=f"flatten_{depth}"), _make_dense(config, spec, f"hidden_{depth}")]
            case ConvolutionLayer():
                layers.append(_make_convolution(config, spec, f"conv_{depth}"))
            case PoolingLayer(timesteps=None):
                layers.append(GLOBAL_POOLING[spec.pooled](name=f"pool_{depth}"))
            case PoolingLayer():
                layers.append(POOLING[spec.pooled](spec.timesteps, name=f"pool_{depth}"))
    return layers


def _make_dense(config: RunConfig, spec: DenseLayer, name: str) -> keras.layers.Layer:
    units, kernel = spec.width * config.protocol.units, _initialise_kernel(config, name)
    return keras.layers.Dense(units, activation=spec.activation, name=name, kernel_initializer=kernel)


def _make_convolution(config: RunConfig, spec: ConvolutionLayer, name: str) -> keras.layers.Layer:
    kernel = _initialise_kernel(config, name)
    return keras.layers.Conv1D(
        spec.filters, spec.timesteps, activation=spec.activation, name=name, kernel_initializer=kernel
    )


def _initialise_kernel(config: RunConfig, name: str) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=derive_seed(config.seed_of("weights"), f"{name} kernel"))


def _make_recurrent(config: RunConfig, spec: RecurrentLayer, number: int, gives_sequence: bool) -> keras.layers.Layer:
    """Make recurrent layer `number` of the stack, from 1: one layer, or a pair that reads in both directions."""
    name = config.cell if number == 1 else f"{config.cell}_{number}"
    options = {
        "units": spec.width * config.protocol.units,
        "activation": spec.activation,
        "return_sequences": gives_sequence,
    }
    layer = _make_recurrent_layer(config, name, go_backwards=spec.backwards, **options)
    if not find_variant(config.variant).bidirectional:
        return layer
    backward = _make_recurrent_layer(config, f"backward_{name}", go_backwards=True, **options)
    return keras.layers.Bidirectional(layer, backward_layer=backward, name=f"bidirectional_{name}")


def _make_recurrent_layer(config: RunConfig, name: str, **options: Any) -> keras.layers.RNN:
    """Make one recurrent layer: Keras's own, unchanged, or ours with the variant's method."""
    variant, seed = find_variant(config.variant), config.seed_of("weights")
    options |= {
        "name": name,
        "dropout": config.dropout if variant.dropout_at is Place.ARGUMENT else 0.0,
        "recurrent_dropout": config.recurrent_dropout,
        "kernel_initializer": _initialise_kernel(config, name),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=derive_seed(seed, f"{name} recurrent kernel")),
    }
    if variant.method is None:
        return KERAS_LAYERS[config.cell](**options)
    return METHOD_LAYERS[config.cell](method=variant.method, **options)
