"""From what the user asks for to the configurations of runs."""

import re
from dataclasses import dataclass, replace

from rdrop_cli.errors import UsageError
from rdrop_cli.study.config import MAX_SEED, RunConfig
from rdrop_cli.study.duration import parse_rows
from rdrop_cli.study.protocol import Protocol, find_protocol
from rdrop_cli.study.variants import DEFAULT_CELL, STUDY, Variant, find_variant

MOST_SEEDS = 10_000  # in a range: more is a slip of the keyboard


@dataclass(frozen=True)
class Request:
    """What a user asks to train; None keeps what the protocol or the variant has.

    `lookback`, `every` and `horizon` are texts such as `10d` or a number of rows; they can only be understood when
    the series, and so the time between its rows, is known.
    """

    variants: tuple[str, ...] = ()
    dataset: str = "jena"
    protocol: str = "book"
    seed: int = 0
    engine: str = "auto"
    cell: str = DEFAULT_CELL
    epochs: int | None = None
    dropout: float | None = None
    recurrent_dropout: float | None = None
    target: str | None = None
    lookback: str | None = None
    every: str | None = None
    horizon: str | None = None
    train_stop_row: int | None = None
    val_stop_row: int | None = None
    batch_size: int | None = None
    steps_per_epoch: int | None = None
    units: int | None = None
    sentinels: str | None = None

    def with_seed(self, seed: int) -> "Request":
        """Return the same request for another seed."""
        return replace(self, seed=seed)


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of a text such as `0-4`, `1,3,5` or `0-2,7`, each once.

    Raises:
        UsageError: it is no such text.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= min(first + MOST_SEEDS, MAX_SEED):
            raise UsageError(f"--seeds: expected seeds such as 0-4 or 1,3,5, received {text!r}")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def plan_runs(request: Request) -> list[RunConfig]:
    """Return one configuration for each named variant, the study's two when none is named.

    Lengths and the dataset's checksum are still the defaults: `fit_to_series` settles them.

    Raises:
        UsageError: an unknown name, a rate that no named variant has, or a value out of range.
    """
    variants = [find_variant(name) for name in dict.fromkeys(request.variants or STUDY)]
    protocol = _change_protocol(find_protocol(request.protocol), request)
    _check_rates_are_used(request, variants)
    return [_configure(variant, protocol, request) for variant in variants]


def fit_to_series(config: RunConfig, request: Request, sampling_seconds: int, sha256: str) -> RunConfig:
    """Return a planned configuration with its lengths in rows of the series, and the series' checksum.

    Raises:
        UsageError: a length that is no whole number of rows.
    """
    lengths = {"lookback_rows": "lookback", "step_rows": "every", "horizon_rows": "horizon"}
    rows = {
        field: parse_rows(f"--{option}", text, sampling_seconds)
        for field, option in lengths.items()
        if (text := getattr(request, option)) is not None
    }
    protocol = replace(config.protocol, **rows)  # type: ignore[arg-type]  # each named field is an int
    return replace(config, protocol=protocol, dataset_sha256=sha256)


def _change_protocol(protocol: Protocol, request: Request) -> Protocol:
    options = ("target", "train_stop_row", "val_stop_row", "batch_size", "steps_per_epoch", "units", "sentinels")
    wanted = {name: getattr(request, name) for name in options}
    return replace(protocol, **{name: value for name, value in wanted.items() if value is not None})


def _check_rates_are_used(request: Request, variants: list[Variant]) -> None:
    for name in ("dropout", "recurrent_dropout"):
        if getattr(request, name) is not None and not any(getattr(variant, name) for variant in variants):
            named = ", ".join(variant.name for variant in variants)
            raise UsageError(f"--{name.replace('_', '-')}: {named} has no such rate; name a variant that drops")


def _configure(variant: Variant, protocol: Protocol, request: Request) -> RunConfig:
    default_epochs = protocol.epochs_with_dropout if variant.trains_longer else protocol.epochs
    return RunConfig(
        variant=variant.name,
        seed=request.seed,
        dropout=_choose_rate(variant.dropout, request.dropout),
        recurrent_dropout=_choose_rate(variant.recurrent_dropout, request.recurrent_dropout),
        epochs=default_epochs if request.epochs is None else request.epochs,
        protocol=protocol,
        dataset=request.dataset,
        dataset_sha256="",
        engine=request.engine,
        cell=request.cell,
    )


def _choose_rate(default: float, wanted: float | None) -> float:
    """A variant without a rate keeps having none."""
    return default if wanted is None or default == 0 else wanted
