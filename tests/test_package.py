"""The wheel and the sdist: what is in them, that they build the same twice, and that the installed command trains."""

import csv
import email
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import rdrop_cli
from rdrop_cli.nn.native.compiler import COMPILERS, LEVELS, list_instruction_sets, name_library

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TINY = shlex.split(
    "--dataset synthetic --protocol demo --epochs 1 --steps-per-epoch 3 --units 4 --runs-dir runs --json"
)


READY = "rdrop_cli/nn/native/ready/"
COMPILES = any(map(shutil.which, COMPILERS))  # the wheel of such a machine has kernels, if it is a PC with Linux
needs_kernels = pytest.mark.skipif(
    not COMPILES or (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the wheel has no kernels here"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without this project on its path and return its stdout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RDROP"))}
    result = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stderr}"
    return result.stdout


def build(folder: Path, source: Path = ROOT) -> tuple[Path, Path]:
    """Do in a folder with sources what `make dist` does."""
    here = ("--no-build-isolation", "--python", sys.executable)
    run(UV, "build", "--quiet", *here, "--out-dir", folder, cwd=source)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def list_package_files() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rdrop_cli").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(dist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(dist[1]) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def metadata(dist):
    with zipfile.ZipFile(dist[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def released(dist):
    """Return the folder of the wheel, with what `make dist` writes beside it."""
    run(sys.executable, ROOT / ".ci" / "release.py", dist[0].parent, cwd=dist[0].parent)
    return dist[0].parent


@pytest.fixture(scope="module")
def installed(released, tmp_path_factory):
    """Return the `bin` folder of a new environment with the wheel and the locked versions of its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    install(python, released / "requirements.txt", cwd=folder)
    return python.parent


def install(python: Path, requirements: Path, *options: str, cwd: Path) -> None:
    run(UV, "pip", "install", "--quiet", "--python", python, "--require-hashes", *options, "-r", requirements, cwd=cwd)


def test_every_file_of_the_package_is_in_the_wheel_and_in_the_sdist(dist, unpacked):
    files = list_package_files()
    with zipfile.ZipFile(dist[0]) as wheel:
        names = wheel.namelist()
    assert files == {name for name in names if name.startswith("rdrop_cli/") and READY not in name}
    assert {Path(name).suffix for name in files} >= {".py", ".typed", ".csv", ".cpp", ".h", ".css", ".html"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert all((unpacked / name).is_file() for name in files)


def test_the_sdist_has_the_documents_and_the_tests(unpacked):
    for name in ("README.md", "LICENSE", "CITATION.cff", "CONTRIBUTING.md", "docs/CHANGELOG.md", "tests/conftest.py"):
        assert (unpacked / name).is_file(), name
    assert [path.name for path in (unpacked / "runs").iterdir()] == ["README.md"]
    assert not (unpacked / ".venv").exists()


def test_a_build_at_another_place_and_time_has_the_same_bytes(dist, unpacked, tmp_path, monkeypatch):
    """Kernels too: from sources in another folder, of another age and with rights for one user alone."""
    elsewhere = shutil.copytree(unpacked, tmp_path / "another place")
    (elsewhere / "PKG-INFO").unlink()  # the one file that a checkout does not have
    for path in elsewhere.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (2_000_000_000, 2_000_000_000))
    for name, value in {"TZ": "Asia/Tokyo", "LC_ALL": "C", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    again = build(tmp_path / "dist", elsewhere)
    assert [path.name for path in again] == [path.name for path in dist]
    assert [compute_sha256(path) for path in again] == [compute_sha256(path) for path in dist]


def compute_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_wheel_of_other_bytes_is_not_installed(released, installed, tmp_path):
    other = shutil.copytree(released, tmp_path / "dist")
    (wheel,) = other.glob("*.whl")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("rdrop_cli/more.py", "")
    anew = ("--reinstall-package", PROJECT["name"], "--no-deps")
    with pytest.raises(AssertionError, match="Hash mismatch"):
        install(installed / "python", other / "requirements.txt", *anew, cwd=tmp_path)


def test_the_requirements_of_an_extra_have_it_and_name_the_wheel_with_it(released):
    for extra in PROJECT["optional-dependencies"]:
        lines = (released / f"requirements-{extra}.txt").read_text(encoding="utf-8").splitlines()
        assert f"rdrop-cli[{extra}]=={rdrop_cli.__version__} \\" in lines
        assert all(line.startswith((" ", "--find-links")) or line.endswith("\\") for line in lines), (
            "no line without a hash"
        )
    assert any(
        line.startswith("distributed==") for line in (released / "requirements-cluster.txt").read_text().split("\n")
    )


def test_the_bill_of_materials_lists_every_locked_package_and_what_a_run_needs(released, dist):
    bill = json.loads((released / f"rdrop_cli-{rdrop_cli.__version__}.cdx.json").read_text(encoding="utf-8"))
    locked = {package["name"]: package.get("version") for package in LOCK["package"]}
    assert {part["name"]: part["version"] for part in bill["components"]} == {
        name: version for name, version in locked.items() if name != PROJECT["name"]
    }
    scopes = {part["name"]: part["scope"] for part in bill["components"]}
    assert [scopes[name] for name in ("tensorflow", "jax", "pytest")] == ["required", "optional", "excluded"]
    files = bill["metadata"]["component"]["externalReferences"]
    assert [file["hashes"][0]["content"] for file in files] == [compute_sha256(path) for path in dist]


def test_the_metadata_name_the_distribution(metadata):
    assert metadata["Name"] == PROJECT["name"] == "rdrop-cli"
    assert metadata["Version"] == rdrop_cli.__version__
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


def test_the_description_on_the_index_points_at_no_file_beside_it(metadata):
    text = metadata.get_payload()
    assert text.startswith("# rdrop")
    assert "![" not in text
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)", text) == []


def test_pictures_and_links_of_the_readme_work_in_the_unpacked_sdist(unpacked):
    targets = re.findall(r"\]\(([^)#:]+)\)", (unpacked / "README.md").read_text(encoding="utf-8"))
    assert len(targets) > 5
    for target in targets:
        assert (unpacked / target).is_file(), target


def test_the_installed_command_trains_from_an_empty_folder(installed, tmp_path):
    where = run(installed / "python", "-c", "import rdrop_cli; print(rdrop_cli.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert run(installed / "rdrop", "--version", cwd=tmp_path) == f"rdrop {rdrop_cli.__version__}\n"
    assert "zoneout" in run(installed / "rdrop", "variants", cwd=tmp_path)
    run(installed / "rdrop", "train", "dropout", *TINY, cwd=tmp_path)
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    (row,) = csv.DictReader(run(installed / "rdrop", "export", "--csv", cwd=tmp_path).splitlines())
    assert row["status"] == "completed"
    assert (folder / "loss.png").is_file()
    if COMPILES:
        assert row["engine"] == "native"


@needs_kernels
def test_the_wheel_has_a_whole_kernel_for_every_level_of_the_processor(dist):
    assert re.search(r"-py3-none-(manylinux_2_34|linux)_x86_64\.whl$", dist[0].name)
    with zipfile.ZipFile(dist[0]) as wheel:
        names = {name for name in wheel.namelist() if READY in name}
        assert {name for name in names if name.endswith(".so")} == {READY + name_library(level) for level in LEVELS}
        for name in names:
            if name.endswith(".so"):
                checksum = wheel.read(name.replace(".so", ".sha256")).decode()
                assert checksum == hashlib.sha256(wheel.read(name)).hexdigest()


@needs_kernels
@pytest.mark.parametrize("instruction_set", LEVELS)
def test_without_a_compiler_the_kernels_of_the_wheel_compute(installed, tmp_path, instruction_set):
    if instruction_set not in list_instruction_sets():
        pytest.skip(f"this processor has no {instruction_set}")
    settings = ("PATH=/nowhere", f"RDROP_INSTRUCTION_SET={instruction_set}", f"RDROP_CACHE_DIR={tmp_path / 'cache'}")
    run("/usr/bin/env", *settings, installed / "rdrop", "train", "dropout", "--engine", "native", *TINY, cwd=tmp_path)
    (metrics,) = tmp_path.glob("runs/*/metrics.json")
    environment = json.loads(metrics.read_text(encoding="utf-8"))["environment"]
    assert environment["instruction_set"] == instruction_set
    assert not (tmp_path / "cache").exists()


def test_the_installed_package_gives_its_types_to_a_type_checker(installed, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("from rdrop_cli import api\n\nreveal_type(api.load_data)\n", encoding="utf-8")
    command = (sys.executable, "-m", "mypy", "--python-executable", installed / "python", program)
    assert "Series" in run(*command, cwd=tmp_path)
