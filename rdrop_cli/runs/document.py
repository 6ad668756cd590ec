"""The run document: the fields of `metrics.json` as types, each with its meaning and unit.

The types of measured figures are in `figures.py`. `schema.py` reads, checks and upgrades the document; `metrics.py`
builds it. Unknown fields are ignored.

Errors are mean absolute errors (MAE), standardised: in standard deviations of the target over the training rows. Fields
whose name ends in `_in_unit` are in the target's own `unit`: the standardised error times `target_std`.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from rdrop_cli.runs.fields import Fields
from rdrop_cli.runs.figures import AtHorizon, Best, Count, Curves, Final, Naive, QuantileErrors, Test
from rdrop_cli.runs.history import is_still_improving
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.units import format_count
from rdrop_cli.study.variants import REFERENCES, VARIANTS, format_rates, label_network

SCHEMA_VERSION = 4
Status = Literal["completed", "running", "interrupted", "failed"]
Rate = Annotated[float, Meta(ge=0, lt=1)]


class Rates(Fields, frozen=True, kw_only=True):
    """Dropout rates."""

    dropout: Annotated[Rate, Meta(description="rate on the layer's input or output, in [0, 1)")]
    recurrent_dropout: Annotated[Rate, Meta(description="rate of the recurrent masks, in [0, 1)")]

    @property
    def pair(self) -> tuple[float, float]:
        return self.dropout, self.recurrent_dropout

    def __str__(self) -> str:
        return format_rates(*self.pair)


class Epochs(Fields, frozen=True, kw_only=True):
    """How far the run is."""

    done: Annotated[Count, Meta(description="epochs")]
    planned: Annotated[Count, Meta(description="epochs")]
    ended_by: Annotated[
        Literal["plan", "patience"] | None,
        Meta(
            description="why training is complete: all epochs done, or `protocol.patience`; else null, as in older runs"
        ),
    ] = None

    def __str__(self) -> str:
        ended = ", ended by patience" if self.ended_by == "patience" else ""
        return f"{self.done} of {format_count(self.planned, 'epoch')}{ended}"


class Dataset(Fields, frozen=True, kw_only=True):
    """The data, as `series.table.Source` records them."""

    name: Annotated[str, Meta(description="`jena`, `synthetic`, or the stem of the user's file")]
    origin: Annotated[str, Meta(description="the address, the path or the generator")]
    sha256: Annotated[str, Meta(description="of the file's bytes, or of the values where there is no file")]
    rows: Annotated[Count, Meta(description="readings")]
    verified: Annotated[
        bool | None, Meta(description="whether it is the published file; null where nothing is published to compare")
    ]
    where: Annotated[str, Meta(description="which rows of a file that has several series; empty: all")] = ""
    reading: Annotated[
        str | None,
        Meta(description="the other options by which a file was read; empty: none; null in older runs"),
    ] = None
    utc: Annotated[
        bool | None, Meta(description="whether its times are in UTC; false: nothing tells; null in older runs")
    ] = None

    @property
    def label(self) -> str:
        """The name, followed by the selected rows if the file has several series."""
        return f"{self.name} {self.where}".rstrip()


class Scale(Fields, frozen=True, kw_only=True):
    """A column's standardisation: a network is given a reading less `mean`, divided by `std`."""

    name: Annotated[str, Meta(description="of the column")]
    mean: Annotated[float, Meta(description="over the training rows, in the column's unit")]
    std: Annotated[float, Meta(description="likewise; 1 where the column never changes")]


class Standardisation(Fields, frozen=True, kw_only=True):
    """What makes readings a network's inputs, and its output a forecast: `output * target.std + target.mean`.

    Of a network that learns the target in its own unit, that mean is 0 and that deviation 1.
    """

    inputs: Annotated[list[Scale], Meta(description="the network's inputs, in their order")]
    target: Annotated[Scale, Meta(description="the predicted column")]


class Timing(Fields, frozen=True, kw_only=True):
    """Wall time; pauses between sessions do not count.

    Raises:
        ValueError: a duration is negative.
    """

    seconds: Annotated[float, Meta(description="all epochs, in seconds")]
    epoch_seconds: Annotated[list[float], Meta(description="each epoch with its measurements, in seconds")]
    train_windows_per_second: Annotated[
        float | None, Meta(description="training windows a second, over the training steps alone")
    ]

    def __post_init__(self) -> None:
        if min(self.seconds, self.train_windows_per_second or 0.0, *self.epoch_seconds) < 0:
            raise ValueError("expected durations of at least 0")


