"""Probe every release of Keras 3 that the package index serves, tf-keras, TensorFlow and PyTorch: `make releases`.

Makes one environment after the other, exchanges the library in it, and runs rdrop's probe there.
What is in docs/releases.csv already is not probed again; delete its lines to do so. Then it writes docs/releases.md.

    python docs/probe_releases.py [FAMILY ...]
"""

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from rdrop_cli.anatomy.differences import list_differences
from rdrop_cli.anatomy.examine import Examination
from rdrop_cli.anatomy.interpreter import examine_elsewhere
from rdrop_cli.errors import RdropError
from rdrop_cli.study.methods import Lifetime

DOCS = Path(__file__).parent
DATA, PAGE = DOCS / "releases.csv", DOCS / "releases.md"
START, END = "<!-- written by `make releases` -->\n", "<!-- end -->\n"
MINUTES = 20  # that an installation may take
TORCH = "2.13.0"  # PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu has small builds of it
BACKENDS = ("tensorflow", "torch", "jax")
IDENTITY = ("family", "release", "backend", "layer", "dropout", "recurrent_dropout")
SHOWN = ("method", "masks", "rates", "inference", "fused")
FOUND = ("method", "error", "masks", "rates", "active", "inference", "fused", "differs")


@dataclass(frozen=True)
class Family:
    """Releases of one library that are probed in one environment.

    Attributes:
        name: as the table shows it.
        library: that the probe imports.
        package: of which each release is installed; None if the base is all there is.
        releases: those to probe; None for Keras 3 as the index has it.
        patches: whether all of those are probed, or the newest of each minor release.
        base: what the environment needs besides.
        environment: variables for the probe.
        beside: packages whose release has to be the same minor one.
    """

    name: str
    library: str
    package: str
    releases: tuple[str, ...] | None = None
    patches: bool = True
    base: tuple[str, ...] = ("packaging",)
    environment: tuple[tuple[str, str], ...] = ()
    beside: str = ""


FAMILIES = (
    Family(
        "Keras on JAX",
        "keras",
        "keras",
        patches=False,
        base=("jax", "packaging"),
        environment=(("KERAS_BACKEND", "jax"), ("JAX_DISABLE_JIT", "1")),  # nothing is worth compiling
    ),
    Family(
        "Keras on PyTorch",
        "keras",
        "keras",
        base=(f"torch=={TORCH}", "packaging"),
        environment=(("KERAS_BACKEND", "torch"),),
    ),
    Family("tf.keras", "keras", "tensorflow-cpu", ("2.12.1", "2.13.1", "2.14.1", "2.15.1")),
    Family(
        "tf-keras",
        "tf_keras",
        "tf-keras",
        ("2.16.0", "2.18.0", "2.21.0"),
        beside="tensorflow-cpu",
    ),
    Family("PyTorch", "torch", "torch", (TORCH,), base=("numpy",)),
)


def main(names: list[str]) -> None:
    """Probe what is missing, family by family, and write the page."""
    rows = read_rows()
    for family in FAMILIES:
        if not names or family.name in names:
            done = {row["release"] for row in rows if row["family"] == family.name}
            for found in probe_family(family, done):
                rows += found
                write_rows(rows)
    write_page(rows)


def read_rows() -> list[dict[str, str]]:
    """Return what was found before."""
    if not DATA.exists():
        return []
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(rows: list[dict[str, str]]) -> None:
    """Write what was found, family by family, oldest release first."""
    families = [family.name for family in FAMILIES]
    rows = sorted(rows, key=lambda row: (families.index(row["family"]), order_release(row["release"])))
    with DATA.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*IDENTITY, *FOUND], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def order_release(release: str) -> list[int]:
    """Return a release's numbers, by which releases are sorted."""
    return [int(part) for part in release.split(".") if part.isdigit()]


def probe_family(family: Family, done: set[str]) -> Iterator[list[dict[str, str]]]:
    """Yield the rows of each release that is not done, all in one environment unless TensorFlow has to change too."""
    releases = [release for release in list_releases(family) if release not in done]
    with TemporaryDirectory() as folder:
        python = Path(folder) / "env" / "bin" / "python"
        for release in releases:
            beside = [f"{family.beside}=={'.'.join(release.split('.')[:2])}.*"] if family.beside else []
            try:
                if not python.exists() or beside or family.package == "tensorflow-cpu":
                    make_environment(python, list(family.base))
                install(python, [f"{family.package}=={release}", *beside])
                yield list(probe_release(family, release, python))
            except (RdropError, subprocess.CalledProcessError) as error:
                sys.stderr.write(f"{family.name} {release}: {error}\n")


def list_releases(family: Family) -> list[str]:
    """Return the releases of a family, oldest first."""
    if family.releases is not None:
        return list(family.releases)
    command = [sys.executable, "-m", "pip", "index", "versions", family.package]
    answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    versions = answer.partition("Available versions: ")[2].partition("\n")[0].split(", ")
    releases = sorted((version for version in versions if version.startswith("3.")), key=order_release)
    newest = {tuple(order_release(release)[:2]): release for release in releases}
    return releases if family.patches else list(newest.values())


