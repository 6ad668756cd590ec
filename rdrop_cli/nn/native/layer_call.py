"""A `keras.layers.GRU` computed by the compiled kernel: in a TensorFlow graph, with gradients, or on windows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from rdrop_cli.nn.native.kernel import FloatArray, GRUKernel, Masks, Records, Sequences, Weights, load_kernel


def find_obstacle(layer: Any) -> str | None:
    """Say why a layer cannot go through the kernel; None if it can. It need not be built."""
    # Its very type: a subclass, such as a method's layer, may compute something else between the same weights.
    if type(layer) is not keras.layers.GRU or type(layer.cell) is not keras.layers.GRUCell:
        return f"{type(layer).__name__} is not Keras's GRU"
    wanted = {
        "activation": layer.activation is keras.activations.tanh,
        "recurrent_activation": layer.recurrent_activation is keras.activations.sigmoid,
        "reset_after": layer.reset_after,
        "use_bias": layer.use_bias,
        "stateful": not layer.stateful,
        "return_state": not layer.return_state,
        "activity_regularizer": layer.activity_regularizer is None,
        "dtype": layer.dtype_policy.name == "float32",
    }
    unmet = [name for name, met in wanted.items() if not met]
    return f"the kernel cannot compute {layer.name} because of its {', '.join(unmet)}" if unmet else None


def call_gru(
    layer: Any,
    inputs: tf.Tensor,
    masks: tuple[tf.Tensor | None, tf.Tensor | None] = (None, None),
    *,
    training: bool,
    input_gradient: bool = False,
    count_threads: Callable[[], int] = lambda: 1,
) -> tf.Tensor:
    """Return what `layer(inputs)` would, given its masks; in eager mode or in a graph that XLA does not compile.

    Args:
        layer: a built `keras.layers.GRU` for which `find_obstacle` finds none; its own variables are read.
        inputs: float32 of shape (batch, time, feature), no timestep masked; the graph knows the number of features.
        masks: on x, (3, batch, feature), and on h, (3, batch, units), for the gates z, r, h; None: nothing is dropped.
        training: whether a gradient will be asked for; without, nothing is kept for it.
        input_gradient: whether that of `inputs` will be, too; else it is None.
        count_threads: asked at each call for the threads to compute with.

    Returns:
        (batch, units), or (batch, time, units) if the layer returns sequences.

    Raises:
        NativeUnavailableError: the kernel cannot be had on this machine; the message says why.
    """
    cell = layer.cell
    arrays = _Arrays(load_kernel(cell.units, inputs.shape[-1]), layer.return_sequences, input_gradient, count_threads)
    given = [tf.zeros(0) if mask is None else mask for mask in masks]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def train(x: tf.Tensor, *weights: tf.Tensor) -> tuple[tf.Tensor, Any]:
        output, records = _call_numpy(arrays.run_and_keep, [x, *weights, *given], [tf.float32, tf.uint8])

        def differentiate(d_output: tf.Tensor) -> list[tf.Tensor | None]:
            passed = [tf.shape(x)[1], records, d_output, *weights, *given]
            gradients = _call_numpy(arrays.differentiate, passed, [tf.float32] * (4 if input_gradient else 3))
            for gradient, value in zip(gradients, [*weights, x], strict=False):
                gradient.set_shape(value.shape)
            return [gradients[3] if input_gradient else None, *gradients[:3]]

        return output, differentiate

    x = tf.reverse(inputs, [1]) if layer.go_backwards else inputs
    weights = [tf.convert_to_tensor(variable.value) for variable in _list_variables(layer)]
    output = train(x, *weights) if training else _call_numpy(arrays.run, [x, *weights, *given], tf.float32)
    output.set_shape((*inputs.shape[: 2 if layer.return_sequences else 1], cell.units))
    return output


def compute_states(layer: Any, sequences: Sequences, *, threads: int = 1) -> FloatArray:
    """Return the layer's last state for each sequence, (batch, units), without dropout: for windows of one matrix.

    No window is copied out and nothing is kept, so one call may be for any number of them.

    Args:
        layer: a built `keras.layers.GRU` for which `find_obstacle` finds none, and that reads forwards.
        sequences: the windows.
        threads: to compute with.

    Raises:
        NativeUnavailableError: the kernel cannot be had on this machine; the message says why.
        ValueError: shapes do not fit, or a window leaves the matrix.
    """
    kernel = load_kernel(layer.units, sequences.rows.shape[1])
    weights = Weights(*(variable.numpy() for variable in _list_variables(layer)))
    return kernel.run(sequences, weights, Masks(), every_state=False, threads=threads)


@dataclass(frozen=True)
class _Arrays:
    """What TensorFlow calls with arrays: x or its like, three weights, then the masks on x and h, empty for none."""

    kernel: GRUKernel
    every_state: bool
    input_gradient: bool
    count_threads: Callable[[], int]

    def run(self, x: FloatArray, *arrays: FloatArray, records: Records | None = None) -> FloatArray:
        """Return the layer's output."""
        weights, masks = _sort(arrays)
        options: dict[str, Any] = {"every_state": self.every_state, "threads": self.count_threads(), "records": records}
        return self.kernel.run(Sequences.from_batch(x), weights, masks, **options)

    def run_and_keep(self, x: FloatArray, *arrays: FloatArray) -> tuple[FloatArray, Records]:
        """Return the layer's output and what the backward pass needs."""
        records = self.kernel.take_records(*x.shape[:2])
        return self.run(x, *arrays, records=records), records

    def differentiate(
        self, timesteps: Any, records: Records, d_output: FloatArray, *arrays: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return the gradients of the three weights and, if asked for, of x."""
        weights, masks = _sort(arrays)
        gradients = self.kernel.differentiate(
            weights,
            masks,
            records,
            d_output,
            timesteps=int(timesteps),
            every_state=self.every_state,
            threads=self.count_threads(),
            input_gradient=self.input_gradient,
        )
        of_input = () if gradients.inputs is None else (gradients.inputs,)
        return gradients.kernel, gradients.recurrent_kernel, gradients.bias, *of_input


def _list_variables(layer: Any) -> list[Any]:
    return [layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias]


def _sort(arrays: tuple[FloatArray, ...]) -> tuple[Weights, Masks]:
    """Tell weights from masks; TensorFlow has no tensor that is None, so an empty one stands for no mask."""
    return Weights(*arrays[:3]), Masks(*(mask if mask.ndim == 3 else None for mask in arrays[3:]))


def _call_numpy(function: Any, arguments: list[tf.Tensor], types: Any) -> Any:
    """Call a function of arrays in a graph; it has no side effects, so a call that nobody reads may be left out."""
    return tf.numpy_function(function, arguments, types, stateful=False)
