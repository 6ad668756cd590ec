"""Every way to install this takes locked versions, each file by its SHA-256, or is said not to."""

import re
import tomllib

import pytest

from tests.test_docs import PAGES, ROOT

LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
SCRIPTS = (ROOT / "Makefile", ROOT / ".ci" / "run")
INSTALLS = re.compile(r"\b(?:pip3? install|uv sync|uv tool|uv add|uvx|uv build|uv run|pipx)\b")
LOCKED = ("pip install --require-hashes -r ", "uv sync --quiet --locked ", "uv build --quiet --no-build-isolation ")


def list_lines(path):
    """Return the lines of a script, or of the blocks of a page, without comments."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|dockerfile)\n(.*?)```", text, re.DOTALL) if path.suffix == ".md" else [text]
    return [re.sub(r"(^|\s)##?\s.*", "", line) for block in blocks for line in block.splitlines()]


def find_installing(path):
    return [line.strip() for line in list_lines(path) if INSTALLS.search(line)]


def list_said_to_be_unlocked():
    """Return the lines of the one block that the README says to be without the lock."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^Without the lock, .*?```sh\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    return {line.split("  #")[0].strip() for line in block.splitlines()}


def test_every_line_that_installs_takes_what_is_locked():
    lines = [line for path in (*PAGES, *SCRIPTS) for line in find_installing(path)]
    assert len(lines) >= 6, "they are found"
    for line in set(lines) - list_said_to_be_unlocked():
        plain = line.replace(" --quiet --disable-pip-version-check", "")
        assert any(locked in plain for locked in LOCKED), line


@pytest.mark.parametrize("line", ["pip install .", "uvx --from . rdrop", "\t.venv/bin/uv sync --frozen"])
def test_a_line_that_takes_what_the_index_has_would_be_found(line, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"```sh\n{line}   # as it comes\n```\n")
    (found,) = find_installing(page)
    assert not any(locked in found for locked in LOCKED)


def test_what_installs_the_environment_is_that_of_the_lock():
    """Without running uv: `make lock` writes the file."""
    text = (ROOT / "requirements-build.txt").read_text(encoding="utf-8")
    found = {name: (version, set(re.findall(r"sha256:\w+", hashes))) for name, version, hashes in split(text)}
    packages = {package["name"]: package for package in LOCK}
    wanted = {
        name: (packages[name]["version"], {file["hash"] for file in list_files(packages[name])}) for name in found
    }
    assert found == wanted
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = project["dependency-groups"]["build"] + project["build-system"]["requires"]
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in asked} <= set(found)


def split(requirements):
    return re.findall(r"^([\w-]+)==(\S+)((?: \\\n +--hash=\S+)+)", requirements, re.MULTILINE)


def list_files(package):
    return [*package["wheels"], *([package["sdist"]] if "sdist" in package else [])]
