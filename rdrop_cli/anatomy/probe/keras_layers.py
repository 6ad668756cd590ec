"""Recurrent layers of Keras 2, Keras 3 and tf.keras; every call makes a new one."""

import random
import sys
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from .calls import BATCH, GATES, TIMESTEPS, UNITS, Array, RefusedError, Weights
from .fused import find_fused

ARGUMENTS = ("dropout", "recurrent_dropout")
LEAST_RATE, MOST_RATE = 0.01, 0.9  # below, a mask may have no zeros; above, kept values saturate the gates

Maker = Callable[[], Any]
Run = Callable[[Array, bool], Array]


class KerasSubject:
    """A recurrent layer."""

    def __init__(self, keras: Any, make: Maker, name: str, seed: int) -> None:
        self.keras, self.name, self._make, self._seed = keras, name, make, seed
        check_kind(make())
        layer = self.start()
        check_precision(layer)
        shapes = [tuple(weight.shape) for weight in layer.get_weights()]
        self.units: int = layer.units
        self.cell = find_cell(self.units, shapes)
        self.reset_after = bool(getattr(layer, "reset_after", len(shapes[2]) == 2))
        self.rates = {rate: float(getattr(layer, rate, 0.0) or 0.0) for rate in ARGUMENTS}
        check_rates(self.rates)
        self.activation = getattr(getattr(layer, "activation", None), "__name__", "tanh")
        self.gate_activation = getattr(getattr(layer, "recurrent_activation", None), "__name__", "sigmoid")
        self.backwards = bool(getattr(layer, "go_backwards", False))
        self.trainable = count_trainable(layer)

    def call(self, weights: Weights, sequences: Array, training: bool, calls: int = 1) -> Array:
        """Call a new layer `calls` times and return the last outputs."""
        run = self.prepare(self.start(), weights)
        return [run(sequences, training) for _ in range(calls)][-1]

    def find_fused(self, weights: Weights, sequences: Array) -> Dict[str, Any]:
        """Return the result of `fused.find_fused` for a new layer."""
        layer = self.start()
        return find_fused(self.keras, self.cell, layer, self.prepare(layer, weights), sequences)

    def start(self) -> Any:
        """Return a new layer with the same initial random state every time."""
        if is_symbolic(self.keras):
            return self._start_session()
        seed_all(self._seed)
        layer = self._make_returning()
        layer.build((BATCH, TIMESTEPS, getattr(layer, "units", UNITS)))
        return layer

    def prepare(self, layer: Any, weights: Weights) -> Run:
        """Set the weights of a new layer and return a function that calls it."""
        layer.set_weights(self._arrange(weights))
        if is_symbolic(self.keras):
            return lambda sequences, training: np.asarray(self._compute([sequences, int(training)])[0])

        def run(sequences: Array, training: bool) -> Array:
            given = sequences.astype("float32")
            if not hasattr(self.keras, "ops"):
                return np.asarray(layer(given, training=training))
            ops = self.keras.ops
            return np.asarray(ops.convert_to_numpy(layer(ops.convert_to_tensor(given), training=training)))

        return run

    def _make_returning(self) -> Any:
        layer = self._make()
        layer.return_sequences, layer.return_state = True, False
        return layer

    def _start_session(self) -> Any:
        """Return the layer of a graph that is built once, in a new session, which restarts the random numbers."""
        backend, tensorflow = self.keras.backend, sys.modules["tensorflow"]
        if not hasattr(self, "_built"):
            backend.clear_session()
            seed_all(self._seed)
            self._built = self._make_returning()
            given = self.keras.layers.Input(batch_shape=(BATCH, TIMESTEPS, getattr(self._built, "units", UNITS)))
            self._compute = backend.function([given, backend.learning_phase()], [self._built(given)])
            self._initial = tensorflow.global_variables_initializer()
        session = tensorflow.Session()
        session.run(self._initial)
        backend.set_session(session)
        return self._built

    def _arrange(self, weights: Weights) -> List[Array]:
        bias = weights["bias"]
        if self.cell == "gru" and self.reset_after:
            bias = np.stack([bias, weights["recurrent_bias"]])
        return [np.asarray(each, "float32") for each in (weights["kernel"], weights["recurrent"], bias)]


def is_symbolic(keras: Any) -> bool:
    """Whether a Keras computes only when a session runs it: any on TensorFlow 1, and all before 2.4."""
    if hasattr(keras, "ops"):
        return False
    if keras.__name__ == "keras":  # TensorFlow's Keras has no version in some releases
        numbers = tuple(int(number) for number in keras.__version__.split("-")[0].split(".")[:2])
        if numbers < (2, 4):
            return True
    return not getattr(sys.modules.get("tensorflow"), "executing_eagerly", bool)()


def check_kind(layer: Any) -> None:
    """Refuse a layer without units, such as a cell in a loop, a wrapper, or most dropout layers.

    Raises:
        RefusedError: the layer has no units.
    """
    if not hasattr(layer, "units"):
        kind = type(layer).__name__
        raise RefusedError("expected a GRU, an LSTM or a Dropout, received {}".format(kind))


def check_precision(layer: Any) -> None:
    """Refuse a layer that computes in half precision, in which masks cannot be read.

    Raises:
        RefusedError: the layer computes in half precision.
    """
    computes_in = str(getattr(layer, "compute_dtype", "float32"))
    if "float16" in computes_in:
        raise RefusedError("expected a layer that computes in float32, received {}".format(computes_in))


def check_rates(rates: Dict[str, float]) -> None:
    """Refuse rates at which masks cannot be read; a rate of 1 or more drops nothing in some releases.

    Raises:
        RefusedError: a rate is too small or too large.
    """
    for argument, rate in rates.items():
        if 0 < rate < LEAST_RATE or MOST_RATE < rate < 1:
            expected = "expected rates from {:g} to {:g}, at which masks can be read".format(LEAST_RATE, MOST_RATE)
            raise RefusedError("{}, received {}={:g}".format(expected, argument, rate))


def count_trainable(layer: Any) -> int:
    """Return the number of a built layer's trainable parameters."""
    return sum(int(np.prod([int(size) for size in weight.shape])) for weight in layer.trainable_weights)


def seed_all(seed: int) -> None:
    """Seed every global generator that a layer may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 -- a layer may use it
    if "tensorflow" in sys.modules:
        drawing = sys.modules["tensorflow"].random
        (drawing.set_seed if hasattr(drawing, "set_seed") else sys.modules["tensorflow"].set_random_seed)(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def find_cell(units: int, shapes: List[Tuple[int, ...]]) -> str:
    """Return `gru` or `lstm`, depending on the shapes of a built layer's weights.

    Raises:
        ValueError: the weights have other shapes.
    """
    for cell, gates in GATES.items():
        columns = len(gates) * units
        if shapes[:2] == [(units, columns)] * 2 and shapes[2:] in ([(columns,)], [(2, columns)]):
            return cell
    raise ValueError(
        "expected a kernel, a recurrent kernel and a bias, as Keras's GRU or LSTM has, received {}".format(shapes)
    )
