"""From what the user asks for to the configurations of runs."""

import re
from dataclasses import dataclass, replace

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.fit import TRAIN_STOP, VAL_STOP, check_room, choose_target, limit_steps, scale_length
from rdrop_cli.planning.splits import parse_split
from rdrop_cli.study.config import MAX_SEED, RunConfig
from rdrop_cli.study.duration import parse_rows
from rdrop_cli.study.extent import Extent
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


def fit_to_series(config: RunConfig, request: Request, extent: Extent) -> RunConfig:
    """Return a planned configuration with its lengths and splits in rows of the series, and the series' checksum.

    On a series of the user's the protocol's lengths are times, its splits fractions, its target the only column where
    there is but one, and an epoch at most one pass over the training windows.

    Raises:
        UsageError: a length that is no whole number of rows, a split outside the series, or no target to choose.
        DataError: the user's series is too short.
    """
    protocol = replace(config.protocol, **_fit_lengths(config.protocol, request, extent))  # type: ignore[arg-type]
    protocol = _fit_splits(protocol, request, extent)
    if extent.own_file:
        protocol = replace(protocol, summary=f"the {protocol.name} protocol's lengths in time, on {extent.name}")
    if extent.own_file and request.target is None:
        protocol = replace(protocol, target=choose_target(protocol.target, extent))
    if extent.own_file and request.steps_per_epoch is None:
        protocol = replace(protocol, steps_per_epoch=limit_steps(protocol))
    return replace(config, protocol=protocol, dataset_sha256=extent.sha256)


def _fit_lengths(protocol: Protocol, request: Request, extent: Extent) -> dict[str, int]:
    """Return the lengths that the user or the user's series changes, in rows, by the protocol's fields."""
    rows = {}
    for field, option in (("lookback_rows", "lookback"), ("step_rows", "every"), ("horizon_rows", "horizon")):
        text = getattr(request, option)
        if text is not None:
            rows[field] = parse_rows(f"--{option}", text, extent.sampling_seconds)
        elif extent.own_file:
            rows[field] = scale_length(f"--{option}", getattr(protocol, field), extent)
    return rows


def _fit_splits(protocol: Protocol, request: Request, extent: Extent) -> Protocol:
    """Return the protocol with the splits that the user or the user's series changes."""
    if not extent.own_file and request.train_stop is None and request.val_stop is None:
        return protocol
    rows = (str(protocol.train_stop_row), str(protocol.val_stop_row))
    train_default, val_default = (TRAIN_STOP, VAL_STOP) if extent.own_file else rows
    train_stop = train_default if request.train_stop is None else request.train_stop
    val_stop = val_default if request.val_stop is None else request.val_stop
    train_row, val_row = parse_split("--train-stop", train_stop, extent), parse_split("--val-stop", val_stop, extent)
    protocol = replace(protocol, train_stop_row=train_row, val_stop_row=val_row)
    check_room(protocol, extent, train_stop, val_stop)
    if train_row >= val_row:
        raise UsageError(
            f"--train-stop: {train_stop} (row {train_row}) must come before --val-stop: {val_stop} (row {val_row}); "
            f"{extent.name} has {extent}"
        )
    return protocol


def _change_protocol(protocol: Protocol, request: Request) -> Protocol:
    options = ("target", "batch_size", "steps_per_epoch", "units", "sentinels")
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
        time_column=request.time or "",
    )


def _choose_rate(default: float, wanted: float | None) -> float:
    """A variant without a rate keeps having none."""
    return default if wanted is None or default == 0 else wanted
