"""`rdrop download`: download the Jena climate data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import note, warn_if_unverified
from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir, Quiet
from rdrop_cli.errors import DataError, UsageError, name_options
from rdrop_cli.files import to_json

if TYPE_CHECKING:
    from rdrop_cli.series.table import Series


def download(
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="PATH|URL", help="A local CSV or zip, or another address."),
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option("--example", metavar="FILE", help="Write a small made series of hourly load to FILE instead."),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch again what is already there; with --example, replace another file.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Download and verify the Jena climate dataset."""
    from rdrop_cli.cli.progress import show_download
    from rdrop_cli.series.jena import install_jena
    from rdrop_cli.series.quality import assess_quality

    if example:
        if as_json:
            raise UsageError("--example writes a file and has no JSON to print; remove --json")
        if source:
            raise UsageError("--example makes its series and fetches none; remove --from")
        from rdrop_cli.series.example import write_example

        typer.echo(f"{example}: {write_example(example, force)} rows of hourly load, made by rdrop and not measured")
        return
    series = None if source or force else _load_if_sound(data_dir)
    if series is None:
        with show_download() as on_progress:
            series = install_jena(source, data_dir, on_progress)
    warn_if_unverified(series.source)
    for line in assess_quality(series).describe(sentinels="keep"):
        note(name_options(line, name_flag))
    report = series.source.to_json()
    typer.echo(to_json(report) if as_json else f"{report['name']}: {report['rows']} rows, SHA-256 {report['sha256']}")


def _load_if_sound(data_dir: Path) -> "Series | None":
    """Return the installed dataset if it still has the checksum that was recorded when it was installed."""
    from rdrop_cli.series.jena import is_installed, load_jena

    if not is_installed(data_dir):
        return None
    try:
        series = load_jena(data_dir)
    except DataError as error:
        note(f"fetching again: {error}")
        return None
    note(f"already in {data_dir}; its checksum is the recorded one (--force fetches it again)")
    return series
