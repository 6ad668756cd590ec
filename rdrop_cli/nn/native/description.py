"""The description of a network for the kernel: layers and masks in C's layout, with checks of their sizes."""

import ctypes
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Masks(ctypes.Structure):
    """`MaskSpec` of masks.h: masks that a training call draws, `count` of one shape; none by default.

    Mask i of a step has the seed (stream, step · 2¹² + first + i), and is 0 with probability `rate`, else `kept`.
    `average` replaces the masks in inference.
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
    """`StageKind` of convolution.h."""

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
    """`LayerSpec` of layer.h: a recurrent layer; its weights begin at `weights`, in Keras's order and shapes.

    A convolution uses only features, units (its filters) and weights; pooling only features and units, which are equal.
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
    """`StageSpec` of network.cpp: a layer, or two in opposite directions, and the masks on their input.

    A convolution (with ReLU) or pooling reads `taps` timesteps for each timestep of its output; `every_state` says
    whether the output may have several.
    """

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("kind", "taps", "directions", "every_state", "given_per_step")),
        ("given", Masks),
        ("layers", Layer * 2),
    )


class Dense(ctypes.Structure):
    """`DenseSpec` of dense.h: the dense units; weights (width, outputs), then biases, begin at `weights`."""

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
        stages: first to last; the last gives only its last state, all others give every state.
        timesteps: of a sequence.
        parameters: number of weights, all in one array; those of a layer are in Keras's order and shapes.
        dense: index of the dense units' weights in that array; their biases follow.
        returned: masks on the input of the dense units.
        squares: whether the loss is the mean squared error.
        outputs: number of dense units; each gives one forecast.
        quantiles: levels of the pinball loss; all outputs for one target are consecutive. Empty for another loss.
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
        """Shape of the output for one sequence: () for one output, (outputs,) for several."""
        return () if self.outputs == 1 else (self.outputs,)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of the targets of one sequence: () for one target, (target,) for several."""
        targets = self.outputs // max(1, len(self.quantiles))
        return () if targets == 1 else (targets,)

    @property
    def features(self) -> int:
        """Number of features per timestep of a sequence."""
        return int(self.stages[0].layers[0].features)

    def check(self) -> None:
        """Refuse sizes that would make the kernel read or write out of bounds.

        Raises:
            ValueError: sizes do not fit each other.
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
        """Return the description in C's layout; keep a reference to it for as long as C reads it."""
        levels = (ctypes.c_float * len(self.quantiles))(*self.quantiles)
        dense = Dense(self.dense, self.outputs, int(self.squares), len(self.quantiles), levels)
        stages = (Stage * len(self.stages))(*self.stages)
        return Spec(len(self.stages), self.timesteps, self.parameters, dense, self.returned, stages)


def count_steps(stage: Stage, steps: int) -> int:
    """Return how many timesteps a stage outputs for `steps` timesteps of input; 0 if they are too few."""
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
