"""Turn the user's request into configurations of runs."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.study.config import AUTO, MAX_SEED, RunConfig, check_choices
from rdrop_cli.study.editions import Edition, find_edition
from rdrop_cli.study.own import hash_code
from rdrop_cli.study.protocol import MEDIAN, PASSES, PINBALL, QUANTILE, QUANTILES, Protocol
from rdrop_cli.study.reading import AS_FOUND, Reading
from rdrop_cli.study.variant import Variant
from rdrop_cli.study.variants import check_cell_name, find_variant

MOST_SEEDS = 10_000  # more is probably a typing error


@dataclass(frozen=True)
class Request:
    """A user's request for training; None keeps the default of the protocol or the variant.

    `lookback`, `every` and `horizon` are texts such as `10d` or a number of rows; `horizon` may also be several, such
    as `6h,12h,24h` or `1h..24h`. `train_stop` and `val_stop` are texts such as `2014-01-01`, `50%` or a row. All of
    these are parsed once the series, and so the time of its rows, is known. `quantiles` is a text such as `.1,.5,.9`.
    `inputs` and `exclude` are names of columns, with the wildcards `*` and `?`; `reading` says how a user's file is
    read.
    """

    variants: tuple[str, ...] = ()
    dataset: str = "jena"
    protocol: str = "book"
    seed: int = 0
    engine: str = AUTO
    cell: str | None = None
    epochs: int | None = None
    dropout: float | None = None
    recurrent_dropout: float | None = None
    target: str | None = None
    lookback: str | None = None
    every: str | None = None
    horizon: str | None = None
    train_stop: str | None = None
    val_stop: str | None = None
    batch_size: int | None = None
    steps_per_epoch: int | None = None
    units: int | None = None
    sentinels: str | None = None
    inputs: Sequence[str] = ()
    exclude: Sequence[str] = ()
    calendar: bool = False
    optimizer: str | None = None
    learning_rate: float | None = None
    loss: str | None = None
    quantiles: str | None = None
    clip_norm: float | None = None
    patience: int | None = None
    layout: str | None = None
    target_scale: str | None = None
    sampling: str | None = None
    best_by: str | None = None
    vary: str = ""
    origins: int = 1
    name: str = ""
    tags: Sequence[str] = ()
    note: str = ""
    reading: Reading = AS_FOUND

    def __post_init__(self) -> None:
        for field in ("inputs", "exclude", "tags"):
            value = getattr(self, field)
            object.__setattr__(self, field, (value,) if isinstance(value, str) else tuple(value))

    def with_seed(self, seed: int) -> "Request":
        """Return the same request for another seed."""
        return replace(self, seed=seed)


class Options(TypedDict, total=False):
    """The keyword arguments of `rdrop_cli.api`: the fields of a `Request` except its variants, dataset and seed."""

    protocol: str
    engine: str
    cell: str
    epochs: int
    dropout: float
    recurrent_dropout: float
    target: str
    lookback: str
    every: str
    horizon: str
    train_stop: str
    val_stop: str
    batch_size: int
    steps_per_epoch: int
    units: int
    sentinels: str
    inputs: Sequence[str]
    exclude: Sequence[str]
    calendar: bool
    optimizer: str
    learning_rate: float
    loss: str
    quantiles: str
    clip_norm: float
    patience: int
    layout: str
    target_scale: str
    sampling: str
    best_by: str
    vary: str
    name: str
    tags: Sequence[str]
    note: str


class RunOptions(Options, total=False):
    """The keyword arguments of `rdrop_cli.api.plan`, which configures one run."""

    seed: int


class StudyOptions(Options, total=False):
    """The keyword arguments of `rdrop_cli.api.train_seeds`, which takes the seeds separately."""

    origins: int


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of a text such as `0-4`, `1,3,5` or `0-2,7`, each once.

    Raises:
        UsageError: the text has another form, or there are too many seeds or too large ones.
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
    """Return one configuration per named variant; if none is named, for those that the edition trains.

    Lengths and the dataset's checksum are still the defaults; `fit_to_series` replaces them.

    Raises:
        UsageError: a name is unknown, an option concerns no named variant, or a value is out of range.
    """
    return plan_together([request])[0]


def plan_together(requests: Sequence[Request]) -> list[list[RunConfig]]:
    """Return what `plan_runs` does for each request; an option has to concern a variant of any of them."""
    wanted = [(request, _list_variants(request)) for request in requests]
    planned = [_plan(request, variants) for request, variants in wanted]
    for option, (concerns, fault) in _CONCERNS.items():
        asked = [variants for request, variants in wanted if _asks_for(request, option)]
        named = dict.fromkeys(variant for variants in asked for variant in variants)
        if named and not any(map(concerns, named)):
            raise UsageError(f"{', '.join(variant.name for variant in named)} {fault}", field=option)
    return planned


def _list_variants(request: Request) -> list[Variant]:
    names = request.variants or find_edition(request.protocol).trained
    return [find_variant(name) for name in dict.fromkeys(names)]


def _plan(request: Request, variants: Sequence[Variant]) -> list[RunConfig]:
    check_choices(request.seed, request.vary, request.engine)
    if request.cell is not None:
        check_cell_name(request.cell)
    edition = find_edition(request.protocol)
    protocol = _change_protocol(edition.protocol, request)
    return [_configure(variant, edition, protocol, request) for variant in variants]


# The options that do not concern every variant: which they do, and what is said of others alone.
_CONCERNS: dict[str, tuple[Callable[[Variant], object], str]] = {
    "dropout": (lambda variant: variant.dropout, "has no such rate; name a variant that drops"),
    "recurrent_dropout": (lambda variant: variant.recurrent_dropout, "has no such rate; name a variant that drops"),
    "epochs": (lambda variant: variant.is_network, "is no network and has no epochs; leave them out"),
    "vary": (lambda variant: variant.drops, "has no masks to vary; name a variant that drops"),
}


def _asks_for(request: Request, option: str) -> bool:
    return request.vary == "masks" if option == "vary" else getattr(request, option) is not None


def _change_protocol(protocol: Protocol, request: Request) -> Protocol:
    data, training = ("target", "sentinels", "calendar"), ("batch_size", "steps_per_epoch", "units")
    optimisation = ("optimizer", "learning_rate", "loss", "clip_norm", "patience")
    kind = ("layout", "target_scale", "sampling", "best_by")
    wanted = {name: getattr(request, name) for name in (*data, *training, *optimisation, *kind)}
    wanted |= _choose_quantiles(request)
    changed = replace(protocol, **{name: value for name, value in wanted.items() if value is not None})
    if request.steps_per_epoch is not None and changed.sampling == PASSES:
        raise UsageError(
            f"{request.steps_per_epoch} steps are no pass over all training windows",
            field="steps_per_epoch",
            change=[("sampling", "drawn")],
        )
    return changed


def _choose_quantiles(request: Request) -> dict[str, Any]:
    """Return the quantiles of a request, and the pinball loss to choose the best epoch unless it names another."""
    if request.quantiles is not None and request.loss != QUANTILE:
        received = f"only the loss {QUANTILE} forecasts them, received {request.quantiles!r}"
        raise UsageError(received, field="quantiles", change=[("loss", QUANTILE)])
    if request.loss != QUANTILE:
        return {}
    levels = QUANTILES if request.quantiles is None else parse_quantiles(request.quantiles)
    return {"quantiles": levels, "best_by": request.best_by or PINBALL}


def parse_quantiles(text: str) -> tuple[float, ...]:
    """Return the levels of a text such as `.1,.5,.9`, ascending, each once.

    Raises:
        UsageError: the text has another form, or does not include the median.
    """
    try:
        levels = sorted({float(part) for part in text.split(",")})
    except ValueError:
        levels = []
    if MEDIAN not in levels or not 0 < levels[0] <= levels[-1] < 1:
        raise ValueRefusedError(
            "quantiles", text, "levels between 0 and 1 such as .1,.5,.9, with the median among them"
        )
    return tuple(levels)


def _configure(variant: Variant, edition: Edition, protocol: Protocol, request: Request) -> RunConfig:
    if not variant.is_network:  # it is deterministic: one run for all seeds
        request = replace(request, seed=0, vary="", epochs=1, cell=None, engine=AUTO)
    # Everything that does not vary is as in the run of seed 0; if nothing varies, the run is that one.
    seed = 0 if request.vary == "masks" and not variant.drops else request.seed
    return RunConfig(
        variant=variant.name,
        seed=seed,
        vary=request.vary if seed else "",
        dropout=_choose_rate(variant.dropout, request.dropout),
        recurrent_dropout=_choose_rate(variant.recurrent_dropout, request.recurrent_dropout),
        epochs=edition.choose_epochs(variant) if request.epochs is None else request.epochs,
        protocol=protocol,
        dataset=request.dataset,
        dataset_sha256="",
        engine=request.engine,
        cell=variant.cell if request.cell is None else request.cell,
        reading=request.reading,
        name=request.name,
        tags=tuple(dict.fromkeys(request.tags)),
        note=request.note,
        lookback_rows=variant.lookback_rows if request.lookback is None else None,
        step_rows=variant.step_rows if request.every is None else None,
        code_sha256=hash_code(variant.maker) if variant.maker else "",
    )


def _choose_rate(default: float, wanted: float | None) -> float:
    """Return the wanted rate; a variant whose default is 0 does not have the rate, and keeps 0."""
    return default if wanted is None or default == 0 else wanted
