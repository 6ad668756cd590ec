"""The sources of the uncertainty of a forecast, by name."""

from dataclasses import astuple, dataclass

from rdrop_cli.errors import UsageError, suggest

QUANTILES, MASKS, SEEDS, RESIDUAL = "quantiles", "masks", "seeds", "residual"
CONFORMAL, ADAPTIVE = "conformal", "adaptive-conformal"
NONE = "none"
NAMES = {
    QUANTILES: "what a network with the loss quantile forecasts itself",
    MASKS: "dropout at prediction: other masks give other forecasts",
    SEEDS: "the runs of a network: other seeds give other forecasts",
    RESIDUAL: "what forecasts missed on the validation windows, less what masks and seeds explain of it",
    CONFORMAL: "intervals widened or narrowed until they hold on the validation windows",
    ADAPTIVE: "the same, and corrected by every target that has become known since",
}


@dataclass(frozen=True)
class Sources:
    """The sources of an interval; without any, there is only the forecast."""

    quantiles: bool = False
    masks: bool = False
    seeds: bool = False
    residual: bool = False
    conformal: bool = False
    adaptive: bool = False

    @property
    def calibrates(self) -> bool:
        """Whether validation windows are needed."""
        return self.residual or self.conformal or self.adaptive

    @property
    def has_intervals(self) -> bool:
        return self != Sources()

    def __str__(self) -> str:
        chosen = zip(NAMES, astuple(self), strict=True)
        return ",".join(name for name, wanted in chosen if wanted) or NONE


def parse_sources(text: str) -> Sources:
    """Return the sources of `masks,seeds,residual`, or `none`.

    Raises:
        UsageError: a source is unknown, or two exclude each other.
    """
    chosen = {name.strip() for name in text.split(",")}
    if unknown := sorted(chosen - {NONE, *NAMES}):
        raise UsageError(f"no source {unknown[0]!r}; {suggest(unknown[0], NAMES)}", field="uncertainty")
    if NONE in chosen and len(chosen) > 1:
        raise UsageError(f"{NONE} excludes all others; received {text!r}", field="uncertainty")
    if {CONFORMAL, ADAPTIVE} <= chosen:
        raise UsageError(f"{CONFORMAL} and {ADAPTIVE} exclude each other; name one", field="uncertainty")
    return Sources(*(name in chosen for name in NAMES))