class Environment(Fields, frozen=True, kw_only=True):
    """What the run was computed with; null where a version of rdrop did not record it."""

    rdrop: Annotated[str | None, Meta(description="version")] = None
    python: Annotated[str | None, Meta(description="version")] = None
    tensorflow: Annotated[str | None, Meta(description="version")] = None
    keras: Annotated[str | None, Meta(description="version")] = None
    jax: Annotated[str | None, Meta(description="version, where it computed the network")] = None
    numpy: Annotated[str | None, Meta(description="version")] = None
    system: Annotated[str | None, Meta(description="operating system and machine")] = None
    device: Annotated[str | None, Meta(description="`CPU`, or the name of the GPU")] = None
    threads: Annotated[Count | None, Meta(description="threads that a step may use")] = None
    instruction_set: Annotated[str | None, Meta(description="what the compiled kernel was built for")] = None
    engine_reason: Annotated[str | None, Meta(description="why that engine computed it")] = None

    def known(self) -> dict[str, str | int]:
        """Return the recorded values by name."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not None}


class Metrics(Fields, frozen=True, kw_only=True):
    """`metrics.json`: what a run is and what it measured.

    Raises:
        ValueError: the times are not of as many epochs as the curves.
    """

    schema_version: Annotated[int, Meta(description="version of this document")] = SCHEMA_VERSION
    run_id: Annotated[str, Meta(description="name of the run's folder")]
    created_at: Annotated[str, Meta(description="when the run was created, UTC, ISO 8601")]
    variant: Annotated[str, Meta(description="a network of `rdrop variants`")]
    cell: Annotated[str, Meta(description="`gru` or `lstm`")]
    status: Annotated[
        Status,
        Meta(description="`interrupted` until the run ends; `running` is never on the disk: a lock says so"),
    ]
    failure: Annotated[str | None, Meta(description="why a run failed")] = None
    seed: Annotated[int, Meta(description="of initial weights, windows and masks")]
    vary: Annotated[
        str, Meta(description="`weights`, `windows` or `masks`: all that the seed determines; empty: all three")
    ] = ""
    code_sha256: Annotated[
        str, Meta(description="of the module that makes a network of the user's own; else empty")
    ] = ""
    rates: Rates
    engine: Annotated[
        str | None,
        Meta(description="`native`, `jax`, `xla` or `keras`; `none` without a network; null in early runs"),
    ]
    epochs: Epochs
    dataset: Dataset
    protocol: Protocol
    name: Annotated[str, Meta(description="what the user calls the run; may be empty")]
    tags: Annotated[list[str], Meta(description="words by which the user finds the run")]
    note: Annotated[str, Meta(description="a line of the user's")]
    target_std: Annotated[float, Meta(description="one standardised unit of the target, in `unit`")]
    unit: Annotated[str, Meta(description="the target's own unit; empty where its name tells none")]
    standardisation: Annotated[
        Standardisation | None,
        Meta(description="means and deviations by which the network can be used; null in older runs"),
    ]
    history: Curves
    best: Annotated[Best | None, Meta(description="null before the first epoch ends")]
    final: Annotated[Final | None, Meta(description="null before the first epoch ends")]
    test: Annotated[Test | None, Meta(description="null before the run is complete")]
    naive: Naive
    by_horizon: Annotated[
        list[AtHorizon],
        Meta(
            description="each horizon where there are several, the nearest first; every other MAE is the mean over "
            "them; empty of one horizon, and before the run is complete"
        ),
    ] = field(default_factory=list)
    quantiles: Annotated[
        QuantileErrors | None,
        Meta(description="where `protocol.quantiles` are forecast; null without them, and before the run is complete"),
    ] = None
    timing: Timing
    environment: Environment

    @property
    def still_improving(self) -> bool:
        """Whether the validation error was still falling at the end of the run."""
        return self.is_network and is_still_improving(self.history.val_loss, self.naive.val_mae)

    def __post_init__(self) -> None:
        if len(self.timing.epoch_seconds) != len(self.history.loss):
            raise ValueError("expected timing.epoch_seconds to be as long as the curves of history")

    @property
    def label(self) -> str:
        """The variant's name, with the cell if it is not the study's."""
        return label_network(self.variant, self.cell)

    @property
    def label_with_rates(self) -> str:
        """The label with both rates: `dropout-lstm 0.2/0.5`."""
        return label_network(self.variant, self.cell, self.rates.pair)

    @property
    def short_label(self) -> str:
        """The label, with the rates if they are not the variant's own."""
        return self.label if self.has_own_rates else self.label_with_rates

    @property
    def is_network(self) -> bool:
        """Whether the run trained a network rather than fitted a reference forecast."""
        return self.variant not in REFERENCES

    @property
    def cause_of_failure(self) -> str:
        """Why the run failed, without the run's id at the beginning of the recorded text."""
        return (self.failure or "").removeprefix(f"{self.run_id}: ")

    @property
    def has_epochs(self) -> bool:
        """Whether there is a curve to draw or judge."""
        return bool(self.history.val_loss)

    @property
    def has_own_rates(self) -> bool:
        """Whether the run was trained with the default rates of its variant.

        A user's own network has its rates in its code; those recorded here are 0.
        """
        variant = VARIANTS.get(self.variant)
        return self.rates.pair == ((variant.dropout, variant.recurrent_dropout) if variant else (0.0, 0.0))


class ProtocolName(Fields, frozen=True, kw_only=True):
    """The name of a protocol, and its horizons except the furthest."""

    name: str
    earlier_horizon_rows: tuple[int, ...]


class Summary(Fields, frozen=True, kw_only=True):
    """The fields of a run that a list of runs shows, read from `metrics.json`."""

    run_id: str
    name: str
    tags: list[str]
    note: str
    created_at: str
    variant: str
    cell: str
    status: Status
    seed: int
    rates: Rates
    epochs: Epochs
    best: Best | None
    final: Final | None
    test: Test | None
    unit: str
    dataset: Dataset
    protocol: ProtocolName

    @property
    def label(self) -> str:
        """The variant's name, with the cell if it is not the study's."""
        return label_network(self.variant, self.cell)
