"""Write beside the wheel what to install it with, by version and checksum, and a list of all that it is made with.

`make dist` runs it after the build. Both come from uv.lock:

    requirements.txt, requirements-EXTRA.txt    for `pip install --require-hashes -r`; the wheel itself is among them
    rdrop_cli-VERSION.cdx.json                  a software bill of materials (CycloneDX 1.5)

The same lock and wheel give the same bytes.
"""

import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from rdrop_cli.files import sha256_of_file

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
LOCKED = ("--quiet", "--frozen", "--no-emit-project", "--no-annotate", "--no-header")
BUILD_ONLY = "excluded"  # CycloneDX's word for what tests and builds need, and a run does not


def main(dist: Path) -> None:
    """Write the files for the one wheel and the one sdist that are in a folder."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    name, version = project["name"], wheel.name.split("-")[1]
    for extra in ("", *project["optional-dependencies"]):
        pinned = f"{name}[{extra}]=={version}" if extra else f"{name}=={version}"
        lines = ("--find-links .", f"{pinned} \\", f"    --hash=sha256:{sha256_of_file(wheel)}")
        text = "\n".join(lines) + "\n" + export(extra)
        (dist / f"requirements{'-' + extra if extra else ''}.txt").write_text(text, encoding="utf-8")
    materials = json.dumps(list_materials(name, version, (wheel, sdist)), indent=1) + "\n"
    (dist / f"{wheel.name.split('-')[0]}-{version}.cdx.json").write_text(materials, encoding="utf-8")


def export(extra: str = "", *options: str) -> str:
    """Return what uv.lock has for a run, with the checksums of every file that the index has of it."""
    chosen = ("--extra", extra) if extra else ()
    command = [str(UV), "export", *LOCKED, "--no-dev", *chosen, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def list_materials(name: str, version: str, built: tuple[Path, ...]) -> dict[str, Any]:
    """Return the bill of materials: every locked package, those that a run needs, may need, or does not."""
    command = [str(UV), "export", "--quiet", "--frozen", "--all-extras", "--all-groups", "--format", "cyclonedx1.5"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    materials: dict[str, Any] = json.loads(told)
    required, possible = list_names(export()), list_names(export("", "--all-extras"))
    for component in materials["components"]:
        named = component["name"]
        component["scope"] = "required" if named in required else "optional" if named in possible else BUILD_ONLY
    materials["metadata"]["component"] |= {
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": [{"license": {"id": "MIT"}}],
        "externalReferences": [
            {
                "type": "distribution",
                "url": path.name,
                "hashes": [{"alg": "SHA-256", "content": sha256_of_file(path)}],
            }
            for path in built
        ],
    }
    del materials["metadata"]["timestamp"], materials["serialNumber"]
    content = json.dumps(materials, sort_keys=True)
    return {**materials, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"}


def list_names(requirements: str) -> set[str]:
    """Return the packages of a file of requirements."""
    return {line.split("==")[0] for line in requirements.splitlines() if "==" in line and line[0].isalnum()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
