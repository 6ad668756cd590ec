"""Probe every release of Keras 3 that the package index serves, TensorFlow, PyTorch and others: `make releases`.

Each family has an environment, in which the library is exchanged from release to release; the environments stay in
.releases/ for the next time. What is in docs/releases.csv already is not probed again; delete its lines to do so. Each
release is written when it is done, so that a run that was stopped goes on. Then it writes docs/releases.md.

    python -m docs.probe_releases [FAMILY ...]
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from docs.release_families import FAMILIES, Family
from docs.release_tables import FOUND, IDENTITY, Row, order_release, read_rows, write_page, write_rows
from rdrop_cli.anatomy.differences import describe_fused, list_differences
from rdrop_cli.anatomy.examine import Examination
from rdrop_cli.anatomy.interpreter import StoppedError, examine_elsewhere
from rdrop_cli.errors import RdropError
from rdrop_cli.study.methods import Lifetime

ENVIRONMENTS = Path(__file__).parents[1] / ".releases"
MINUTES = 30  # that an installation, or a probe, may take
BACKENDS = ("tensorflow", "torch", "jax")


def main(names: list[str]) -> None:
    """Probe what is missing, family by family, and write the page."""
    rows = read_rows()
    for family in FAMILIES:
        if not names or family.name in names:
            done = {row["release"] for row in rows if row["family"] == family.name}
            for release in list_releases(family):
                if release in done:
                    continue
                try:
                    rows += probe_release(family, release)
                except (StoppedError, subprocess.TimeoutExpired) as error:  # to be tried again the next time
                    sys.stderr.write(f"{family.name} {release}: {error}\n")
                write_rows(rows)
    write_page(read_rows())


def list_releases(family: Family) -> list[str]:
    """Return the releases of a family, oldest first."""
    if family.releases is not None:
        return list(family.releases)
    command = [sys.executable, "-m", "pip", "index", "versions", family.package]
    answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    versions = answer.partition("Available versions: ")[2].partition("\n")[0].split(", ")
    releases = sorted((version for version in versions if version.startswith("3.")), key=order_release)
    newest = {tuple(order_release(release)[:2]): release for release in releases}
    return [release for release in releases if family.patches or release in newest.values()]


def probe_release(family: Family, release: str) -> list[Row]:
    """Return the rows of a release, beside the first of its bases with which it runs; else one with the reason."""
    failure = ""
    for base in family.bases:
        python = ENVIRONMENTS / name_environment(family, base) / "bin" / "python"
        try:
            new = family.fresh or not python.exists()
            if new:
                make_environment(python, family.find_python(release) or sys.executable)
            wanted = [f"{family.package}=={release}", *family.list_beside(release)]
            if family.alone:
                install(python, [*base])
                install(python, wanted, "--no-deps")
            else:
                install(python, [*wanted, *(base if new else ())])
            rows = list(ask_release(family, release, python))
        except StoppedError:
            raise
        except (RdropError, subprocess.CalledProcessError) as error:
            failure = describe_failure(error)
            continue
        if any(row["method"] or row["masks"] for row in rows):
            return rows
        failure = rows[0]["differs"] if rows else "it has no such layer"
    sys.stderr.write(f"{family.name} {release}: {failure}\n")
    return [dict.fromkeys((*IDENTITY, *FOUND), "") | {"family": family.name, "release": release, "differs": failure}]


def name_environment(family: Family, base: tuple[str, ...]) -> str:
    """Return the name of a folder."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", " ".join([family.name, *base])).strip("-")


def describe_failure(error: Exception) -> str:
    """Return why a release could not be probed, in one line."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"does not {'install' if isinstance(error, subprocess.CalledProcessError) else 'run'}: {lines[-1][:160]}"


def make_environment(python: Path, version: str) -> None:
    """Make an empty environment, with the Python of that version.

    Raises:
        StoppedError: there is no such Python here, which says nothing of the release.
    """
    try:
        run([find_uv(), "venv", "--quiet", "--clear", "--python", version, str(python.parents[1])])
    except subprocess.CalledProcessError as error:
        raise StoppedError(f"no Python {version}: install it, or put it on the PATH") from error


def install(python: Path, packages: list[str], *options: str) -> None:
    """Install packages, PyTorch by pip: it may be told of an index with small builds."""
    by_pip = [package for package in packages if package.startswith("torch=")]
    if by_pip:
        run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *by_pip])
    others = [package for package in packages if package not in by_pip]
    if others:
        run([find_uv(), "pip", "install", "--quiet", "--python", str(python), *options, *others])


def find_uv() -> str:
    """Return the uv of this environment, or that on the path."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"


def run(command: list[str]) -> None:
    """Run a command, whose errors are kept."""
    subprocess.run(
        command, check=True, timeout=60 * MINUTES, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def ask_release(family: Family, release: str, python: Path) -> Iterator[Row]:
    """Yield a row for each layer and pair of rates."""
    versions, found = examine_elsewhere(
        family.subjects, python, environment=dict(family.environment), seconds=60 * MINUTES
    )
    for entry, each in found:
        row = dict.fromkeys((*IDENTITY, *FOUND), "") | {
            "family": family.name,
            "release": release,
            "backend": describe_backend(family, versions),
            "layer": str(entry.get("name") or entry["wanted"].get("cell", "").upper()).rpartition(":")[2],
            **{rate: f"{value:g}" for rate, value in entry["asked"].items()},
        }
        yield row | (describe_examination(each) if isinstance(each, Examination) else {"differs": each})


def describe_backend(family: Family, versions: dict[str, str]) -> str:
    """Return what the release ran on: the Keras of TensorFlow, and the library that computes."""
    named = [name for name in BACKENDS if name in versions]
    if "backend" in versions and versions["backend"] in named:
        named = [versions["backend"]]
    if family.library == "tensorflow" and "keras" in versions:
        named.append("keras")
    return " ".join(f"{name} {versions[name]}" for name in named)


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
    return {
        "method": anatomy.method or "",
        "error": f"{error:.1e}",
        "masks": "; ".join(masks),
        "rates": "; ".join(rates),
        "active": "yes" if found.active else "no",
        "inference": "clean" if found.clean_at_inference else "drops",
        "fused": describe_fused(found.fused),
        "differs": "; ".join(list_differences(found)),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
