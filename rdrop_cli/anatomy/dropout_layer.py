"""Say what a dropout layer does, from the mask that it returned: what one draw serves, its rate, and when it acts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdrop_cli.anatomy.reference import Array

SERVES = {  # by the axes that share a draw: the batch, time, features
    (): "each value has a draw of its own",
    ("time",): "one draw for each feature serves all timesteps",
    ("feature",): "one draw for each timestep serves all features",
    ("time", "feature"): "one draw for each sample serves all its values",
}
AXES = ("batch", "time", "feature")
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class DropoutLayer:
    """What a dropout layer did.

    Attributes:
        name: the layer's.
        rate: that it was made with.
        mask: (batch, time, feature), as it multiplied ones.
        repeats: whether it is the same again from the same seed.
        redraws: whether a second call draws another.
        clean_at_inference: whether nothing is dropped at inference.
        trainable: the number of its trainable parameters.
    """

    name: str
    rate: float
    mask: Array
    repeats: bool
    redraws: bool
    clean_at_inference: bool
    trainable: int

    @property
    def shared(self) -> tuple[str, ...]:
        """The axes along which one draw serves all."""
        return tuple(name for i, name in enumerate(AXES) if (self.mask == self.mask.take([0], axis=i)).all())

    @property
    def noise_shape(self) -> tuple[int | None, ...]:
        """The argument of Keras's Dropout that shares draws like this."""
        return tuple(1 if name in self.shared else None for name in AXES)

    @property
    def scale(self) -> float:
        """What kept values are multiplied by."""
        return float(self.mask.max())

    def conclude(self) -> str:
        """Say in words what one draw serves."""
        within = SERVES[tuple(name for name in self.shared if name != "batch")]
        return f"{within}, in all samples" if "batch" in self.shared else within

    def describe_evidence(self) -> Iterator[str]:
        """Yield the lines about what was measured."""
        size, zeros = " × ".join(map(str, self.mask.shape)), float((self.mask == 0).mean())
        yield f"  mask on (batch, time, feature), {size}: {zeros:.0%} zeros, kept × {self.scale:.4g}"
        yield f"  as Dropout({self.rate:g}, noise_shape={self.noise_shape if self.shared else None})"
        if self.clean_at_inference:
            yield "  inference: nothing is dropped"
        yield f"  trainable parameters: {self.trainable}"
        for difference in self.list_differences():
            yield f"  differs: {difference}"

    def list_differences(self) -> Iterator[str]:
        """Yield what it does that one would not expect."""
        if not self.clean_at_inference:
            yield "it drops at inference, where nothing is to be dropped"
        if abs(self.scale - 1 / (1 - self.rate)) > TOLERANCE and self.rate:
            yield f"what it keeps is multiplied by {self.scale:.4g}, not by 1 / (1 − rate)"
        if not self.repeats:
            yield "its masks are others from the same seed: it has random state that no seed reaches"
        if not self.redraws:
            yield "a second training call has the mask of the first"

    def to_json(self) -> dict[str, Any]:
        """Render it for scripts."""
        return {
            "rate": self.rate,
            "shared_axes": list(self.shared),
            "noise_shape": list(self.noise_shape),
            "share_of_zeros": float((self.mask == 0).mean()),
            "scale_of_kept": self.scale,
            "inactive_at_inference": self.clean_at_inference,
            "repeats_from_a_seed": self.repeats,
            "redraws_each_call": self.redraws,
            "trainable_parameters": self.trainable,
            "differences": list(self.list_differences()),
        }


def examine_dropout(entry: Mapping[str, Any], outputs: Mapping[str, Array]) -> DropoutLayer:
    """Examine a dropout layer.

    Args:
        entry: what the probe says of it.
        outputs: (batch, time, feature), by name of the probe's call.
    """
    mask = np.asarray(outputs["mask"], np.float64)
    return DropoutLayer(
        entry["name"],
        entry["rates"]["rate"],
        mask,
        repeats=np.array_equal(mask, outputs["again"]),
        redraws=not np.array_equal(mask, outputs["next"]) or not entry["rates"]["rate"],
        clean_at_inference=bool((outputs["inference"] == 1).all()),
        trainable=entry["trainable"],
    )