def make_environment(python: Path, packages: list[str]) -> None:
    """Make an empty environment and install what every release needs; PyTorch by pip, which its local files want."""
    shutil.rmtree(python.parents[1], ignore_errors=True)
    run([find_uv(), "venv", "--quiet", "--python", sys.executable, str(python.parents[1])])
    install(python, packages)


def install(python: Path, packages: list[str]) -> None:
    """Install packages, PyTorch by pip: it may be told of an index with small builds."""
    by_pip = [package for package in packages if package.startswith("torch")]
    if by_pip:
        run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *by_pip])
    others = [package for package in packages if package not in by_pip]
    if others:
        run([find_uv(), "pip", "install", "--quiet", "--python", str(python), *others])


def find_uv() -> str:
    """Return the uv of this environment, or that on the path."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"


def run(command: list[str]) -> None:
    """Run a command with the least priority."""
    subprocess.run(["nice", "-n", "10", *command], check=True, timeout=60 * MINUTES, stdin=subprocess.DEVNULL)


def probe_release(family: Family, release: str, python: Path) -> Iterator[dict[str, str]]:
    """Yield a row for each cell and pair of rates."""
    subjects = [{"kind": "library", "name": family.library, "cell": cell} for cell in ("gru", "lstm")]
    versions, found = examine_elsewhere(subjects, python, environment=dict(family.environment))
    for entry, each in found:
        row = {
            "family": family.name,
            "release": release,
            "backend": " ".join(
                f"{name} {versions[name]}" for name in ("tensorflow", "torch", "jax") if name in versions
            ),
            "layer": str(entry.get("name", entry["wanted"]["cell"].upper())),
            **{rate: f"{value:g}" for rate, value in entry["asked"].items()},
        }
        yield row | (describe_examination(each) if isinstance(each, Examination) else {"differs": each})


def describe_examination(found: Examination) -> dict[str, str]:
    """Return the columns of what was found."""
    anatomy = found.anatomy
    masks = []
    for _, group in groupby(anatomy.masks, key=lambda mask: (mask.argument, mask.target)):
        each = list(group)
        lasts = "constant" if each[0].lifetime is Lifetime.SEQUENCE else "drawn anew"
        masks.append(f"{len(each)} on {each[0].target} ({each[0].site}), {lasts}")
    error = min(anatomy.max_abs_error.values())
    rates = (f"{name} {rate:.3g}" for name, rate in found.measured.items() if rate)
    fused = {True: "asked for", False: "not asked for", None: ""}[found.fused]
    return {
        "method": anatomy.method or "",
        "error": f"{error:.1e}",
        "masks": "; ".join(masks),
        "rates": "; ".join(rates),
        "active": "yes" if found.active else "no",
        "inference": "clean" if found.clean_at_inference else "drops",
        "fused": f"{fused}, given dropped inputs at inference" if found.fused_drops else fused,
        "differs": "; ".join(list_differences(found)),
    }


def write_page(rows: list[dict[str, str]]) -> None:
    """Write the tables into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + START + "\n" + "\n".join(render_tables(rows)) + "\n" + END + after, encoding="utf-8")


def render_tables(rows: list[dict[str, str]]) -> Iterator[str]:
    """Yield the lines of a table for each family; neighbouring releases in which all is the same share a row."""
    for family, of_family in groupby(rows, key=lambda row: row["family"]):
        every = list(of_family)
        backends = sorted({row["backend"] for row in every})
        yield f"## {family}\n"
        count = len({row["release"] for row in every})
        yield f"{count} release{'s' * (count > 1)}, with {', '.join(backends)}.\n"
        yield "| layer | rates set | releases | follows | masks | measured rates | at inference | cuDNN's kernel |"
        yield "|---|---|---|---|---|---|---|---|"
        settings = sorted(every, key=lambda row: (row["layer"], row["recurrent_dropout"], row["dropout"]))
        for (layer, *rates), same in groupby(settings, key=lambda row: [row[name] for name in IDENTITY[3:]]):
            given = " ".join(f"`{name}={rate}`" for name, rate in zip(IDENTITY[4:], rates, strict=True) if rate != "0")
            in_order = sorted(same, key=lambda row: order_release(row["release"]))
            for found, releases in groupby(in_order, key=lambda row: [row[name] for name in SHOWN]):
                yield f"| {' | '.join([layer, given, *render_row(list(releases), *found)])} |"
        yield ""


def render_row(
    rows: list[dict[str, str]], method: str, masks: str, rates: str, inference: str, fused: str
) -> list[str]:
    """Return the cells about neighbouring releases that do the same."""
    first, last = rows[0], rows[-1]
    releases = first["release"] if first is last else f"{first['release']} to {last['release']}"
    error = max(float(row["error"] or "nan") for row in rows)
    name = "a plain cell" if method == "none" else method
    follows = f"{name} ({error:.0e})" if method and masks else "no dropout" if method else first["differs"]
    return [releases, follows, masks, rates, inference, fused]


if __name__ == "__main__":
    main(sys.argv[1:])
