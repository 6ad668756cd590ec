"""Compare rdrop with its peers by network: prepare all, then measure in turns, so noise affects all equally."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from rdrop_cli.bench import peer_worker
from rdrop_cli.bench.compare import WARM_UP_STEPS, WORKER, Spread, Team, make_order, receive, start_process
from rdrop_cli.bench.networks import can_compute, describe_network, find_omission
from rdrop_cli.bench.peers import Peer, make_environment
from rdrop_cli.errors import RdropError
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig

OURS = "rdrop"
TRAINING, PREDICTION = "train_steps_per_second", "windows_per_second"


@dataclass(frozen=True)
class Amounts:
    """The amount to measure: rounds, and the training steps and windows to predict in each."""

    rounds: int
    steps: int
    windows: int


@dataclass(frozen=True)
class Competitor:
    """A participant in a race.

    Attributes:
        python: of its own environment; None for rdrop's.
        without: the parts of the network that it leaves out.
    """

    name: str
    python: Path | None = None
    without: str = ""


class Comparison:
    """Races rdrop and its peers, each in one process on all cores. One that fails is dropped, and the others continue.

    Attributes:
        failures: one line per failure.
    """

    def __init__(self, data_dir: Path, cores: list[int], amounts: Amounts, note: Callable[[str], None]) -> None:
        self._data_dir, self._cores, self._amounts, self._note = data_dir, cores, amounts, note
        self.failures: list[str] = []

    def compare(
        self, configs: Sequence[RunConfig], peers: Sequence[Peer], windows: Windows, cache_dir: Path
    ) -> dict[str, Any]:
        """Return, by network, the rates of each competitor and how many times as fast rdrop is.

        Args:
            windows: of the protocol that all configurations share.
            cache_dir: where the peers' environments are kept.
        """
        pythons = self._find_pythons(peers, cache_dir)
        networks: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as folder:
            readings = _write_readings(windows, Path(folder))
            start = time.monotonic()
            for number, config in enumerate(configs):
                minutes = (time.monotonic() - start) / 60 / number * (len(configs) - number) if number else None
                time_left = "" if minutes is None else f", about {minutes:.0f} min left"
                self._note(f"{config.label}: network {number + 1} of {len(configs)}{time_left}")
                able = [peer for peer in peers if peer.name in pythons and can_compute(peer, config)]
                competitors = [Competitor(peer.name, pythons[peer.name], find_omission(peer, config)) for peer in able]
                rates = self._race(config, [*competitors, Competitor(OURS)], readings)
                networks[config.label] = {"competitors": rates, "ratios": compute_ratios(rates)}
        return networks

    def _find_pythons(self, peers: Sequence[Peer], cache_dir: Path) -> dict[str, Path | None]:
        """Make the environments and return each peer's Python, None for rdrop's own."""
        pythons: dict[str, Path | None] = {}
        for peer in peers:
            try:
                pythons[peer.name] = make_environment(peer, cache_dir, self._note) if peer.requirements else None
            except (RdropError, OSError) as error:
                self._fail(peer.name, error)
        return pythons

    def _race(
        self, config: RunConfig, competitors: Sequence[Competitor], readings: dict[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """Return the rates of one network by competitor; all start at once because the start is not measured."""
        with ExitStack() as stack:
            logs = {each.name: stack.enter_context(tempfile.TemporaryFile("w+")) for each in competitors}
            teams = {each.name: Team(each.name, [], []) for each in competitors}

            def for_each(act: Callable[[Team], object]) -> None:
                for team in list(teams.values()):
                    try:
                        act(team)
                    except (RdropError, OSError) as error:
                        del teams[team.name]
                        self._fail(f"{config.label}, {team.name}", _read_last_line(logs[team.name]) or error)

            def start(team: Team) -> None:
                competitor = next(each for each in competitors if each.name == team.name)
                process = self._start(competitor, config, readings, logs[team.name])
                team.processes.append(stack.enter_context(process))

            for_each(start)
            for_each(lambda team: team.ready.append(receive(team.processes[0])))
            for_each(lambda team: team.run("train", WARM_UP_STEPS))
            for_each(lambda team: team.run("measure", self._amounts.windows))
            for number in range(self._amounts.rounds):
                for_each(lambda team: team.train_rates.append(team.run("train", self._amounts.steps)))
                for_each(lambda team: team.measure_rates.append(team.run("measure", self._amounts.windows)))
                rates = ", ".join(f"{name} {team.train_rates[-1]:.1f}" for name, team in teams.items())
                self._note(f"  round {number + 1} of {self._amounts.rounds}, steps a second: {rates}")
        return {
            each.name: {
                TRAINING: vars(Spread.of(teams[each.name].train_rates)),
                PREDICTION: vars(Spread.of(teams[each.name].measure_rates)),
                "without": each.without,
            }
            for each in competitors
            if each.name in teams
        }

    def _start(
        self, competitor: Competitor, config: RunConfig, readings: dict[str, Any], log: IO[str]
    ) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Return a context with a competitor's process, in its own environment or in rdrop's."""
        order = make_order(competitor.name, config, self._data_dir, self._cores)
        if competitor.python is None:
            return start_process(WORKER, order, log)
        order |= readings | {"network": describe_network(config), "batch_size": config.protocol.batch_size}
        return start_process([str(competitor.python), "-I", peer_worker.__file__], order, log)

    def _fail(self, what: str, reason: object) -> None:
        self.failures.append(f"{what}: {reason}")
        self._note(f"failed: {self.failures[-1]}")


def compute_ratios(rates: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return, by kind of rate, how many times as fast rdrop is as Keras's defaults and as the fastest peer.

    Peers that leave out part of the network do not count. Ratios that were not measured are missing.
    """
    ratios: dict[str, dict[str, float]] = {}
    for kind in (TRAINING, PREDICTION):
        medians = {name: each[kind]["median"] for name, each in rates.items() if not each["without"]}
        ours = medians.pop(OURS, None)
        others = {"keras": medians.get("keras"), "fastest_peer": max(medians.values(), default=None)}
        ratios[kind] = {name: ours / other for name, other in others.items() if ours and other}
    return ratios


def _write_readings(windows: Windows, folder: Path) -> dict[str, Any]:
    """Write the standardised readings for peers without rdrop; return the part of the order that describes windows."""
    np.save(folder / "matrix.npy", windows.matrix)
    np.save(folder / "target.npy", windows.target)
    return {
        "folder": str(folder),
        "offsets": windows.offsets.tolist(),
        "target_offset": windows.target_offset,
        "train": [windows.train.start, windows.train.stop],
        "validation": [int(windows.validation[0]), int(windows.validation[-1]) + 1],
    }


def _read_last_line(log: IO[str]) -> str:
    log.seek(0)
    return next((line.strip() for line in reversed(log.readlines()) if line.strip()), "")
