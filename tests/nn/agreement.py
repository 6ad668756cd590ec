"""How far the kernel's outputs and gradients are from those of the Keras layers in float64, under the same masks.

`python -m tests.nn.agreement` prints the table: every variant and cell, the largest error at any of the sizes;
`python -m tests.nn.agreement 7` at every seventh.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras.src.random.seed_generator import draw_seed

from rdrop_cli.nn.engines import compute_loss
from rdrop_cli.nn.masks import draw_mask
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.native.description import Description
from rdrop_cli.nn.native.keras_network import describe_model
from rdrop_cli.nn.native.network import Network, Sequences, load_library
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.variants import VARIANTS
from tests.nn.tiny import TINY_PROTOCOL

NETWORKS = tuple((variant.name, cell) for variant in VARIANTS.values() for cell in variant.cells)
RECURRENT = tuple(  # from first to last
    (name, cell) for name, cell in NETWORKS if VARIANTS[name].stack == VARIANTS[name].recurrent_layers
)
SEED, STEP = 5, 3
FLOOR = 0.1  # an array's errors are relative to its largest value, but at least to this share of the largest of all


class Size(NamedTuple):
    """Of a network and its batch."""

    units: int
    features: int
    batch: int
    timesteps: int
    outputs: int = 1
    quantiles: tuple[float, ...] = ()

    @property
    def horizons(self) -> int:
        return self.outputs // max(1, len(self.quantiles))


class Errors(NamedTuple):
    """Largest errors, relative to the largest value."""

    output: float
    gradient: float


ALL_SIZES = tuple(
    Size(*numbers) for numbers in itertools.product((1, 3, 31, 33, 100, 257), (1, 2, 100), (1, 7, 129), (1, 5))
)
LARGE_SIZES = tuple(
    Size(units, features, 3, 4) for units, features in ((1, 1000), (1, 5000), (1000, 1), (1000, 1000), (5000, 1))
)
SOME_SIZES = (Size(1, 1, 1, 1), Size(33, 2, 7, 5), Size(31, 100, 129, 1), Size(3, 14, 33, 40))


def measure_agreement(
    variant: str,
    cell: str,
    size: Size,
    spoil: Callable[[Description, np.ndarray], None] = lambda description, parameters: None,
    compute: "Callable[..., tuple[float, np.ndarray, np.ndarray]] | None" = None,
) -> Errors:
    """Compare a training call, and a prediction, of a network with random weights.

    Args:
        variant: by name.
        cell: of its recurrent layers.
        size: of network and batch.
        spoil: may change what is computed.
        compute: what is compared with Keras: gives loss, gradients and outputs; None for the kernel.
    """
    rng = np.random.default_rng(1)
    size = size._replace(timesteps=max(size.timesteps, VARIANTS[variant].least_timesteps))
    x = rng.normal(size=(size.batch, size.timesteps, size.features)).astype(np.float32)
    shape = (size.batch,) if size.horizons == 1 else (size.batch, size.horizons)
    targets = (4 + rng.normal(size=shape)).astype(np.float32)  # far from the outputs: no error is a small difference
    if size.quantiles:
        targets *= rng.choice(np.float32([-1, 1]), shape)  # on both sides of them
    model = _build(variant, cell, size, "float64")
    weights = [_draw_weight(rng, w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    outputs, gradients = _compute_in_float64(model, x, targets, size)

    twin = _build(variant, cell, size, "float32")
    loss_of = {"squares": not size.quantiles, "quantiles": size.quantiles}
    description = replace(describe_model(twin, MaskSeeds(twin, SEED).find_stream), **loss_of)
    parameters = np.concatenate([w.ravel() for w in weights])
    spoil(description, parameters)
    loss, received, predicted = (compute or compute_by_kernel)(description, parameters, x, targets)
    assert np.isfinite(loss)
    ends = np.cumsum([w.size for w in weights])
    return Errors(
        max(_compare(predicted, outputs["inference"]), _compare(np.array([loss]), outputs["loss"])),
        max(
            _compare(a, b.ravel(), FLOOR * np.abs(received).max())
            for a, b in zip(np.split(received, ends[:-1]), gradients, strict=True)
        ),
    )


def take_the_masks_of_another_step(description: Description, parameters: np.ndarray) -> None:
    """Spoil the masks on the state."""
    description.stages[0].layers[0].recurrent.stream += 1


def compute_by_kernel(
    description: Description, parameters: np.ndarray, x: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    network, sequences = Network(load_library(), description), Sequences.from_batch(x)
    loss, gradients = network.differentiate(parameters, sequences, targets, step=STEP, threads=2)
    return loss, gradients, network.predict(parameters, sequences, threads=2)


def _build(variant: str, cell: str, size: Size, dtype: str) -> keras.Sequential:
    chosen = VARIANTS[variant]
    rates = (0.3 if chosen.dropout else 0.0), (0.4 if chosen.recurrent_dropout else 0.0)
    earlier = tuple(range(1, size.horizons))
    loss = {"loss": "quantile", "quantiles": size.quantiles} if size.quantiles else {}
    lookback = max(TINY_PROTOCOL.lookback_rows, size.timesteps * TINY_PROTOCOL.step_rows)
    lengths = {"earlier_horizon_rows": earlier, "horizon_rows": len(earlier) + 12, "lookback_rows": lookback}
    protocol = replace(TINY_PROTOCOL, units=size.units, **lengths, **loss)
    config = RunConfig(variant, SEED, *rates, 1, protocol, "made", "0" * 64, cell=cell)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return build_model(config, size.timesteps, size.features)
    finally:
        keras.config.set_dtype_policy(before)


def _draw_weight(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (0.7 * rng.normal(size=shape) / max(1, shape[0] if len(shape) > 1 else 1) ** 0.5).astype(np.float32)


def _compute_in_float64(
    model: keras.Sequential, x: np.ndarray, targets: np.ndarray, size: Size
) -> tuple[dict[str, Any], Any]:
    """Return the loss in training and the output in inference, and the gradients of the loss."""
    MaskSeeds(model, SEED).set_step(tf.constant(STEP, tf.int64))
    variables = [variable.value for variable in model.trainable_variables]
    x64 = tf.constant(x, tf.float64)
    with _draw_in_float32(), tf.GradientTape() as tape:
        outputs = tf.reshape(model(x64, training=True), (size.batch, size.horizons, -1))
        name = "quantile" if size.quantiles else "mse"
        loss = compute_loss(name, outputs - targets.reshape(size.batch, -1, 1), size.quantiles)
    gradients = [gradient.numpy() for gradient in tape.gradient(loss, variables)]
    inference = model(x64, training=False).numpy()
    inference = inference[:, 0] if size.outputs == 1 else inference
    return {"loss": np.array([loss.numpy()]), "inference": inference}, gradients


@contextmanager
def _draw_in_float32() -> Iterator[None]:
    """Have Keras's own layers draw in float64 the masks that they draw in float32."""

    def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
        shape = tf.shape(inputs)
        if noise_shape is not None:
            shape = tf.stack([shape[i] if n is None else n for i, n in enumerate(noise_shape)])
        return inputs * draw_mask(shape, rate, draw_seed(seed), 1 / (1 - rate), inputs.dtype)

    with patch("keras.src.backend.tensorflow.random.dropout", dropout):
        yield


def _compare(received: np.ndarray, expected: np.ndarray, least: float = 1.0) -> float:
    difference = np.abs(received - expected).max()
    return float(difference / max(least, np.abs(expected).max())) if difference else 0.0


def main(every: int = 1) -> None:
    """Print the table, of each so many of the sizes one."""
    print("network                 sizes   output   gradient")  # noqa: T201
    for variant, cell in NETWORKS:
        errors = [measure_agreement(variant, cell, size) for size in ALL_SIZES[::every]]
        output, gradient = (max(values) for values in zip(*errors, strict=True))
        print(f"{variant + ' ' + cell:23} {len(errors):5}  {output:.1e}   {gradient:.1e}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
