"""`rdrop bench`: how fast this machine trains, against the book's code, Keras's defaults and other libraries."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table
from rdrop_cli.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir, Quiet
from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.files import to_json
from rdrop_cli.system import list_cores

IMPLEMENTATIONS = {
    "book": "book: a Python generator into fit",
    "keras": "Keras defaults: timeseries_dataset_from_array",
    "rdrop": "rdrop: a run on each core",
    "rdrop_alone": "rdrop: one run on all cores",
}
ROUNDS, STEPS = 7, 40

Result = tuple[dict[str, Any], Callable[[dict[str, Any]], None]]  # what was measured, and what prints it


def bench(
    rounds: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Rounds; every implementation runs once a round. [default: 7; with --all 3]"
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Training steps a round. [default: 40; with --all 30]"),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Compare every recurrent network with Keras, XLA, JAX and PyTorch instead.")
    ] = False,
    peers: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --all: keras, xla, jax or torch; repeatable. [default: all]"),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --all: print tables in Markdown.")] = False,
    study: Annotated[
        bool, typer.Option("--study", help="Train the whole study by the book's code and by rdrop instead: hours.")
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="With --study: epochs of both networks. [default: 20 and 40]"),
    ] = None,
    floor: Annotated[
        bool,
        typer.Option("--floor", help="Compare a step of every network with the time of its bare arithmetic instead."),
    ] = False,
    together: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Measure a step of so many runs together by JAX instead, such as 1,16,64."),
    ] = None,
    growth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measure how the time of a step grows with size instead; draw it to FILE."),
    ] = None,
    claims: Annotated[
        bool, typer.Option("--claims", help="Judge what the book says about speed instead, by Keras's defaults.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure training speed against the book's code and Keras.

    Trains at the book's size on the synthetic series, in turns, and compares medians over the rounds.
    """
    _check_options(
        {"all": everything, "study": study, "floor": floor, "together": together, "growth": growth, "claims": claims},
        peers or markdown,
        epochs,
    )
    from rdrop_cli.cli.bench_all import compare_all

    machine = {"processor": _name_processor(), "cores": len(list_cores())}
    if everything:
        compare_all(data_dir, peers or [], rounds, steps, machine, as_json, markdown)
        return
    rounds, steps = rounds or ROUNDS, steps or STEPS
    if study:
        measured, show = _bench_study(data_dir, epochs)
    elif floor:
        measured, show = _bench_floors(data_dir, rounds, steps)
    elif claims:
        measured, show = _bench_claims(data_dir, rounds, steps)
    elif together is not None:
        measured, show = _bench_together(data_dir, _parse_counts(together), rounds, steps)
    elif growth is not None:
        measured, show = _bench_growth(data_dir, growth, steps)
    else:
        measured, show = _bench_book(data_dir, rounds, steps)
    measured["machine"] = machine
    if as_json:
        typer.echo(to_json(measured))
    else:
        show(measured)


def _bench_study(data_dir: Path, epochs: int | None) -> Result:
    from rdrop_cli.bench.whole_study import measure_study

    return measure_study(data_dir, epochs, note), lambda measured: typer.echo(_describe_study(measured))


