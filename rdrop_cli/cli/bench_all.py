"""`rdrop bench --all`: rdrop and other libraries, as tables for the terminal or in Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from rdrop_cli.errors import RdropError
from rdrop_cli.files import to_json
from rdrop_cli.study.units import format_count

ROUNDS, STEPS, WINDOWS = 3, 30, 6_400
TABLES = {"train_steps_per_second": "training steps a second", "windows_per_second": "predicted windows a second"}


def compare_all(
    data_dir: Path,
    peers: Sequence[str],
    rounds: int | None,
    steps: int | None,
    machine: dict[str, Any],
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Compare the speed of rdrop and its peers on all networks, with the synthetic series, and print the tables.

    Raises:
        RdropError: a measurement failed; raised after the tables are printed.
    """
    from rdrop_cli.bench.networks import list_networks, make_synthetic_windows
    from rdrop_cli.bench.peers import find_peers
    from rdrop_cli.bench.side_by_side import Amounts, Comparison
    from rdrop_cli.cache import find_cache_folder
    from rdrop_cli.cli.console import note
    from rdrop_cli.system import list_cores

    chosen, amounts = find_peers(peers), Amounts(rounds or ROUNDS, steps or STEPS, WINDOWS)
    comparison = Comparison(data_dir, list_cores(), amounts, note)
    windows = make_synthetic_windows(data_dir)
    measured = comparison.compare(list_networks(), chosen, windows, find_cache_folder() / "peers")
    results = {
        **vars(amounts),
        "peers": {peer.name: {"summary": peer.summary, "requirements": peer.requirements} for peer in chosen},
        "networks": measured,
        "failures": comparison.failures,
        "machine": machine,
    }
    if as_json:
        typer.echo(to_json(results))
    elif as_markdown:
        typer.echo("\n".join(_write_markdown(results)))
    else:
        _print_tables(results)
    if comparison.failures:
        raise RdropError(f"{len(comparison.failures)} failed: {'; '.join(comparison.failures)}")


def _print_tables(results: dict[str, Any]) -> None:
    """Print the medians only, which fit into 80 columns."""
    from rdrop_cli.cli.console import Column, print_lines, print_table

    for rate, title in TABLES.items():
        print_lines([title])
        heads, *rows = _list_rows(results, rate, quartiles=False)
        print_table([Column(head, right=bool(place)) for place, head in enumerate(heads)], rows)
        print_lines([""])
    print_lines(_describe(results))


def _write_markdown(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables, with medians and quartiles, and the notes on them."""
    for rate, title in TABLES.items():
        heads, *rows = _list_rows(results, rate, quartiles=True)
        yield f"| {' | '.join([title, *heads[1:]])} |"
        yield f"|---|{'---|' * (len(heads) - 1)}"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""
    yield " ".join(_describe(results))


def _list_rows(results: dict[str, Any], rate: str, *, quartiles: bool) -> Iterator[list[str]]:
    """Yield the header, then a row for each network; `–` if there is no measurement."""
    from rdrop_cli.bench.peers import PEERS
    from rdrop_cli.bench.side_by_side import OURS

    yield ["network", OURS, *(PEERS[name].label for name in results["peers"]), "× Keras", "× best"]
    for label, network in results["networks"].items():
        measured = (network["competitors"].get(name) for name in (OURS, *results["peers"]))
        ratios = (network["ratios"][rate].get(other) for other in ("keras", "fastest_peer"))
        yield [
            label,
            *(_format_rate(each and each[rate], each and each["without"], quartiles) for each in measured),
            *("–" if ratio is None else f"{ratio:.1f}" for ratio in ratios),
        ]


def _format_rate(spread: dict[str, float] | None, without: str | None, quartiles: bool) -> str:
    if spread is None:
        return "–"
    digits = 1 if spread["median"] < 1000 else 0
    median, low, high = (f"{spread[name]:,.{digits}f}" for name in ("median", "low", "high"))
    return f"{median}{'*' if without else ''}{f' ({low}–{high})' if quartiles else ''}"


def _describe(results: dict[str, Any]) -> Iterator[str]:
    """Yield the notes below the tables: what competitors lack, the rounds, steps and windows, and the machine."""
    from rdrop_cli.bench.peers import PEERS

    marked: dict[str, list[str]] = {}
    for label, network in results["networks"].items():
        for name, competitor in network["competitors"].items():
            if competitor["without"]:
                marked.setdefault(f"{PEERS[name].label} without {competitor['without']}", []).append(label)
    for what, labels in marked.items():
        yield f"* {what}: {', '.join(labels)}; not among the best."
    rounds, steps = format_count(results["rounds"], "round"), format_count(results["steps"], "step")
    yield f"Medians of {rounds} of {steps} and {results['windows']:,} windows."
    yield f"Machine: {results['machine']['processor']}, {format_count(results['machine']['cores'], 'core')}."
