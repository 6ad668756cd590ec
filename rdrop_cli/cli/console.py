"""What goes to stderr for people: notes, warnings, tables' width."""

import os
from typing import TYPE_CHECKING, Any, Literal

from rdrop_cli.errors import make_printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from rdrop_cli.series.table import Source


def make_console(stderr: bool = True) -> "Console":
    """Return a console that wraps nothing where the output is read by a program; NO_COLOR is honoured."""
    from rich.console import Console

    class PrintableConsole(Console):
        """Escapes what could steer the terminal, whatever file a text comes from."""

        def render_str(self, text: str, **how: Any) -> "Text":
            return super().render_str(make_printable(text), **how)

    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"  # rich would keep bold
    console = PrintableConsole(stderr=stderr, highlight=False, soft_wrap=True, color_system=colours)
    if not console.is_terminal:
        console.width = 1000  # a pipe has no width: no cell is cut
    return console


def warn_if_unverified(console: "Console", source: "Source") -> None:
    """Say loudly that a dataset has the published structure but not the published content."""
    if source.verified is False:
        console.print(
            f"WARNING: {source.name} from {source.origin} has the published structure but another checksum "
            f"(SHA-256 {source.sha256[:12]}…): these are not the published readings. Every run made from them says so.",
            style="bold yellow",
            markup=False,
        )
