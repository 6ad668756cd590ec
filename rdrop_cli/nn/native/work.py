"""The amount of arithmetic in a training step of a network, whatever computes it."""

from dataclasses import dataclass

from rdrop_cli.nn.native.description import Activation, Cell, Description, Kind, Layer, count_steps


@dataclass(frozen=True)
class Work:
    """Operations on single numbers that every implementation needs."""

    multiply_adds: int
    sigmoids: int
    tanhs: int


def count_work(description: Description, batch_size: int) -> Work:
    """Count the products with weights, forward and backward, and the activations of a training step.

    Masks, gates, pooling, the dense units, the loss and the optimizer are left out: they add about a hundredth.
    """
    multiply_adds, sigmoids, tanhs, steps = 0, 0, 0, description.timesteps
    for i, stage in enumerate(description.stages):
        given = count_steps(stage, steps)
        if stage.kind == Kind.RECURRENT:
            for layer in stage.layers[: stage.directions]:
                multiply_adds += steps * _count_multiply_adds(layer, is_first=i == 0)
                sigmoids += steps * layer.units * (2 if layer.cell == Cell.GRU else 3)
                tanhs += steps * layer.units * (1 if layer.cell == Cell.GRU else 2) * _is_tanh(layer)
        elif stage.kind == Kind.CONVOLUTION:
            products = stage.taps * stage.layers[0].features * stage.layers[0].units
            multiply_adds += given * products * (2 if i == 0 else 3)
        steps = given
    return Work(batch_size * multiply_adds, batch_size * sigmoids, batch_size * tanhs)


def _count_multiply_adds(layer: Layer, *, is_first: bool) -> int:
    """Count one timestep: all products forward and for the weights' gradients, and backward those that are needed."""
    columns = layer.units * (3 if layer.cell == Cell.GRU else 4)
    back = layer.units + (0 if is_first else layer.features)
    return int(columns * (2 * (layer.features + layer.units) + back))


def _is_tanh(layer: Layer) -> bool:
    return bool(layer.activation == Activation.TANH)
