"""How much arithmetic a training step of a network is, whatever computes it."""

from dataclasses import dataclass

from rdrop_cli.nn.native.description import Activation, Cell, Description, Layer


@dataclass(frozen=True)
class Work:
    """Operations on single numbers: what no implementation can do without."""

    multiply_adds: int
    sigmoids: int
    tanhs: int


def count_work(description: Description, batch_size: int) -> Work:
    """Count the products with weights, forward and back, and the activations, of a training step.

    Masks, gates, the dense units, the loss and the optimizer are left out: a hundredth of it.
    """
    steps = batch_size * description.timesteps
    layers = [(i, layer) for i, stage in enumerate(description.stages) for layer in stage.layers[: stage.directions]]
    return Work(
        multiply_adds=steps * sum(_count_multiply_adds(layer, is_first=i == 0) for i, layer in layers),
        sigmoids=steps * sum(layer.units * (2 if layer.cell == Cell.GRU else 3) for _, layer in layers),
        tanhs=steps * sum(layer.units * (1 if layer.cell == Cell.GRU else 2) for _, layer in layers if _is_tanh(layer)),
    )


def _count_multiply_adds(layer: Layer, *, is_first: bool) -> int:
    """Of a timestep: forward and for the weights' gradients all products, and back those whose gradient is wanted."""
    columns = layer.units * (3 if layer.cell == Cell.GRU else 4)
    back = layer.units + (0 if is_first else layer.features)
    return int(columns * (2 * (layer.features + layer.units) + back))


def _is_tanh(layer: Layer) -> bool:
    return bool(layer.activation == Activation.TANH)
