"""The documentation is true: its commands parse, its targets exist, and no command goes without a word."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from rdrop_cli.cli.app import app, run_command

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


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
    readme = (ROOT / "README.md").read_text()
    for name, command in typer.main.get_command(app).commands.items():
        assert f"rdrop {name}" in readme, name
        assert command.help, name


def test_every_option_has_help():
    for command in typer.main.get_command(app).commands.values():
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
