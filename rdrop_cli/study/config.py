"""The configuration of one run: everything that is needed to run it again."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from rdrop_cli.errors import DataError, UsageError, ValueRefusedError
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import DEFAULT_CELL, check_cell, find_variant, label_network

MAX_SEED = 2**31 - 1
ENGINES = ("auto", "native", "xla", "keras")


@dataclass(frozen=True)
class RunConfig:
    """One training: a variant with its rates and cell, a seed, a protocol, and the dataset by name and checksum.

    Attributes:
        time_column: the column of a user's file that holds the stamps; empty where the file itself tells.

    Raises:
        UsageError: a value that cannot be trained with, named with what was received.
    """

    variant: str
    seed: int
    dropout: float
    recurrent_dropout: float
    epochs: int
    protocol: Protocol
    dataset: str
    dataset_sha256: str
    engine: str = "auto"
    cell: str = DEFAULT_CELL
    time_column: str = ""

    def __post_init__(self) -> None:
        check_cell(find_variant(self.variant), self.cell)
        for field, rate in (("dropout", self.dropout), ("recurrent_dropout", self.recurrent_dropout)):
            if not (math.isfinite(rate) and 0 <= rate < 1):
                raise ValueRefusedError(field, rate, "a rate in [0, 1)")
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueRefusedError("seed", self.seed, f"a whole number from 0 to {MAX_SEED}")
        if self.engine not in ENGINES:
            raise ValueRefusedError("engine", self.engine, f"one of {', '.join(ENGINES)}")
        if self.epochs < 1:
            raise ValueRefusedError("epochs", self.epochs, "at least 1")

    @property
    def label(self) -> str:
        """The variant's name, with the cell where that is not the study's."""
        return label_network(self.variant, self.cell)

    @property
    def full_label(self) -> str:
        """The label, with the rates where they are not the variant's own: `dropout 0.1/0.5`."""
        variant = find_variant(self.variant)
        if (self.dropout, self.recurrent_dropout) == (variant.dropout, variant.recurrent_dropout):
            return self.label
        return f"{self.label} {self.dropout:g}/{self.recurrent_dropout:g}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "RunConfig":
        """Rebuild a configuration from `to_json`.

        Raises:
            DataError: fields are missing, not known, of another type or out of range.
        """
        try:
            config = cls(**{**value, "protocol": Protocol(**value["protocol"])})
            _check_types(config)
            _check_types(config.protocol)
        except (TypeError, KeyError, UsageError) as error:
            raise DataError(f"not a run's configuration: {error}") from error
        return config


def _check_types(part: RunConfig | Protocol) -> None:
    """Raise TypeError for a field of another type; a whole number will do for a rate."""
    for field in fields(part):
        value = getattr(part, field.name)
        if type(value) is not field.type and not (field.type is float and type(value) is int):
            raise TypeError(f"{field.name} is {value!r}")
