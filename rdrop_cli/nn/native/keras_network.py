"""The description of a Keras model for the kernel: its weights, and the masks that its layers would draw."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from rdrop_cli.nn.layers import DropoutGRU, DropoutLSTM, MethodRNN
from rdrop_cli.nn.native.description import (
    Activation,
    Cell,
    Description,
    Kind,
    Layer,
    Masks,
    MaskSite,
    Stage,
    count_steps,
)
from rdrop_cli.study.methods import Lifetime, Scaling, Site

CELLS = {
    keras.layers.GRU: Cell.GRU,
    DropoutGRU: Cell.GRU,
    keras.layers.LSTM: Cell.LSTM,
    DropoutLSTM: Cell.LSTM,
}
KERAS_CELLS = (keras.layers.GRUCell, keras.layers.LSTMCell)
ACTIVATIONS = {keras.activations.tanh: Activation.TANH, keras.activations.relu: Activation.RELU}
SITES = {
    Site.RECURRENT_INPUT: MaskSite.READ,
    Site.PREVIOUS_STATE: MaskSite.PREVIOUS,
    Site.CANDIDATE: MaskSite.CANDIDATE,
    Site.NEW_STATE: MaskSite.WRITTEN,
    Site.STATE_UPDATE: MaskSite.UPDATE,
    Site.RECURRENT_KERNEL: MaskSite.WEIGHTS,
}
POOLINGS = {
    keras.layers.MaxPooling1D: Kind.MAXIMUM,
    keras.layers.GlobalMaxPooling1D: Kind.MAXIMUM,
    keras.layers.AveragePooling1D: Kind.AVERAGE,
    keras.layers.GlobalAveragePooling1D: Kind.AVERAGE,
}
PENALTIES = tuple(f"{of}_{kind}" for of in ("kernel", "recurrent", "bias") for kind in ("regularizer", "constraint"))

FindStream = Callable[[keras.random.SeedGenerator], int]


class UnsupportedModelError(Exception):
    """The kernel cannot compute a model; the message says why."""


def describe_model(model: keras.Model, find_stream: FindStream) -> Description:
    """Describe a model to the kernel.

    Args:
        model: layers over time (recurrent, convolution, pooling, or dense on the flattened window), with dropout layers
            before, between and after them, and dense units at the end.
        find_stream: returns the seed that a generator has throughout a run, see `rdrop_cli.nn.randomness.MaskSeeds`.

    Raises:
        UnsupportedModelError: the kernel cannot compute the model.
    """
    # Exact types, here and below: a subclass may compute something else with the same weights.
    if type(model) is not keras.Sequential:
        raise UnsupportedModelError(f"{model.name} is a {type(model).__name__}, not a plain stack of layers")
    if model.inputs[0].dtype != "float32":  # Keras casts the windows to it
        raise UnsupportedModelError(f"the kernel cannot compute {model.name} because of the dtype of its input")
    _, timesteps, features = model.input_shape
    reader = _Reader(model, find_stream, features, timesteps)
    for layer in model.layers:
        reader.read(layer)
    if reader.dense is None:
        raise UnsupportedModelError(f"{model.name} does not end in a Dense layer")
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Description(reader.stages, timesteps, parameters, reader.dense, reader.given, outputs=reader.width)


@dataclass
class _Reader:
    """Reads a model's layers from first to last.

    Attributes:
        width: features or units of the next layer's input.
        timesteps: of the next layer's input.
        stages: those read so far.
        given: masks on the next layer's input; `given_per_step` says whether each timestep has its own.
        dense: index of the dense units' weights; None until they are read.
    """

    model: keras.Sequential
    find_stream: FindStream
    width: int
    timesteps: int

    def __post_init__(self) -> None:
        self.stages: list[Stage] = []
        self._is_flat = False
        self.given, self.given_per_step = Masks(), False
        self.dense: int | None = None
        self._offsets: dict[str, int] = {}
        position = 0
        for variable in self.model.trainable_variables:
            self._offsets[variable.path] = position
            position += math.prod(variable.shape)

    def read(self, layer: Any) -> None:
        """Read one layer.

        Raises:
            UnsupportedModelError: the kernel cannot compute it.
        """
        if self.dense is not None:
            raise UnsupportedModelError(f"{layer.name} follows the dense unit")
        self._refuse_unmet(layer, {})
        if type(layer) in (keras.layers.Dropout, keras.layers.SpatialDropout1D):
            self._read_dropout(layer)
        elif type(layer) is keras.layers.Flatten and self._gives_sequence:
            self._refuse_unmet(layer, {"data_format": layer.data_format == "channels_last"})
            self._is_flat = True
        elif type(layer) is keras.layers.Dense and self._is_flat:
            self._read_dense_over_time(layer)
        elif type(layer) is keras.layers.Dense and self.stages:
            self._read_dense(layer)
        elif type(layer) is keras.layers.Conv1D:
            self._read_convolution(layer)
        elif type(layer) in POOLINGS:
            self._read_pooling(layer)
        else:
            self._read_recurrent(layer)

    def _locate(self, layer: Any) -> int:
        """Return the index of the first of a layer's weights in the array of all trained weights; the others follow."""
        if not all(weight.path in self._offsets for weight in layer.weights):
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} because its weights are not trained")
        return self._offsets[layer.weights[0].path]

    @property
    def _gives_sequence(self) -> bool:
        """Whether the next layer's input is a sequence, not a single state."""
        return not self._is_flat and (not self.stages or bool(self.stages[-1].every_state))

    def _read_dense_over_time(self, layer: Any) -> None:
        """Read a dense layer on a flattened sequence: a convolution that reads all timesteps at once."""
        self._refuse_unmet(layer, self._want_of_weights(layer, keras.activations.relu))
        self._is_flat = False
        self._add(Kind.CONVOLUTION, self.timesteps, layer.units, self._locate(layer), every_state=False)

    def _read_convolution(self, layer: Any) -> None:
        wanted = {
            "padding": layer.padding == "valid",
            "strides": layer.strides == (1,),
            "dilation_rate": layer.dilation_rate == (1,),
            "groups": layer.groups == 1,
            "data_format": layer.data_format == "channels_last",
            "place": self._gives_sequence,
        }
        self._refuse_unmet(layer, wanted | self._want_of_weights(layer, keras.activations.relu))
        self._add(Kind.CONVOLUTION, layer.kernel_size[0], layer.filters, self._locate(layer))

    def _read_pooling(self, layer: Any) -> None:
        is_global = type(layer) in (keras.layers.GlobalMaxPooling1D, keras.layers.GlobalAveragePooling1D)
        wanted = {"data_format": layer.data_format == "channels_last", "place": self._gives_sequence}
        if is_global:
            wanted["keepdims"] = not layer.keepdims
        else:
            wanted |= {"padding": layer.padding == "valid", "strides": layer.strides == layer.pool_size}
        self._refuse_unmet(layer, wanted)
        taps = self.timesteps if is_global else layer.pool_size[0]
        self._add(POOLINGS[type(layer)], taps, self.width, 0, every_state=not is_global)

    @staticmethod
    def _want_of_weights(layer: Any, *activations: Callable[[Any], Any]) -> dict[str, bool]:
        weighted = getattr(layer, "cell", layer)
        return {
            "activation": layer.activation in activations,
            "use_bias": layer.use_bias,
            **{name: getattr(weighted, name) is None for name in PENALTIES if hasattr(weighted, name)},
        }

    def _add(self, kind: Kind, taps: int, units: int, weights: int, *, every_state: bool = True) -> None:
        """Add a convolution or a pooling."""
        stage = Stage(kind, taps, 1, int(every_state), int(self.given_per_step), self.given)
        stage.layers[0] = Layer(features=self.width, units=units, weights=weights)
        self.stages.append(stage)
        self.given, self.given_per_step, self.width = Masks(), False, units
        self.timesteps = count_steps(stage, self.timesteps)

    def _read_dropout(self, layer: Any) -> None:
        if self._is_flat:
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} where it stands")
        returned = not self._gives_sequence
        shared = (None, 1, self.width)
        if type(layer) is keras.layers.SpatialDropout1D:
            noise_shape: Any = shared
        else:
            noise_shape = layer.noise_shape and tuple(layer.noise_shape)
        if self.given.count or noise_shape not in (None, shared) or (returned and noise_shape):
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} where it stands")
        if layer.rate:
            self.given = self._describe_masks(layer, 0, 1, layer.rate)
            self.given_per_step = not returned and noise_shape is None

    def _read_dense(self, layer: Any) -> None:
        self._refuse_unmet(layer, self._want_of_weights(layer, keras.activations.linear))
        if not self.stages or self.stages[-1].every_state:
            raise UnsupportedModelError(f"{layer.name} is not given the last state of a recurrent layer")
        self.dense, self.width = self._locate(layer), layer.units

    def _read_recurrent(self, layer: Any) -> None:
        pair = type(layer) is keras.layers.Bidirectional
        if pair and layer.merge_mode != "concat":
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} because of its merge_mode")
        directions = [layer.forward_layer, layer.backward_layer] if pair else [layer]
        if unknown := [each for each in directions if type(each) not in CELLS]:
            raise UnsupportedModelError(f"the kernel has no {type(unknown[0]).__name__}")
        if not self._gives_sequence:
            raise UnsupportedModelError(f"{layer.name} is given one state, not a sequence")
        if pair and directions[0].go_backwards:  # Keras turns the states of the second layer alone
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} because of its go_backwards")
        if len({each.units for each in directions}) > 1:
            raise UnsupportedModelError(f"the two directions of {layer.name} have different units")
        stage = Stage(
            Kind.RECURRENT,
            0,
            len(directions),
            int(directions[0].return_sequences),
            int(self.given_per_step),
            self.given,
        )
        for i, direction in enumerate(directions):
            stage.layers[i] = self._describe_layer(direction)
            # Keras returns the states of a backward layer in the order of reading, but in a pair it reverses them.
            stage.layers[i].in_reading_order = int(not pair)
        self.stages.append(stage)
        self.given, self.given_per_step = Masks(), False
        self.width = sum(direction.units for direction in directions)

    def _describe_layer(self, layer: Any) -> Layer:
        if type(layer.cell) not in KERAS_CELLS:
            raise UnsupportedModelError(f"the kernel has no {type(layer.cell).__name__}")
        wanted = {
            "recurrent_activation": layer.recurrent_activation is keras.activations.sigmoid,
            "reset_after": getattr(layer, "reset_after", True),
            "stateful": not layer.stateful,
            "return_state": not layer.return_state,
        }
        self._refuse_unmet(layer, self._want_of_weights(layer, *ACTIVATIONS) | wanted)
        described = Layer(
            cell=CELLS[type(layer)],
            features=self.width,
            units=layer.units,
            activation=ACTIVATIONS[layer.activation],
            backwards=int(layer.go_backwards),
            weights=self._locate(layer),
        )
        (self._add_method if isinstance(layer, MethodRNN) else self._add_keras_dropout)(described, layer)
        return described

    def _add_method(self, described: Layer, layer: MethodRNN) -> None:
        method, gates = layer.method, len(layer.kind.gates)
        if method.site not in SITES:
            raise UnsupportedModelError(f"the kernel has no masks on the {method.site}")
        first = 2 * gates * layer.go_backwards  # numbered as in `rdrop_cli.nn.masks`
        described.site = SITES[method.site]
        described.per_step = int(method.lifetime is Lifetime.STEP)
        described.shared = int(not method.per_sample)
        if layer.dropout:
            count = method.count_input_masks(layer.kind)
            described.input = self._describe_masks(layer, first, count, layer.dropout)
        if layer.recurrent_dropout:
            count = method.count_recurrent_masks(layer.kind)
            described.recurrent = self._describe_masks(
                layer, first + gates, count, layer.recurrent_dropout, method.scaling
            )
        else:
            described.site = MaskSite.NOWHERE

    def _add_keras_dropout(self, described: Layer, layer: Any) -> None:
        """Add the masks of Keras's own layer, which draws the masks on x before those on h.

        With recurrent_dropout off and Keras's default implementation (2), all gates share one mask on x.
        """
        cell, gates = layer.cell, 3 if described.cell == Cell.GRU else 4
        count = gates if cell.implementation == 1 else 1
        if cell.dropout:
            described.input = self._describe_masks(cell, 0, count, cell.dropout)
        if cell.recurrent_dropout:
            first = described.input.count
            described.recurrent = self._describe_masks(cell, first, gates, cell.recurrent_dropout)
            described.site = MaskSite.READ

    def _describe_masks(
        self, layer: Any, first: int, count: int, rate: float, scaling: Scaling = Scaling.INVERTED
    ) -> Masks:
        if rate == 1:  # Keras's Dropout then drops everything, its cells nothing
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} because of its rate of 1")
        inverted = scaling is Scaling.INVERTED
        return Masks(
            stream=self.find_stream(layer.seed_generator),
            first=first,
            count=count,
            rate=rate,
            kept=1 / (1 - rate) if inverted else 1.0,
            average=1.0 if inverted else 1 - rate,
        )

    @staticmethod
    def _refuse_unmet(layer: Any, wanted: dict[str, bool]) -> None:
        of_every_layer = {
            "trainable": layer.trainable,
            "dtype": layer.dtype_policy.name == "float32",
            "activity_regularizer": layer.activity_regularizer is None,
        }
        if unmet := [name for name, met in {**wanted, **of_every_layer}.items() if not met]:
            raise UnsupportedModelError(f"the kernel cannot compute {layer.name} because of its {', '.join(unmet)}")
