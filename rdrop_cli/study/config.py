"""The configuration of one run: everything that is needed to run it again."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.reading import AS_FOUND, Reading
from rdrop_cli.study.variant import DEFAULT_CELL
from rdrop_cli.study.variants import check_cell, find_variant, label_network

MAX_SEED = 2**31 - 1
SOURCES = ("weights", "windows", "masks")  # of randomness in a run: initial weights, order of windows, dropout masks
AUTO = "auto"
ENGINES = (AUTO, "native", "jax", "xla", "keras")


def check_choices(seed: int, vary: str, engine: str) -> None:
    """Check the options that apply to every variant, although reference forecasts do not use them.

    Raises:
        UsageError: an option is invalid; names the first.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ValueRefusedError("seed", seed, f"a whole number from 0 to {MAX_SEED}")
    if vary not in ("", *SOURCES):
        raise ValueRefusedError("vary", vary, f"one of {', '.join(SOURCES)}")
    if engine not in ENGINES:
        raise ValueRefusedError("engine", engine, f"one of {', '.join(ENGINES)}")


@dataclass(frozen=True)
class RunConfig:
    """One training: a variant with its rates and cell, a seed, a protocol, and the dataset by name and checksum.

    The text of each annotation documents the field in the JSON Schema of `config.json`.

    Raises:
        UsageError: a value is invalid; names the field and the value.
    """

    variant: Annotated[str, "a network of `rdrop variants`"]
    seed: Annotated[int, "of initial weights, windows and masks"]
    dropout: Annotated[float, "rate on the layer's input or output, in [0, 1)"]
    recurrent_dropout: Annotated[float, "rate of the recurrent masks, in [0, 1)"]
    epochs: Annotated[int, "epochs to train"]
    protocol: Protocol
    dataset: Annotated[str, "`jena`, `synthetic`, or the path of the user's file"]
    dataset_sha256: Annotated[str, "of the file's bytes, or of the values where there is no file"]
    engine: Annotated[str, "what was asked for: `auto`, `native`, `jax`, `xla` or `keras`"] = "auto"
    cell: Annotated[str, "`gru` or `lstm`"] = DEFAULT_CELL
    reading: Reading = AS_FOUND
    name: Annotated[str, "what the user calls the run; may be empty"] = ""
    tags: Annotated[tuple[str, ...], "words by which the user finds the run"] = ()
    note: Annotated[str, "a line of the user's"] = ""
    lookback_rows: Annotated[int | None, "length of the network's own windows; null for the protocol's"] = None
    step_rows: Annotated[int | None, "from one timestep of them to the next; null for the protocol's"] = None
    vary: Annotated[
        str, "`weights`, `windows` or `masks`: all that the seed determines, the rest being that of seed 0; else empty"
    ] = ""
    code_sha256: Annotated[str, "of the module that makes a network of the user's own; else empty"] = ""

    def __post_init__(self) -> None:
        self._check_network()
        for field, rate in (("dropout", self.dropout), ("recurrent_dropout", self.recurrent_dropout)):
            if not (math.isfinite(rate) and 0 <= rate < 1):
                raise ValueRefusedError(field, rate, "a rate in [0, 1)")
        check_choices(self.seed, self.vary, self.engine)
        if self.epochs < 1:
            raise ValueRefusedError("epochs", self.epochs, "at least 1")
        for field, texts in (("name", (self.name,)), ("tag", self.tags), ("note", (self.note,))):
            for text in texts:
                if not text.isprintable() or (field == "tag" and not text):
                    raise ValueRefusedError(field, text, "a line of text")

    def _check_network(self) -> None:
        variant, timesteps = find_variant(self.variant), self.own_protocol.timesteps
        check_cell(variant, self.cell)
        if variant.one_horizon and self.protocol.earlier_horizon_rows:
            received = f"{variant.name} forecasts one, received {len(self.protocol.horizons)}"
            raise UsageError(f"{received}; name one horizon, or leave {variant.name} out", field="horizon")
        if timesteps < variant.least_timesteps:
            raise UsageError(
                f"{variant.name} needs windows of {variant.least_timesteps} timesteps, received {timesteps}",
                field="lookback",
                change=("lookback", "every"),
            )

    @property
    def is_network(self) -> bool:
        """Whether the run trains a network, instead of fitting a reference forecast."""
        return find_variant(self.variant).is_network

    @property
    def own_protocol(self) -> Protocol:
        """The protocol with this network's own windows, if it has any."""
        return self.protocol.with_windows(self.lookback_rows, self.step_rows)

    @property
    def identity(self) -> "RunConfig":
        """The configuration without the fields that affect no result: the data's path, summary, name, tags and note."""
        protocol = replace(self.protocol, summary="")
        return replace(self, dataset="", name="", tags=(), note="", protocol=protocol)

    def seed_of(self, source: str) -> int:
        """Return the seed of one source of randomness; if only another source varies, it is 0."""
        return self.seed if self.vary in ("", source) else 0

    @property
    def title(self) -> str:
        """The run's title within a study: `dropout s3`, `dropout s3 from row 54000`, `dropout s3 masks`."""
        start = self.protocol.train_start_row
        parts = [f"{self.full_label} s{self.seed}", f"from row {start}" if start else "", self.vary]
        return " ".join(filter(None, parts))

    @property
    def label(self) -> str:
        """The variant's name, with the cell if it is not the variant's own."""
        return label_network(self.variant, self.cell)

    @property
    def full_label(self) -> str:
        """The label, with the rates if they are not the variant's own: `dropout 0.1/0.5`."""
        variant, rates = find_variant(self.variant), (self.dropout, self.recurrent_dropout)
        own = rates == (variant.dropout, variant.recurrent_dropout)
        return label_network(self.variant, self.cell, None if own else rates)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
