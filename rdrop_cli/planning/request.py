"""From what the user asks for to the configurations of runs."""

import re
from dataclasses import dataclass, replace

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.study.config import MAX_SEED, RunConfig
from rdrop_cli.study.protocol import Protocol, find_protocol
from rdrop_cli.study.variants import DEFAULT_CELL, STUDY, Variant, find_variant

MOST_SEEDS = 10_000  # more is a slip of the keyboard


@dataclass(frozen=True)
class Request:
    """What a user asks to train; None keeps what the protocol or the variant has.

    `lookback`, `every` and `horizon` are texts such as `10d` or a number of rows, `train_stop` and `val_stop` such as
    `2014-01-01`, `50%` or a row; they can only be understood when the series, and so the time of its rows, is known.
    `time` names the column of a user's file that holds the stamps.
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
    time: str | None = None
    lookback: str | None = None
    every: str | None = None
    horizon: str | None = None
    train_stop: str | None = None
    val_stop: str | None = None
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
        match = re.fullmatch(r"\s*(\d{1,10})(?:-(\d{1,10}))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= min(first + MOST_SEEDS - len(seeds), MAX_SEED):
            raise ValueRefusedError("seeds", text, "seeds such as 0-4 or 1,3,5")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def plan_runs(request: Request) -> list[RunConfig]:
    """Return one configuration for each named variant, the study's two when none is named.

    Lengths and the dataset's checksum are still the defaults; `fit_to_series` replaces them.

    Raises:
        UsageError: an unknown name, a rate that no named variant has, or a value out of range.
    """
    variants = [find_variant(name) for name in dict.fromkeys(request.variants or STUDY)]
    protocol = _change_protocol(find_protocol(request.protocol), request)
    _check_rates_are_used(request, variants)
    return [_configure(variant, protocol, request) for variant in variants]


def _change_protocol(protocol: Protocol, request: Request) -> Protocol:
    options = ("target", "batch_size", "steps_per_epoch", "units", "sentinels")
    wanted = {name: getattr(request, name) for name in options}
    return replace(protocol, **{name: value for name, value in wanted.items() if value is not None})


def _check_rates_are_used(request: Request, variants: list[Variant]) -> None:
    for name in ("dropout", "recurrent_dropout"):
        if getattr(request, name) is not None and not any(getattr(variant, name) for variant in variants):
            named = ", ".join(variant.name for variant in variants)
            raise UsageError(f"{named} has no such rate; name a variant that drops", field=name)


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
        time_column=request.time or "",
    )


def _choose_rate(default: float, wanted: float | None) -> float:
    """A variant without a rate keeps having none."""
    return default if wanted is None or default == 0 else wanted
