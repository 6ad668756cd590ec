"""How a model is computed: by the compiled kernel, by XLA, or by Keras's uncompiled default. The numbers agree."""

from collections.abc import Callable, Iterator
from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from rdrop_cli.errors import RdropError, tell_extra
from rdrop_cli.nn.native.compiler import NativeUnavailableError
from rdrop_cli.nn.native.engine import NativeEngine
from rdrop_cli.nn.native.keras_network import UnsupportedModelError
from rdrop_cli.nn.native.optimizers import UPDATES
from rdrop_cli.nn.pipeline import WindowPipeline
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.nn.sampling import keep_variables, shares_masks, use_averages
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import MAE, MSE, QUANTILE
from rdrop_cli.study.protocol import Protocol as TrainingProtocol

Rows = npt.NDArray[np.int64] | range
XLA_SLOWER = "3 to 8"  # times, for training steps at the book's size; depends on the network (docs/speed.md)
MakeEngine = Callable[[RunConfig, keras.Sequential, keras.optimizers.Optimizer, Windows], "Engine"]
GRAPH_BATCH = 1024  # windows gathered at once; more would only cost memory


class Engine(Protocol):
    """Computes a model for training and for measuring. Between calls the model's variables hold the weights.

    Attributes:
        name: the name that a run records.
        reason: why this engine was chosen.
        device: `CPU`, or the name of the GPU.
        instruction_set: the one that the engine was compiled for; None if TensorFlow chooses.
        slowness: why the compiled kernel is unavailable, and what to do about it; None if that does not apply.
    """

    name: str
    instruction_set: str | None
    slowness: str | None

    @property
    def reason(self) -> str: ...
    @property
    def device(self) -> str: ...

    def train_steps(self, first: int, last: int) -> Iterator[float]:
        """Train the steps [first, last), counted over the whole run; yield the loss of each, with dropout on."""
        ...

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the forecasts of the windows that end before `rows`, with dropout off, in the scale of the labels.

        Their shape is (window,) for one horizon, (window, horizon) for several, and always (window, horizon, quantile)
        for quantiles: the windows, then the protocol's `output_shape`. Quantiles are the network's raw outputs and may
        cross; callers sort them.
        """
        ...

    def sample(self, rows: Rows, count: int) -> npt.NDArray[np.float32]:
        """Return `count` forecasts of each window, with dropout on: (count, …), then the shape as in `predict`.

        Output i has the masks of sample i of a batch in training step 0, whatever the window; if a batch shares its
        masks, or may, it has those of step i. The masks are a function of the run's seed, and last as long as in
        training. Everything except dropout is as in inference, and the variables do not change.

        Raises:
            RdropError: a layer changes its variables when dropout is on.
        """
        ...


def choose_engine(
    config: RunConfig, model: keras.Sequential, optimizer: keras.optimizers.Optimizer, windows: Windows
) -> Engine:
    """Return the requested engine; for `auto` the kernel if it can compute the model, else XLA.

    The kernel is preferred even on a machine with a GPU, which takes longer for the many small steps of one small
    network.

    Raises:
        RdropError: the kernel or JAX is requested and cannot compute this model on this machine.
    """
    if config.engine in ("xla", "keras"):
        return GraphEngine(config.engine, f"engine {config.engine} was asked for", config, model, optimizer, windows)
    if config.engine == "jax":
        return make_batch()(config, model, optimizer, windows)
    try:
        check_training(config.protocol)
        return NativeEngine(config, model, optimizer, windows)
    except (NativeUnavailableError, UnsupportedModelError) as error:
        if config.engine == "native":
            raise RdropError(f"engine native: {error}; use auto or xla") from error
        engine = GraphEngine("xla", str(error), config, model, optimizer, windows)
        if isinstance(error, NativeUnavailableError):
            engine.slowness = f"XLA computes this network, {XLA_SLOWER} times slower than the compiled kernel: {error}"
        return engine


def make_batch() -> MakeEngine:
    """Return a function that makes the engines of runs that JAX computes together.

    Raises:
        RdropError: JAX is not installed; the returned function raises it if JAX cannot compute a model.
    """
    try:
        from rdrop_cli.nn.batched.engine import Batch
    except ImportError as error:
        raise RdropError(f"engine jax needs the jax extra: {tell_extra('jax')}", field="engine") from error
    batch = Batch()

    def add(
        config: RunConfig, model: keras.Sequential, optimizer: keras.optimizers.Optimizer, windows: Windows
    ) -> Engine:
        try:
            check_training(config.protocol)
            return batch.add(config, model, optimizer, windows)
        except UnsupportedModelError as error:
            raise RdropError(f"engine jax: {error}; use auto or xla", field="engine") from error

    return add


def check_training(protocol: TrainingProtocol) -> None:
    """Check that the kernel and JAX support the protocol's optimizer, loss and clipping.

    Raises:
        UnsupportedModelError: the protocol has something other than RMSprop or Adam, the mean absolute, squared or
            pinball error, and no clipping.
    """
    for field, known in (("optimizer", tuple(UPDATES)), ("loss", (MAE, MSE, QUANTILE)), ("clip_norm", (None,))):
        if getattr(protocol, field) not in known:
            raise UnsupportedModelError(f"the kernel and JAX cannot train with {field} {getattr(protocol, field)}")


def compute_loss(name: str, errors: tf.Tensor, quantiles: tuple[float, ...] = ()) -> tf.Tensor:
    """Return the mean loss of errors, in the scale of the labels.

    `huber` is quadratic up to an error of 1. `quantile` is the pinball loss (Koenker and Bassett 1978, Econometrica 46,
    33-50): (1 - τ) e for a forecast that is e too high, and τ e for one that is e too low, where τ is the quantile's
    level. The last axis of the errors is the quantile.
    """
    sizes, levels = tf.abs(errors), tf.constant(quantiles, errors.dtype)
    losses = {
        "mae": lambda: sizes,
        "mse": lambda: tf.square(errors),
        "huber": lambda: tf.where(sizes <= 1.0, 0.5 * tf.square(errors), sizes - 0.5),
        QUANTILE: lambda: tf.where(errors > 0, 1 - levels, -levels) * errors,
    }
    return tf.reduce_mean(losses[name]())


class GraphEngine:
    """Keras's own layers in a TensorFlow graph: compiled by XLA, or not."""

    instruction_set: str | None = None
    slowness: str | None = None

    def __init__(
        self,
        name: str,
        reason: str,
        config: RunConfig,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        windows: Windows,
    ) -> None:
        self.name, self.reason = name, reason
        self._config, self._model, self._optimizer = config, model, optimizer
        self._pipeline = WindowPipeline(windows)
        self._masks = MaskSeeds(model, config.seed_of("masks"))
        jit_compile = name == "xla"
        self._forward = tf.function(lambda x: self._compute(x, training=False), jit_compile=jit_compile)
        self._train_step = tf.function(self._compute_train_step, jit_compile=jit_compile)
        self._drop = tf.function(self._compute_dropped, jit_compile=jit_compile)

    @property
    def device(self) -> str:
        """`CPU`, or the name of the GPU."""
        gpus = tf.config.list_physical_devices("GPU")
        details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
        return str(details.get("device_name", "GPU")) if gpus else "CPU"

    def train_steps(self, first: int, last: int) -> Iterator[float]:
        protocol, seed = self._config.protocol, self._config.seed_of("windows")
        batches = self._pipeline.stream_training(seed, first, last, protocol.batch_size, protocol.sampling)
        for step, x, y in batches:
            yield float(self._train_step(step, x, y))

    def predict(self, rows: Rows) -> npt.NDArray[np.float32]:
        batches = self._pipeline.stream_rows(rows, GRAPH_BATCH)
        return np.concatenate([self._forward(x).numpy() for x in batches])[: len(rows)]

    def sample(self, rows: Rows, count: int) -> npt.NDArray[np.float32]:
        steps = range(count) if shares_masks(self._model) else range(1)
        with keep_variables(self._model):
            drawn = [
                [self._drop(tf.constant(step, tf.int64), tf.repeat(x, count // len(steps), axis=0)) for step in steps]
                for x in self._pipeline.stream_rows(rows, 1)
            ]
        return np.stack([np.concatenate(each) for each in drawn], axis=1)

    def _compute_dropped(self, step: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        self._masks.set_step(step)
        with use_averages(self._model):
            return self._compute(x, training=True)

    def _compute(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Return the outputs for (window, time, feature), in the protocol's shape, and float32 like the labels."""
        outputs = tf.cast(self._model(x, training=training), tf.float32)
        return tf.reshape(outputs, [-1, *self._config.protocol.output_shape])

    def _compute_train_step(self, step: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        self._masks.set_step(step)
        protocol = self._config.protocol
        with tf.GradientTape() as tape:
            outputs = self._compute(x, training=True)
            targets = tf.reshape(y, [-1, len(protocol.horizons), 1]) if protocol.quantiles else y
            loss = compute_loss(protocol.loss, outputs - targets, protocol.quantiles)
            # From regularisers and a layer's add_loss: each has any shape, and the dtype of its layer.
            penalties = [tf.reduce_sum(tf.cast(each, loss.dtype)) for each in self._model.losses]
            penalised = tf.add_n([loss, *penalties])
        variables = self._model.trainable_variables
        self._optimizer.apply(tape.gradient(penalised, [v.value for v in variables]), variables)
        return loss
