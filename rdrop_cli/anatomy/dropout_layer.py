"""Find what a dropout layer does from the masks that it returned: which values share a draw, its rate, when it acts."""

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
TOLERANCE = 5e-3  # for a scale, which half precision rounds


@dataclass(frozen=True, eq=False)
class DropoutLayer:
    """What a dropout layer did.

    Attributes:
        name: of the layer.
        rate: the rate that it was made with.
        masks: (call, batch, time, feature): the output of each call for ones.
        repeats: whether the same seed gives the same masks again.
        clean_at_inference: whether nothing is dropped at inference.
        trainable: the number of its trainable parameters.
    """

    name: str
    rate: float
    masks: Array
    repeats: bool
    clean_at_inference: bool
    trainable: int

    @property
    def share_of_zeros(self) -> float:
        """The share of all values that were dropped."""
        return float((self.masks == 0).mean())

    @property
    def tells(self) -> bool:
        """Whether some values were dropped and some kept: else it is unknown which values share a draw."""
        return 0 < self.share_of_zeros < 1

    @property
    def shared(self) -> tuple[str, ...]:
        """The axes along which all values share a draw; empty if that is unknown."""
        same = ((self.masks == self.masks.take([0], axis=i)).all() for i in range(1, self.masks.ndim))
        return tuple(name for name, is_same in zip(AXES, same, strict=True) if is_same and self.tells)

    @property
    def noise_shape(self) -> tuple[int | None, ...] | None:
        """The `noise_shape` of Keras's Dropout that shares draws in the same way; None if that is unknown."""
        return tuple(1 if name in self.shared else None for name in AXES) if self.tells else None

    @property
    def redraws(self) -> bool | None:
        """Whether later calls draw other masks than the first; None if that is unknown."""
        return bool((self.masks != self.masks[0]).any()) if self.tells else None

    @property
    def scale(self) -> float | None:
        """The largest factor of kept values; None if there are none."""
        return float(self.masks.max()) or None

    @property
    def factors(self) -> str:
        """The factor of kept values in words, or the smallest and the largest if they differ."""
        kept = self.masks[self.masks != 0]
        least, most = kept.min(), kept.max()
        return f"{most:.4g}" if most - least <= TOLERANCE * most else f"{least:.4g} to {most:.4g}"

    def conclude(self) -> str:
        """Return in a sentence which values share a draw."""
        if not self.tells:
            dropped = "everything" if self.scale is None else "nothing"
            return f"{dropped} was dropped in {len(self.masks)} calls, so that what one draw serves cannot be told"
        within = SERVES[tuple(name for name in self.shared if name != "batch")]
        return f"{within}, in all samples" if "batch" in self.shared else within

    def describe_evidence(self) -> Iterator[str]:
        """Yield the lines that describe the measurements."""
        size = " × ".join(map(str, self.masks.shape[1:]))
        kept = "nothing kept" if self.scale is None else f"kept × {self.factors}"
        yield f"  mask on (batch, time, feature), {size}: {self.share_of_zeros:.0%} zeros, {kept}"
        if self.tells:
            yield f"  as Dropout({self.rate:g}, noise_shape={self.noise_shape if self.shared else None})"
        if self.clean_at_inference:
            yield "  inference: nothing is dropped"
        yield f"  trainable parameters: {self.trainable}"
        for difference in self.list_differences():
            yield f"  differs: {difference}"

    def list_differences(self) -> Iterator[str]:
        """Yield a sentence for each unexpected behaviour."""
        if not self.clean_at_inference:
            yield "it drops at inference, where nothing is to be dropped"
        if self.scale and self.rate < 1 and abs(self.scale * (1 - self.rate) - 1) > TOLERANCE:
            yield f"what it keeps is multiplied by {self.factors}, not by 1 / (1 − rate)"
        if not self.repeats:
            yield "its masks are others from the same seed: it has random state that no seed reaches"
        if self.redraws is False:
            yield "a second training call has the mask of the first"

    def to_json(self) -> dict[str, Any]:
        """Render the layer as a dictionary for scripts."""
        return {
            "rate": self.rate,
            "shared_axes": list(self.shared),
            "noise_shape": self.noise_shape and list(self.noise_shape),
            "share_of_zeros": self.share_of_zeros,
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
        entry: the probe's facts about the layer.
        outputs: by name: of the training calls `masks` and `again`, (call, batch, time, feature); of `inference`,
            (batch, time, feature).
    """
    masks = np.asarray(outputs["masks"], np.float64)
    return DropoutLayer(
        entry["name"],
        entry["rates"]["rate"],
        masks,
        repeats=np.array_equal(masks, outputs["again"]),
        clean_at_inference=bool((outputs["inference"] == 1).all()),
        trainable=entry["trainable"],
    )
