"""Claims on the intervals of forecasts, for any network with dropout whose intervals were measured.

No book makes them: they are claims of this program on its own intervals. `rdrop calibrate` measures the intervals on
the test period that the run folders keep. Too narrow and calibrated exclude each other: intervals are calibrated if
their coverage is within five points of 80 %. An error below five points would not change what a user decides.

What was known when these rules were fixed: the coverage of three seeds together on the data of the study and of the
demo (docs/forecast.md); nothing about single runs, which are judged here.
"""

from rdrop_cli.analysis.by_day import ByDay
from rdrop_cli.analysis.claims import Claim, Region
from rdrop_cli.analysis.questions import Question, Runs
from rdrop_cli.errors import DataError

SLACK = 0.05  # five points
MASKS, RESIDUAL = "masks", "masks,residual"
SPLIT, ADAPTIVE = f"{RESIDUAL},conformal", f"{RESIDUAL},adaptive-conformal"


def claim_intervals(variant: str) -> tuple[Claim, ...]:
    """Return the claims on the intervals of a network with dropout."""
    return (
        Claim(
            "dropout-intervals-narrow",
            "Intervals from dropout alone are too narrow: those of 80 % contain fewer than 75 % of the targets",
            ask_coverage(variant, MASKS),
            lambda margin: Region(high=-SLACK),
        ),
        Claim(
            "residual-intervals-true",
            "With the residual they are true: those of 80 % contain 75 to 85 % of the targets",
            ask_coverage(variant, RESIDUAL),
            _within_slack,
        ),
        Claim(
            "conformal-intervals-true",
            "Split conformal intervals are true",
            ask_coverage(variant, SPLIT),
            _within_slack,
            other_reading=("conformal could also mean adaptive intervals, which are judged as adaptive-intervals-true"),
        ),
        Claim(
            "adaptive-intervals-true",
            "Adaptive conformal intervals are true",
            ask_coverage(variant, ADAPTIVE),
            _within_slack,
        ),
    )


def ask_coverage(variant: str, sources: str) -> Question:
    """Ask by how much the coverage of one run's 80 % intervals exceeds 80 %."""
    return Question(
        f"coverage-of-{sources} {variant}",
        (variant,),
        f"the share of the test's targets in {variant}'s intervals of 80 % from {sources}, minus 80 %",
        lambda runs: _measure_excess(runs, sources),
        in_points=True,
        by_day=lambda runs: _find_days(runs, sources),
        least_epochs=1,
    )


def _within_slack(margin: float) -> Region:
    return Region(-SLACK, SLACK)


def _measure_excess(runs: Runs, sources: str) -> float:
    excess = _find_days(runs, sources)
    return float(excess.values @ excess.windows / excess.windows.sum())


def _find_days(runs: Runs, sources: str) -> ByDay:
    if runs[0].coverage is None:
        raise DataError(f"{runs[0]}: the coverage of its intervals was not measured")
    return runs[0].coverage.measure_excess(sources)
