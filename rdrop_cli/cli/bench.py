"""`rdrop bench`: training speed on this machine, against the book's code, Keras's defaults and other libraries."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rdrop_cli.cli.bench_tables import print_claims, print_floors, print_results, print_study, print_together
from rdrop_cli.cli.console import note
from rdrop_cli.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir, Quiet, make_output_option
from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.files import to_json
from rdrop_cli.system import list_cores

ROUNDS, STEPS = 7, 40

Result = tuple[dict[str, Any], Callable[[dict[str, Any]], None]]  # the measurements, and the function that prints them


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
        make_output_option("Measure how the time of a step grows with size instead; draw it to FILE.", "--growth"),
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

    return measure_study(data_dir, epochs, note), print_study


def _bench_floors(data_dir: Path, rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.floor import list_all_networks, measure_floors

    floors = measure_floors(list_all_networks(), data_dir, list_cores()[0], rounds, steps, note)
    return {"networks": floors}, print_floors


def _bench_claims(data_dir: Path, rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.claims import measure_claims

    return measure_claims(data_dir, list_cores(), rounds, steps, note), print_claims


def _bench_together(data_dir: Path, counts: Sequence[int], rounds: int, steps: int) -> Result:
    from rdrop_cli.bench.networks import make_synthetic_windows, plan_study
    from rdrop_cli.bench.together import measure_together

    windows = make_synthetic_windows(data_dir)
    return measure_together(plan_study()["dropout"], windows, counts, rounds, steps, note), print_together


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
    return summarise(races, configs, {"validation": len(windows.validation), "test": len(windows.test)}), print_results


def _check_options(modes: dict[str, Any], of_all: Any, of_study: Any) -> None:
    """Check that at most one mode is chosen, and that every option has an effect.

    Raises:
        UsageError: modes exclude each other, or an option needs another mode.
    """
    chosen = [f"‹{name}›" for name, wanted in modes.items() if wanted]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other; pass one of them")
    if of_all and not modes["all"]:
        raise UsageError("‹peers› and ‹markdown› need ‹all›")
    if of_study and not modes["study"]:
        raise UsageError("‹epochs› needs ‹study›")


def _parse_counts(text: str) -> list[int]:
    """Read numbers of runs such as `1,16,64`.

    Raises:
        UsageError: a part is not an integer of at least 1.
    """
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ValueRefusedError("together", text, "numbers of runs such as 1,16,64")
    return [int(part) for part in parts]


def _name_processor() -> str:
    from platform import processor

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return processor() or "unknown"
