"""Settings of the documentation site; `make docs` builds it. Sphinx reads the names below."""

import subprocess
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.highlighting import lexers

import rdrop_cli

DOCS = Path(__file__).parent

project = "rdrop"
author = "The rdrop contributors"
project_copyright = "2026, the rdrop contributors"
version = release = rdrop_cli.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings write code between single backquotes
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88

lexers["csv"] = TextLexer()  # Pygments has none for CSV

html_theme = "furo"
html_title = f"rdrop {version}"


def write_cli_reference(app: Sphinx) -> None:
    """Write `generated/cli.md` from the help texts of the commands, by Typer's own generator."""
    page = DOCS / "generated" / "cli.md"
    page.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "typer", "rdrop_cli.cli.app", "utils", "docs"]
    options = ["--name", "rdrop", "--title", "Command line reference", "--output", str(page)]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)


def setup(app: Sphinx) -> None:
    """Write the generated page before Sphinx looks for pages."""
    app.connect("builder-inited", write_cli_reference)
