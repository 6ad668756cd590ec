"""What was found of each release, kept in docs/releases.csv, and written as tables into docs/releases.md."""

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from docs.release_families import FAMILIES

DOCS = Path(__file__).parent
DATA, PAGE = DOCS / "releases.csv", DOCS / "releases.md"
START, END = "<!-- written by `make releases` -->\n", "<!-- end -->\n"
IDENTITY = ("family", "release", "backend", "layer", "dropout", "recurrent_dropout")
SHOWN = ("method", "masks", "rates", "inference", "fused")
FOUND = ("method", "error", "masks", "rates", "active", "inference", "fused", "differs")

Row = dict[str, str]


def read_rows() -> list[Row]:
    """Return what was found before."""
    if not DATA.exists():
        return []
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(rows: list[Row]) -> None:
    """Write what was found, family by family, oldest release first."""
    families = [family.name for family in FAMILIES]
    rows = sorted(rows, key=lambda row: (families.index(row["family"]), order_release(row["release"])))
    written = DATA.with_suffix(".part")
    with written.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*IDENTITY, *FOUND], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    written.replace(DATA)


def order_release(release: str) -> list[int]:
    """Return a release's numbers, by which releases are sorted."""
    return [int(part) for part in release.replace(" ", ".").split(".") if part.isdigit()]


def write_page(rows: list[Row]) -> None:
    """Write the tables into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + START + "\n" + "\n".join(render_tables(rows)) + "\n" + END + after, encoding="utf-8")


def render_tables(rows: list[Row]) -> Iterator[str]:
    """Yield the lines of a table for each family; neighbouring releases in which all is the same share a row."""
    for family, of_family in groupby(rows, key=lambda row: row["family"]):
        every = list(of_family)
        backends = sorted({row["backend"] for row in every if row["backend"]})
        yield f"## {family}\n"
        count = len({row["release"] for row in every})
        yield f"{count} release{'s' * (count > 1)}, with {', '.join(backends)}.\n"
        yield "| layer | rates set | releases | follows | masks | measured rates | at inference | cuDNN's kernel |"
        yield "|---|---|---|---|---|---|---|---|"
        settings = sorted(every, key=lambda row: (row["layer"], row["recurrent_dropout"], row["dropout"]))
        for (layer, *rates), same in groupby(settings, key=lambda row: [row[name] for name in IDENTITY[3:]]):
            given = " ".join(
                f"`{name}={rate}`" for name, rate in zip(IDENTITY[4:], rates, strict=True) if rate not in ("0", "")
            )
            in_order = sorted(same, key=lambda row: order_release(row["release"]))
            for found, releases in groupby(in_order, key=lambda row: [row[name] for name in SHOWN]):
                yield f"| {' | '.join([layer, given, *render_row(list(releases), *found)])} |"
        yield ""


def render_row(rows: list[Row], method: str, masks: str, rates: str, inference: str, fused: str) -> list[str]:
    """Return the cells about neighbouring releases that do the same."""
    first, last = rows[0], rows[-1]
    releases = first["release"] if first is last else f"{first['release']} to {last['release']}"
    error = max(float(row["error"] or "nan") for row in rows)
    name = "a plain cell" if method == "none" else method
    follows = f"{name} ({error:.0e})" if method and masks else "no dropout" if method else first["differs"]
    return [releases, follows, masks, rates, inference, fused]
