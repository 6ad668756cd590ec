"""The book's statements about speed, measured with Keras's defaults on this machine.

A claim is about the ratio of two rates. It holds if both quartiles over the rounds lie in its region, does not hold if
both lie outside on the same side, and is undecided otherwise. Claims that need a GPU are not measured without one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rdrop_cli.bench.compare import Spread, Team, make_ready
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.config import RunConfig

CPU, GPU, ANY = "cpu", "gpu", "any"


@dataclass(frozen=True)
class Way:
    """A network, and how Keras trains it.

    Attributes:
        implementation: `keras`, or `keras-unrolled`.
        device: `cpu` hides a GPU; `gpu` needs one; `any` uses a GPU if there is one.
    """

    request: Request
    implementation: str = "keras"
    device: str = ANY


@dataclass(frozen=True)
class SpeedClaim:
    """A statement of the book about the training rate of `faster` divided by that of `slower`.

    Attributes:
        region: the open interval of the ratio in which the statement is true.
    """

    id: str
    text: str
    editions: str
    faster: str
    slower: str
    region: tuple[float, float]


_DROPPED = Request(variants=("lstm-dropout",), protocol="book2", dataset="synthetic")
_PLAIN = replace(_DROPPED, dropout=0.0, recurrent_dropout=0.0)
WAYS = {  # the first way uses any device, and shows whether it is a GPU
    "with recurrent dropout": Way(_DROPPED),
    "lstm on the cpu": Way(_PLAIN, device=CPU),
    "lstm on the gpu": Way(_PLAIN, device=GPU),
    "with recurrent dropout on the gpu": Way(_DROPPED, device=GPU),
    "with recurrent dropout, unrolled": Way(_DROPPED, "keras-unrolled"),
    "gru": Way(Request(variants=("dropout",), dataset="synthetic")),
    "conv-gru": Way(Request(variants=("conv-gru",), dataset="synthetic")),
}
CLAIMS = (
    SpeedClaim(
        "gpu-not-faster",
        "a small recurrent network is not faster on a GPU than on a CPU",
        "2 and 3", "lstm on the gpu", "lstm on the cpu", (0.0, 1.0),
    ),
    SpeedClaim(
        "recurrent-dropout-slows-gpu",
        "recurrent dropout makes training on a GPU two to five times slower",
        "2 and 3", "lstm on the gpu", "with recurrent dropout on the gpu", (2.0, 5.0),
    ),
    SpeedClaim(
        "unrolling-is-faster",
        "unrolling the loop over time makes training with recurrent dropout faster",
        "2 and 3", "with recurrent dropout, unrolled", "with recurrent dropout", (1.0, math.inf),
    ),
    SpeedClaim(
        "conv-gru-is-faster",
        "convolutions before the GRU make training faster",
        "1", "conv-gru", "gru", (1.0, math.inf),
    ),
)  # fmt: skip


def measure_claims(
    data_dir: Path, cores: list[int], rounds: int, steps: int, note: Callable[[str], None]
) -> dict[str, Any]:
    """Train each way in turns, round by round, and return by claim the ratio of the rates and the verdict.

    Returns:
        `claims` by id, and `windows_per_second` by way; ways that need a GPU are left out if there is none.
    """
    with ExitStack() as stack:
        teams: dict[str, tuple[RunConfig, Team]] = {}
        has_gpu = False
        for name, way in WAYS.items():
            if way.device == GPU and not has_gpu:
                continue
            note(f"{name}: preparing")
            (config,) = plan_runs(way.request)
            team = stack.enter_context(make_ready(name, way.implementation, config, data_dir, [cores], way.device))
            has_gpu = has_gpu or team.ready[0]["gpu"]
            teams[name] = config, team
        rates: dict[str, list[float]] = {name: [] for name in teams}
        for number in range(rounds):
            for name, (config, team) in teams.items():
                rates[name].append(team.run("train", steps) * config.protocol.batch_size)
            note(f"round {number + 1} of {rounds}")
    return {
        "claims": {claim.id: judge_speed(claim, rates) for claim in CLAIMS},
        "windows_per_second": {name: vars(Spread.of(values)) for name, values in rates.items()},
    }


def judge_speed(claim: SpeedClaim, rates: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return a claim's ratio, from the rates of each round, and its verdict."""
    found: dict[str, Any] = {"text": claim.text, "editions": claim.editions, "ratio": None, "verdict": "not-measured"}
    if {claim.faster, claim.slower} <= rates.keys():
        ratio = Spread.of([one / other for one, other in zip(rates[claim.faster], rates[claim.slower], strict=True)])
        found |= {"ratio": vars(ratio), "verdict": _decide(ratio, claim.region)}
    return found


def _decide(ratio: Spread, region: tuple[float, float]) -> str:
    low, high = region
    if low < ratio.low and ratio.high < high:
        return "holds"
    return "does-not-hold" if ratio.high < low or ratio.low > high else "undecided"
