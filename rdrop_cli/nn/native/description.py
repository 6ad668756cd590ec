"""A network as the kernel is told of it: its layers and masks in C's layout, and what they have to fit."""

import ctypes
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Masks(ctypes.Structure):
    """`MaskSpec` of masks.h: masks that a training call draws, `count` of one shape; none by default.

    Mask i of a step has the seed (stream, step · 2¹² + first + i), and is 0 with probability `rate`, else `kept`.
    `average` takes their place in inference.
    """

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("stream", "first", "count")),
        *((name, ctypes.c_double) for name in ("rate", "kept", "average")),
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**{"kept": 1.0, "average": 1.0, **values})


class Cell(IntEnum):
    """`CellKind` of layer.h."""

    GRU = 0
    LSTM = 1


class Kind(IntEnum):
    """`StageKind` of convolution.h: what a stage is."""

    RECURRENT = 0
    CONVOLUTION = 1
    MAXIMUM = 2
    AVERAGE = 3


class Activation(IntEnum):
    """`Activation` of lanes.h."""

    TANH = 0
    RELU = 1


class MaskSite(IntEnum):
    """`Site` of cells.h: what the masks of recurrent dropout multiply."""

    NOWHERE = 0
    READ = 1
    PREVIOUS = 2
    CANDIDATE = 3
    WRITTEN = 4
    UPDATE = 5
    WEIGHTS = 6


class Layer(ctypes.Structure):
    """`LayerSpec` of layer.h: a recurrent layer; its weights in Keras's shapes follow one another from `weights`.

    Of a convolution, its features, units (the filters) and weights count; of pooling, its features and as many units.
    """

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("cell", "features", "units", "activation", "backwards")),
        *((name, ctypes.c_int64) for name in ("in_reading_order", "site", "per_step", "shared", "weights")),
        ("input", Masks),
        ("recurrent", Masks),
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**{"input": Masks(), "recurrent": Masks(), **values})


class Stage(ctypes.Structure):
    """`StageSpec` of network.cpp: a layer, or two in opposite directions; masks on what they read.

    A convolution, with ReLU, or pooling reads `taps` timesteps for each that it gives; `every_state` says whether these
    may be several.
    """

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("kind", "taps", "directions", "every_state", "given_per_step")),
        ("given", Masks),
        ("layers", Layer * 2),
    )


class Dense(ctypes.Structure):
    """`DenseSpec` of dense.h: the dense units, whose weights (width, outputs) and biases begin at `weights`."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("weights", "outputs", "squares", "quantiles")),
        ("levels", ctypes.POINTER(ctypes.c_float)),
    )


class Spec(ctypes.Structure):
    """`NetworkSpec` of network.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("stages", "timesteps", "parameters")),
        ("dense", Dense),
        ("returned", Masks),
        ("first", ctypes.POINTER(Stage)),
    )


@dataclass(frozen=True)
class Description:
    """Layers over time and dense units on their last state, trained on the mean absolute, squared or pinball error.

    Attributes:
        stages: first to last; all but the last give every state, the last one its last state.
        timesteps: of a sequence.
        parameters: number of all weights, which are in one array: a layer's in Keras's order and shapes.
        dense: where among them the dense units' weights begin, their biases behind them.
        returned: masks on what the dense units are given.
        squares: whether the loss is the mean squared error.
        outputs: dense units, each with a forecast of its own.
        quantiles: levels whose pinball loss is the loss; all of one target follow one another. Empty: it is another.
    """

    stages: list[Stage]
    timesteps: int
    parameters: int
    dense: int
    returned: Masks = field(default_factory=Masks)
    squares: bool = False
    outputs: int = 1
    quantiles: tuple[float, ...] = ()

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What the network gives of one sequence: () of one output, (outputs,) of several."""
        return () if self.outputs == 1 else (self.outputs,)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """What it is trained on for one sequence: () of one target, (target,) of several."""
        targets = self.outputs // max(1, len(self.quantiles))
        return () if targets == 1 else (targets,)

    @property
    def features(self) -> int:
        """Of a timestep of a sequence."""
        return int(self.stages[0].layers[0].features)

    def check(self) -> None:
        """Refuse sizes that would have the kernel read or write where nothing is.

        Raises:
            ValueError: they do not fit each other.
        """
        given, steps = self.features, self.timesteps
        for i, stage in enumerate(self.stages):
            layers = stage.layers[: stage.directions]
            if bool(stage.every_state) != (i + 1 < len(self.stages)):
                raise ValueError(f"stage {i}: all stages but the last, and only they, give every state")
            steps = count_steps(stage, steps)
            if steps < 1 or (steps > 1 and not stage.every_state):
                raise ValueError(f"stage {i}: it gives {steps} timesteps")
            for layer in layers:
                end = layer.weights + _count_weights(stage, layer)
                if layer.features != given or min(layer.units, given) < 1 or not 0 <= layer.weights <= self.parameters:
                    raise ValueError(f"stage {i}: {layer.units} units and {layer.features} features do not fit")
                if end > self.parameters:
                    raise ValueError(f"stage {i}: {self.parameters} parameters are too few")
            given = sum(layer.units for layer in layers)
        weights = self.outputs * (given + 1)
        if min(self.timesteps, self.outputs) < 1 or not 0 <= self.dense <= self.parameters - weights:
            sizes = f"{self.timesteps} timesteps, {self.outputs} outputs, {self.parameters} parameters"
            raise ValueError(f"{sizes}: they do not fit the network")
        if self.quantiles and self.outputs % len(self.quantiles):
            raise ValueError(f"{self.outputs} outputs are not {len(self.quantiles)} quantiles of each target")

    def to_spec(self) -> Spec:
        """Return it in C's layout; it has to be kept for as long as C reads it."""
        levels = (ctypes.c_float * len(self.quantiles))(*self.quantiles)
        dense = Dense(self.dense, self.outputs, int(self.squares), len(self.quantiles), levels)
        stages = (Stage * len(self.stages))(*self.stages)
        return Spec(len(self.stages), self.timesteps, self.parameters, dense, self.returned, stages)


def count_steps(stage: Stage, steps: int) -> int:
    """Return how many timesteps a stage gives where it is given so many."""
    if stage.kind == Kind.RECURRENT:
        return steps if stage.every_state else 1
    if not 1 <= stage.taps <= steps:
        return 0
    return int(steps - stage.taps + 1 if stage.kind == Kind.CONVOLUTION else steps // stage.taps)


def _count_weights(stage: Stage, layer: Layer) -> int:
    """Return how many weights a layer of a stage has."""
    if stage.kind == Kind.RECURRENT:
        gates, biases = (3, 2) if layer.cell == Cell.GRU else (4, 1)
        return int(gates * layer.units * (layer.features + layer.units + biases))
    return int(layer.units * (stage.taps * layer.features + 1)) if stage.kind == Kind.CONVOLUTION else 0
