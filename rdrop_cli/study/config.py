"""The configuration of one run: everything that is needed to run it again."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import find_variant

MAX_SEED = 2**31 - 1
ENGINES = ("auto", "native", "xla", "keras")


@dataclass(frozen=True)
class RunConfig:
    """One training: a variant with its rates, a seed, a protocol, and the dataset by name and checksum.

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

    def __post_init__(self) -> None:
        find_variant(self.variant)
        for name, rate in (("dropout", self.dropout), ("recurrent-dropout", self.recurrent_dropout)):
            if not (math.isfinite(rate) and 0 <= rate < 1):
                raise UsageError(f"--{name}: expected a rate in [0, 1), received {rate:g}")
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"--seed: expected a whole number from 0 to {MAX_SEED}, received {self.seed}")
        if self.engine not in ENGINES:
            raise UsageError(f"--engine: expected one of {', '.join(ENGINES)}, received {self.engine!r}")
        if self.epochs < 1:
            raise UsageError(f"--epochs: expected at least 1, received {self.epochs}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "RunConfig":
        """Rebuild a configuration from `to_json`.

        Raises:
            DataError: fields are missing or not known.
        """
        try:
            return cls(**{**value, "protocol": Protocol(**value["protocol"])})
        except (TypeError, KeyError) as error:
            raise DataError(f"not a run's configuration: {error}") from error
