"""How a model is computed: by the compiled kernel, by XLA, or by Keras's uncompiled default. The numbers agree."""

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from rdrop_cli.errors import RdropError
from rdrop_cli.nn.environment import count_threads
from rdrop_cli.nn.native.build import NativeUnavailableError
from rdrop_cli.nn.native.keras_masks import draw_keras_masks
from rdrop_cli.nn.native.kernel import Sequences, load_kernel
from rdrop_cli.nn.native.layer_call import call_gru, compute_states, find_obstacle
from rdrop_cli.nn.pipeline import WindowPipeline

Rows = npt.NDArray[np.int64] | range
GRAPH_BATCH = 1024  # windows gathered at once; more only cost memory
NATIVE_BATCH = 8192  # windows between two looks at whether somebody wants to stop
FEED_FORWARD = (keras.layers.Dense, keras.layers.Dropout, keras.layers.SpatialDropout1D)


class Engine(Protocol):
    """Computes a model for training and for measuring.

    Attributes:
        name: what a run records.
        jit_compile: whether XLA is to compile the training step around `call`.
    """

    name: str
    jit_compile: bool

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return the model's output (batch, 1) for windows (batch, time, feature), dropout on, inside a graph."""
        ...

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the model's output (window,) for the windows that end before `rows`, dropout off."""
        ...


def choose_engine(wanted: str, model: keras.Sequential, pipeline: WindowPipeline) -> Engine:
    """Return the engine of that name; for `auto` the kernel where it can compute the model, else XLA.

    Raises:
        RdropError: the kernel is asked for and cannot compute this model on this machine.
    """
    if wanted in ("xla", "keras"):
        return GraphEngine(wanted, model, pipeline)
    obstacle = find_native_obstacle(model, wanted)
    if obstacle is None:
        return NativeEngine(model, pipeline)
    if wanted == "native":
        raise RdropError(f"--engine native: {obstacle}; omit the option to use XLA")
    return GraphEngine("xla", model, pipeline)


def find_native_obstacle(model: keras.Model, wanted: str) -> str | None:
    """Say why the kernel cannot compute a model, or, with `auto`, why it had better not; None if it can."""
    if wanted == "auto" and tf.config.list_physical_devices("GPU"):
        return "there is a GPU"
    if not isinstance(model, keras.Sequential):
        return f"{model.name} is not a plain stack of layers"
    for layer in model.layers:
        if isinstance(layer, FEED_FORWARD):
            continue
        if obstacle := find_obstacle(layer):
            return obstacle
        try:
            load_kernel(layer.units, layer.cell.kernel.shape[0])
        except NativeUnavailableError as error:
            return str(error)
    return None


class GraphEngine:
    """Keras's own layers in a TensorFlow graph: compiled by XLA, or not."""

    def __init__(self, name: str, model: keras.Model, pipeline: WindowPipeline) -> None:
        self.name = name
        self.jit_compile = name == "xla"
        self._model, self._pipeline = model, pipeline
        self._forward = tf.function(lambda x: model(x, training=False), jit_compile=self.jit_compile)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self._model(x, training=True)

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        batches = self._pipeline.stream_rows(rows, GRAPH_BATCH)
        return np.concatenate([self._forward(x).numpy()[:, 0] for x, _ in batches])[: len(rows)]


class NativeEngine:
    """GRU layers by the compiled kernel, all others by Keras."""

    name = "native"
    jit_compile = False  # XLA cannot look into the kernel, and little else is left to compile

    def __init__(self, model: keras.Sequential, pipeline: WindowPipeline) -> None:
        self._layers = model.layers
        self._pipeline = pipeline
        self._after_first = tf.function(lambda states: self._walk(self._layers[1:], states, training=False))
        self._forward = tf.function(lambda x: self._walk(self._layers, x, training=False))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self._walk(self._layers, x, training=True)

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        first = self._layers[0]
        if not isinstance(first, keras.layers.GRU) or first.return_sequences or first.go_backwards:
            batches = self._pipeline.stream_rows(rows, GRAPH_BATCH)
            return np.concatenate([self._forward(x).numpy()[:, 0] for x, _ in batches])[: len(rows)]
        windows = self._pipeline.windows
        outputs = []
        for start in range(0, len(rows), NATIVE_BATCH):
            starts = np.asarray(rows[start : start + NATIVE_BATCH], np.int64) + windows.offsets[0]
            sequences = Sequences(windows.matrix, starts, windows.step_rows, len(windows.offsets))
            outputs.append(self._after_first(compute_states(first, sequences, threads=count_threads())).numpy()[:, 0])
        return np.concatenate(outputs)

    def _walk(self, layers: list[Any], x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Pass x through the layers, the masks of each drawn from its own seed generator as Keras would."""
        weights_before = False
        for layer in layers:
            if isinstance(layer, keras.layers.GRU):
                masks = draw_keras_masks(layer, tf.shape(x)[0]) if training else (None, None)
                options = {"training": training, "input_gradient": weights_before}
                x = call_gru(layer, x, masks, **options, count_threads=count_threads)
            else:
                x = layer(x, training=training) if isinstance(layer, FEED_FORWARD[1:]) else layer(x)
            weights_before = weights_before or bool(layer.trainable_variables)
        return x
