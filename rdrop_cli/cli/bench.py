"""`rdrop bench`: how fast this machine trains, against the book's code and Keras's defaults."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rdrop_cli.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir, Quiet
from rdrop_cli.files import to_json

IMPLEMENTATIONS = {
    "book": "book: a Python generator into fit",
    "keras": "Keras defaults: timeseries_dataset_from_array",
    "rdrop": "rdrop: a run on each core",
    "rdrop_alone": "rdrop: one run on all cores",
}


def bench(
    rounds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Rounds; every implementation runs once a round.")
    ] = 7,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Training steps a round.")] = 40,
    growth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measure how the time of a step grows with size instead; draw it to FILE."),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure training speed against the book's code and Keras.

    Trains at the book's size on the synthetic series, in turns, and compares medians over the rounds.
    """
    from rdrop_cli.bench.compare import race
    from rdrop_cli.bench.growth import measure_growth
    from rdrop_cli.bench.plot import draw_growth
    from rdrop_cli.bench.results import summarise
    from rdrop_cli.cli.console import note
    from rdrop_cli.planning.request import Request, plan_runs
    from rdrop_cli.plots.style import check_ending
    from rdrop_cli.series.load import load_dataset
    from rdrop_cli.series.windows import make_windows
    from rdrop_cli.system import list_cores

    series = load_dataset("synthetic", data_dir)
    configs = {config.variant: config for config in plan_runs(Request(dataset="synthetic"))}
    windows = make_windows(series, configs["baseline"].protocol)
    cores = list_cores()

    if growth is not None:
        check_ending(growth)
        measured = measure_growth(configs["dropout"], data_dir, cores, steps, note)
        draw_growth(measured, growth)
        typer.echo(to_json(measured) if as_json else str(growth))
        return
    races = {variant: race(config, data_dir, cores, rounds, steps, note) for variant, config in configs.items()}
    results = summarise(races, configs, {"validation": len(windows.validation), "test": len(windows.test)})
    results["machine"] = {"processor": _name_processor(), "cores": len(cores)}
    if as_json:
        typer.echo(to_json(results))
    else:
        _print_results(results)


def _name_processor() -> str:
    from platform import processor

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return processor() or "unknown"


def _print_results(results: dict[str, Any]) -> None:
    from rdrop_cli.cli.console import Column, print_lines, print_table

    columns = (
        Column("variant"),
        Column("implementation", wraps=True),
        Column("steps/s (quartiles)", right=True),
        Column("study min", right=True, optional=True),
        Column("windows/s (quartiles)", right=True, optional=True),
        Column("first step s", right=True, optional=True),
        Column("peak MB", right=True, optional=True),
    )
    rows = [
        (
            variant,
            text,
            _format_spread(race[name]["train_steps_per_second"]),
            f"{results['study_seconds'][name] / 60:.1f}" if name in results["study_seconds"] else "",
            _format_spread(race[name]["windows_per_second"]),
            f"{race[name]['first_step_seconds']:.1f}",
            f"{race[name]['peak_mb']:.0f}",
        )
        for variant, race in results["races"].items()
        for name, text in IMPLEMENTATIONS.items()
    ]
    print_table(columns, rows)
    print_lines(["", *_compare(results)])


def _compare(results: dict[str, Any]) -> Iterator[str]:
    """Yield how many times as fast rdrop is, and on what machine."""
    speedup = results["speedup"]
    for other, name in (("keras", "Keras's defaults"), ("book", "the book's code")):
        ratios = ", ".join(f"{variant} {ratio:.1f}" for variant, ratio in speedup[f"vs_{other}"].items())
        yield f"training: {ratios} times as fast as {name}"
    measuring = ", ".join(f"{variant} {ratio:.1f}" for variant, ratio in speedup["measuring_vs_book"].items())
    yield f"measuring errors: {measuring} times as fast as the book's code"
    yield (
        f"whole study: {speedup['study_vs_book']:.1f} times as fast as the book's code, "
        f"{speedup['study_vs_keras']:.1f} times as fast as Keras's defaults"
    )
    yield f"machine: {results['machine']['processor']}, {results['machine']['cores']} cores"


def _format_spread(spread: dict[str, float]) -> str:
    return f"{spread['median']:.1f} ({spread['low']:.1f}–{spread['high']:.1f})"