def _bench_floors(data_dir: Path, rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.floor import list_all_networks, measure_floors

    floors = measure_floors(list_all_networks(), data_dir, list_cores()[0], rounds, steps, note)
    return {"networks": floors}, _print_floors


def _bench_claims(data_dir: Path, rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.claims import measure_claims

    return measure_claims(data_dir, list_cores(), rounds, steps, note), _print_claims


def _bench_together(data_dir: Path, counts: Sequence[int], rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.networks import make_synthetic_windows, plan_study
    from rdrop_cli.bench.together import measure_together

    windows = make_synthetic_windows(data_dir)
    return measure_together(plan_study()["dropout"], windows, counts, rounds, steps, note), _print_together


def _bench_growth(data_dir: Path, path: Path, steps: int) -> Result:
    from rdrop_cli.bench.growth import measure_growth
    from rdrop_cli.bench.networks import plan_study
    from rdrop_cli.bench.plot import draw_growth
    from rdrop_cli.plots.style import check_ending

    check_ending(path)
    measured = measure_growth(plan_study()["dropout"], data_dir, list_cores(), steps, note)
    draw_growth(measured, path)
    return measured, lambda measured: typer.echo(str(path))


def _bench_book(data_dir: Path, rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.compare import race
    from rdrop_cli.bench.networks import make_synthetic_windows, plan_study
    from rdrop_cli.bench.results import summarise

    configs = plan_study()
    windows = make_synthetic_windows(data_dir)
    races = {name: race(config, data_dir, list_cores(), rounds, steps, note) for name, config in configs.items()}
    return summarise(races, configs, {"validation": len(windows.validation), "test": len(windows.test)}), _print_results


def _check_options(modes: dict[str, Any], of_all: Any, of_study: Any) -> None:
    """Check that at most one thing is to be measured, and that no option is without effect.

    Raises:
        UsageError: it is not so.
    """
    chosen = [f"<{name}>" for name, wanted in modes.items() if wanted]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other; pass one of them")
    if of_all and not modes["all"]:
        raise UsageError("<peers> and <markdown> need <all>")
    if of_study and not modes["study"]:
        raise UsageError("<epochs> needs <study>")


def _parse_counts(text: str) -> list[int]:
    """Read numbers of runs such as `1,16,64`.

    Raises:
        UsageError: they are no numbers of at least 1.
    """
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ValueRefusedError("together", text, "numbers of runs such as 1,16,64")
    return [int(part) for part in parts]


def _print_together(measured: dict[str, Any]) -> None:
    machine = measured["machine"]
    kernel = f"kernel, one run on {machine['cores']} cores"
    columns = (
        Column("runs together"),
        Column("step ms (quartiles)", right=True),
        Column("step and run ms", right=True),
    )
    rows = [
        (
            kernel if name == "kernel" else name,
            _format_spread(spread),
            f"{spread['median'] / (1 if name == 'kernel' else int(name)):.2f}",
        )
        for name, spread in measured["step_ms"].items()
    ]
    print_table(columns, rows)
    print_lines(["", f"JAX on {measured['device']}; machine: {machine['processor']}"])


def _describe_study(measured: dict[str, Any]) -> str:
    trained = ", ".join(f"{variant} {epochs} epochs" for variant, epochs in measured["epochs"].items())
    seconds = measured["seconds"]
    return (
        f"{trained}: rdrop {seconds['rdrop']:.0f} s, the book's code {seconds['book']:.0f} s: "
        f"{measured['times_as_fast']:.1f} times as fast"
    )


def _name_processor() -> str:
    from platform import processor

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return processor() or "unknown"


def _print_floors(measured: dict[str, Any]) -> None:
    columns = (
        Column("network"),
        Column("step ms", right=True),
        Column("floor ms", right=True),
        Column("times the floor (quartiles)", right=True),
        Column("engine", optional=True),
    )
    rows = [
        (
            network,
            f"{each['step_ms']['median']:.2f}",
            f"{each['floor_ms']['median']:.2f}",
            _format_spread(each["times_the_floor"], digits=2),
            each["engine"],
        )
        for network, each in measured["networks"].items()
    ]
    print_table(columns, rows)
    print_lines(["", f"machine: {measured['machine']['processor']}, one core"])


def _print_claims(measured: dict[str, Any]) -> None:
    from rdrop_cli.report.words import VERDICTS

    columns = (
        Column("claim", wraps=True),
        Column("edition", optional=True),
        Column("times as fast (quartiles)", right=True),
        Column("verdict"),
    )
    rows = [
        (
            claim["text"],
            claim["editions"],
            _format_spread(claim["ratio"], digits=2) if claim["ratio"] else "–",
            VERDICTS.get(claim["verdict"], "needs a GPU"),
        )
        for claim in measured["claims"].values()
    ]
    print_table(columns, rows)
    print_lines(["", f"machine: {measured['machine']['processor']}, {measured['machine']['cores']} cores"])


def _print_results(results: dict[str, Any]) -> None:
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


def _format_spread(spread: dict[str, float], digits: int = 1) -> str:
    return f"{spread['median']:.{digits}f} ({spread['low']:.{digits}f}–{spread['high']:.{digits}f})"
