"""Compute from measured rates the ratios between implementations, and the projected time of the complete study."""

from typing import Any

from rdrop_cli.study.config import RunConfig

Race = dict[str, dict[str, Any]]  # by implementation, as `race` returns it


def summarise(races: dict[str, Race], configs: dict[str, RunConfig], windows: dict[str, int]) -> dict[str, Any]:
    """Return the races, the projected time of the study by implementation, and the ratios between implementations.

    Args:
        races: by variant, `baseline` and `dropout`.
        configs: of the study's runs, by variant.
        windows: number of validation and of test windows of the protocol.
    """
    seconds = {name: project_study_seconds(name, races, configs, windows) for name in ("book", "keras", "rdrop")}
    speedup: dict[str, Any] = {
        f"vs_{other}": {
            variant: _median(race, "rdrop", "train_steps_per_second") / _median(race, other, "train_steps_per_second")
            for variant, race in races.items()
        }
        for other in ("keras", "book")
    }
    speedup["measuring_vs_book"] = {
        variant: _median(race, "rdrop", "windows_per_second") / _median(race, "book", "windows_per_second")
        for variant, race in races.items()
    }
    speedup["side_by_side"] = {
        variant: _median(race, "rdrop", "train_steps_per_second")
        / _median(race, "rdrop_alone", "train_steps_per_second")
        for variant, race in races.items()
    }
    speedup["study_vs_book"] = seconds["book"] / seconds["rdrop"]
    speedup["study_vs_keras"] = seconds["keras"] / seconds["rdrop"]
    return {"races": races, "study_seconds": seconds, "speedup": speedup}


def project_study_seconds(
    name: str, races: dict[str, Race], configs: dict[str, RunConfig], windows: dict[str, int]
) -> float:
    """Return the seconds of the complete study: training, validation after each epoch and the test, for both variants.

    The book's way and Keras's defaults train one variant after the other, on all cores. rdrop trains them in parallel;
    when the shorter run has ended, the longer one gets its cores. It also measures the training error without dropout
    and the daily errors, which the others do not.
    """

    def alone(team: str, variant: str) -> float:
        """Return the seconds of a variant's run if all processes of the team run throughout."""
        config, result = configs[variant], races[variant][team]
        measured = config.epochs * windows["validation"] + windows["test"]
        if name == "rdrop":
            measured += config.epochs * config.protocol.train_windows_measured + windows["validation"]
        steps = config.epochs * config.protocol.steps_per_epoch
        seconds = steps / _rate(result, "train_steps_per_second") + measured / _rate(result, "windows_per_second")
        return float(result["processes"] * seconds)

    start = max(float(race[name]["first_step_seconds"]) for race in races.values())
    if name != "rdrop":
        return sum(start + alone(name, variant) for variant in races)
    shorter, longer = sorted(races, key=lambda variant: alone("rdrop", variant))
    side_by_side = alone("rdrop", shorter)
    rest = 1 - side_by_side / alone("rdrop", longer)
    return start + side_by_side + rest * alone("rdrop_alone", longer)


def _rate(result: dict[str, Any], key: str) -> float:
    return float(result[key]["median"])


def _median(race: Race, name: str, key: str) -> float:
    return _rate(race[name], key)
