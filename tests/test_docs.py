"""The documentation is true: commands parse, targets and linked files exist, names and versions agree."""

import os
import re
import shlex
from datetime import date
from pathlib import Path

import pytest
import yaml

import rdrop_cli
from rdrop_cli.cli.app import build_commands, run_command
from rdrop_cli.study.methods import METHODS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_OURS = {".git", ".venv", ".releases", "__pycache__", "_build", "generated", "dist", "htmlcov"}
# `rdrop` where the name of the distribution, rdrop-cli, is wanted: with an extra, or as something to install.
WRONG_NAME = re.compile(r"\brdrop\\?\[[a-z]|(?:\b(?:install|add)|--from|--with)(?: -\S+)* ['\"]?rdrop(?![-_\w/.])")


def list_shell_lines(page: Path) -> list[str]:
    """Return the lines of a page's `sh` blocks, comments and pipes cut off."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [re.sub(r"\s+#.*|\s*\|.*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def list_inline_commands(page: Path) -> list[str]:
    """Return what stands between backquotes and begins with `rdrop` or `make`."""
    return re.findall(r"`((?:rdrop|make) [a-z][^`]*)`", page.read_text())


COMMANDS = sorted({line for page in PAGES for line in list_shell_lines(page) + list_inline_commands(page)})
RDROP = [line for line in COMMANDS if line.startswith("rdrop ")]


@pytest.mark.parametrize("line", RDROP)
def test_every_command_line_in_the_documentation_is_understood(line, capsys):
    """With `--help` behind it a command is parsed, options and all, and not run."""
    assert run_command([*shlex.split(line)[1:], "--help"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_every_make_target_in_the_documentation_exists(line):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert line.split()[1] in targets


def test_every_command_is_in_the_readme_and_has_help():
    for name, command in build_commands().commands.items():
        assert f"rdrop {name}" in README, name
        assert command.help, name


def test_every_option_has_help():
    for command in build_commands().commands.values():
        for parameter in command.params:
            assert parameter.help, f"{command.name} {parameter.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_makefile_lists_its_targets():
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)
    targets = re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE)
    assert phony
    assert sorted(phony[1].split()) == sorted(targets)


def find_wrong_names(text: str) -> list[str]:
    return [found.group() for found in WRONG_NAME.finditer(text)]


def list_texts() -> list[Path]:
    """Return the text files of the project, without what is built and the contents of `data` and `runs`."""
    suffixes = {".py", ".md", ".toml", ".lock", ".cff", ".yaml", ".html", ".css", ".cpp", ".h", ""}
    paths = []
    for folder, below, names in os.walk(ROOT):
        below[:] = set(below) - NOT_OURS
        paths += [Path(folder) / name for name in names]
    kept = [
        path for path in paths if path.relative_to(ROOT).parts[0] not in ("data", "runs") or path.name == "README.md"
    ]
    return [path for path in kept if path.suffix in suffixes and path.is_file()]


def test_no_text_installs_the_strangers_package():
    """`rdrop` on the package index is another project."""
    texts = list_texts()
    assert {"README.md", "pyproject.toml", "uv.lock", "Makefile", "LICENSE", "connection.py"} <= {
        path.name for path in texts
    }
    wrong = {str(path): find_wrong_names(path.read_text(encoding="utf-8", errors="replace")) for path in texts}
    assert {path: names for path, names in wrong.items() if names} == {}


@pytest.mark.parametrize(
    "text", ["{}[cluster]", "pip install '{}'", "uv add {}", "uvx --from {} {}", "pip install -U {}\n"]
)
def test_the_wrong_name_is_found(text):
    assert find_wrong_names(text.format("rdrop", "rdrop"))
    assert not find_wrong_names(text.format("rdrop-cli", "rdrop"))


def test_the_readme_installs_this_version_with_pip_uv_and_uvx():
    wheel = f"dist/rdrop_cli-{rdrop_cli.__version__}-*.whl"
    lines = list_shell_lines(ROOT / "README.md")
    assert {"pip install .", "uv tool install .", "uvx --from . rdrop --version", f"pip install {wheel}"} <= set(lines)
    assert {name for line in lines for name in re.findall(r"dist/[\w.*-]+\.whl", line)} == {wheel}


def test_the_first_screen_says_what_it_is_and_shows_the_picture():
    head = "\n".join(README.splitlines()[:20])
    assert "recurrent" in head
    assert "![" in head
    assert head.count("\nmake ") == 2
    assert len(METHODS) == 10
    assert "ten methods of recurrent dropout" in head


def test_the_supported_versions_of_python_are_the_same_everywhere():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r"Python :: (3\.\d+)", project) == ["3.11", "3.12", "3.13"]
    assert 'requires-python = ">=3.11,<3.14"' in project
    assert "Python 3.11, 3.12 or 3.13" in README


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == rdrop_cli.__version__
    assert citation["license"] == "MIT"


def test_the_changelog_begins_with_unreleased_and_dates_every_version():
    heads = re.findall(r"^## (.*)$", (ROOT / "docs" / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    versions = [head.split(" - ") for head in heads[1:]]
    assert heads[0] == "Unreleased"
    assert versions[0][0] == rdrop_cli.__version__
    dates = [date.fromisoformat(day) for _, day in versions]
    assert dates == sorted(dates, reverse=True)


def test_the_dry_run_on_the_page_on_sweeps_is_what_the_command_prints(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    (study,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    (shown,) = re.findall(r"rdrop sweep study.toml --dry-run --json\n```.*?```text\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("study.toml").write_text(study, encoding="utf-8")
    assert run_command(["sweep", "study.toml", "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    lines = [line for line in shown.splitlines() if line != "…" and not line.startswith("time: ")]  # of this machine
    assert len(lines) > 10
    assert [line for line in lines if line not in [each.rstrip() for each in printed]] == []
