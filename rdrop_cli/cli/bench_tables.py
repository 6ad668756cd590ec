"""Tables of the measurements of `rdrop bench`."""

from collections.abc import Iterator
from typing import Any

from rdrop_cli.cli.console import Column, print_lines, print_table
from rdrop_cli.study.units import format_count

LABELS = {
    "book": "book: a Python generator into fit",
    "keras": "Keras defaults: timeseries_dataset_from_array",
    "rdrop": "rdrop: a run on each core",
    "rdrop_alone": "rdrop: one run on all cores",
}


def print_results(results: dict[str, Any]) -> None:
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
        for name, text in LABELS.items()
    ]
    print_table(columns, rows)
    print_lines(["", *_compare(results)])


def _compare(results: dict[str, Any]) -> Iterator[str]:
    """Yield lines on how many times as fast rdrop is, and on the machine."""
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
    yield f"machine: {results['machine']['processor']}, {format_count(results['machine']['cores'], 'core')}"


def print_floors(measured: dict[str, Any]) -> None:
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


def print_claims(measured: dict[str, Any]) -> None:
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
    print_lines(
        ["", f"machine: {measured['machine']['processor']}, {format_count(measured['machine']['cores'], 'core')}"]
    )


def print_together(measured: dict[str, Any]) -> None:
    machine = measured["machine"]
    kernel = f"kernel, one run on {format_count(machine['cores'], 'core')}"
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


def print_study(measured: dict[str, Any]) -> None:
    trained = ", ".join(f"{variant} {format_count(epochs, 'epoch')}" for variant, epochs in measured["epochs"].items())
    seconds = measured["seconds"]
    print_lines(
        [
            f"{trained}: rdrop {seconds['rdrop']:.0f} s, the book's code {seconds['book']:.0f} s: "
            f"{measured['times_as_fast']:.1f} times as fast"
        ]
    )


def _format_spread(spread: dict[str, float], digits: int = 1) -> str:
    return f"{spread['median']:.{digits}f} ({spread['low']:.{digits}f}–{spread['high']:.{digits}f})"
