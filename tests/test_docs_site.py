"""The documentation site builds without a warning, and its references hold every command and every function."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rdrop_cli import api
from rdrop_cli.cli.app import build_commands

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--doctree-dir", str(folder / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "html"


@pytest.mark.thorough
def test_every_page_is_built_and_in_the_navigation(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert f'href="{page.stem}.html"' in index or page.stem == "index", page.name


@pytest.mark.thorough
def test_the_command_reference_has_every_command_and_option(site):
    page = (site / "generated" / "cli.html").read_text(encoding="utf-8")
    for name, command in build_commands().commands.items():
        assert f'id="rdrop-{name}"' in page, name
        for parameter in command.params:
            for flag in [flag for flag in parameter.opts if flag.startswith("--")]:
                assert flag in page, f"{name} {flag}"


@pytest.mark.thorough
def test_the_api_reference_has_every_function(site):
    page = (site / "api-reference.html").read_text(encoding="utf-8")
    for name in api.__all__:
        assert f'id="rdrop_cli.api.{name}"' in page, name


@pytest.mark.thorough
def test_pictures_of_the_readme_are_on_the_front_page(site):
    pictures = re.findall(r'<img[^>]*src="([^"]+)"', (site / "index.html").read_text(encoding="utf-8"))
    assert any(name.endswith("demo.png") for name in pictures)
    for name in pictures:
        assert (site / name).is_file(), name
