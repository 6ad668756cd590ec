"""Compare the implementations: prepare each, then measure in turns, round by round, so noise affects all equally."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Any

from rdrop_cli.errors import RdropError
from rdrop_cli.study.config import RunConfig
from rdrop_cli.system import clean_environment

TEAMS = {  # the implementation, and whether it has one process per core, else one on all cores
    "book": ("book", False),
    "keras": ("keras", False),
    "rdrop": ("rdrop", True),
    "rdrop_alone": ("rdrop", False),
}
WORKER = [sys.executable, "-P", "-m", "rdrop_cli.bench.worker"]
WARM_UP_STEPS = 5
WINDOWS = 12_800  # measured per round: a hundred of the book's batches


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        return cls(middle, low, high)


@dataclass
class Team:
    """The processes of one implementation: one on all cores, or one per core, in parallel."""

    name: str
    processes: list["subprocess.Popen[str]"]
    ready: list[dict[str, Any]]
    train_rates: list[float] = field(default_factory=list)
    measure_rates: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def run(self, action: str, amount: int) -> float:
        """Have all processes do `amount` each, in parallel; return their total amount per second."""
        return sum(amount / float(answer["seconds"]) for answer in self._order(action, amount))

    def spend(self, action: str, amount: int) -> float:
        """Have all processes do `amount` each; return the CPU seconds per unit of their main threads, summed."""
        return sum(float(answer["cpu_seconds"]) for answer in self._order(action, amount)) / amount

    def _order(self, action: str, amount: int) -> list[dict[str, Any]]:
        for process in self.processes:
            _send(process, [action, amount])
        answers = [receive(process) for process in self.processes]
        self.peak_mb = sum(answer["peak_mb"] for answer in answers)
        return answers

    def summarise(self) -> dict[str, Any]:
        """Return medians and quartiles; rates are totals over the team's processes."""
        return {
            "processes": len(self.processes),
            "engine": self.ready[0]["engine"],
            "train_steps_per_second": vars(Spread.of(self.train_rates)),
            "windows_per_second": vars(Spread.of(self.measure_rates)),
            "first_step_seconds": median(answer["first_step_seconds"] for answer in self.ready),
            "peak_mb": self.peak_mb,
        }


def race(
    config: RunConfig, data_dir: Path, cores: list[int], rounds: int, steps: int, note: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Compare the implementations on one variant; return the rates, the time to the first step and the memory of each.

    The book's way and Keras's defaults get one process on all cores. rdrop gets one process per core, as with `--jobs`,
    and in a separate turn one process on all cores, as in a single run.
    """
    with ExitStack() as stack:
        teams = []
        for name, (implementation, one_a_core) in TEAMS.items():
            note(f"{config.variant}: preparing {name}")
            shares = [[core] for core in cores] if one_a_core else [cores]
            teams.append(stack.enter_context(make_ready(name, implementation, config, data_dir, shares)))
        for number in range(rounds):
            for team in teams:
                team.train_rates.append(team.run("train", steps))
            for team in teams:
                team.measure_rates.append(team.run("measure", WINDOWS))
            rates = ", ".join(f"{team.name} {team.train_rates[-1]:.1f}" for team in teams)
            note(f"{config.variant}: round {number + 1} of {rounds}, steps a second: {rates}")
        return {team.name: team.summarise() for team in teams}


@contextmanager
def make_ready(
    name: str, implementation: str, config: RunConfig, data_dir: Path, shares: list[list[int]], device: str = "any"
) -> Iterator[Team]:
    """Start an implementation's processes one after the other, so that each runs alone until its first step.

    With the device `cpu` they see no GPU.
    """
    with ExitStack() as stack:
        processes, ready = [], []
        for cores in shares:
            order = make_order(implementation, config, data_dir, cores) | {"device": device}
            processes.append(stack.enter_context(start_process(WORKER, order)))
            ready.append(receive(processes[-1]))
        team = Team(name, processes, ready)
        team.run("train", WARM_UP_STEPS)
        team.run("measure", WINDOWS)
        yield team


def make_order(implementation: str, config: RunConfig, data_dir: Path, cores: list[int]) -> dict[str, Any]:
    """Return the first message to a process of `WORKER`."""
    order = {"implementation": implementation, "config": config.to_json(), "data_dir": str(data_dir)}
    return order | {"cores": cores}


@contextmanager
def start_process(
    command: list[str], order: dict[str, Any], stderr: IO[str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Start a process and send it its order; kill it at the end of the block."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=clean_environment(), text=True
    )
    try:
        _send(process, order)
        yield process
    finally:
        process.kill()
        process.communicate()


def _send(process: "subprocess.Popen[str]", value: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(value) + "\n")
    process.stdin.flush()


def receive(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return a process's next answer.

    Raises:
        RdropError: the process has ended.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RdropError(f"a process of the benchmark ended with code {process.wait()}; its output is above")
    answer: dict[str, Any] = json.loads(line)
    return answer
