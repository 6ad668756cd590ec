"""Output to the terminal: messages by verbosity, and tables that fit its width."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from textwrap import wrap
from threading import Timer
from typing import TYPE_CHECKING, Any, Literal

from rdrop_cli.errors import UsageError, make_printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from rdrop_cli.series.table import Source

UNLIMITED = 100_000  # columns, if the output is a pipe or a file
USUAL_COLUMNS = 80  # if a terminal reports a width of 0
WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "drop_whitespace": True}
SECONDS_BEFORE_LINE = 0.15  # before a stage without a terminal is shown as a line
GAP = 2  # characters between two columns of a table
FIRST_COMBINING = "\u0300"  # every printable character before this one takes one cell
READABLE = 24  # characters: the least width of a column of sentences


class Verbosity(IntEnum):
    """How many notes and how much progress stderr shows; errors are always shown."""

    QUIET = -1
    NORMAL = 0
    VERBOSE = 1


_verbosity = Verbosity.NORMAL
_shown_as: dict[str, str] = {}  # temporary folders, and what messages call them


def get_verbosity() -> Verbosity:
    return _verbosity


def set_verbosity(verbosity: Verbosity) -> None:
    """Set the verbosity of this process, as `--quiet` and `--verbose` do.

    Raises:
        UsageError: both are given.
    """
    global _verbosity  # noqa: PLW0603 -- one terminal per process, as with the logging level
    if verbosity and _verbosity not in (Verbosity.NORMAL, verbosity):
        raise UsageError("--quiet and --verbose exclude each other; pass one of them")
    _verbosity = verbosity


def show_as(folder: str, path: Path) -> None:
    """Let messages name a path instead of the temporary folder with its content, which a reader does not know."""
    _shown_as[folder] = str(path)


def make_console(stderr: bool = True) -> "Console":
    """Return a console that does not wrap if a program reads the output.

    NO_COLOR and FORCE_COLOR set the colours only: in rich, FORCE_COLOR would also treat a log as a terminal, with 80
    columns and a live display.
    """
    from rich.console import Console

    class PrintableConsole(Console):
        """Escapes control characters, since a text may come from any file."""

        def render_str(self, text: str, **how: Any) -> "Text":
            return super().render_str(make_printable(text), **how)

    console = PrintableConsole(
        stderr=stderr,
        highlight=False,
        emoji=False,  # `:b:` in a name stays as it is
        soft_wrap=True,
        color_system=_choose_colours(),
        force_terminal=(sys.stderr if stderr else sys.stdout).isatty(),
    )
    console.width = console.width or USUAL_COLUMNS if console.is_terminal else UNLIMITED
    return console


def _choose_colours() -> Literal["auto", "standard"] | None:
    if os.environ.get("NO_COLOR"):  # rich itself would keep bold
        return None
    return "standard" if os.environ.get("FORCE_COLOR", "0") not in ("", "0") else "auto"


def note(text: str, style: str | None = None) -> None:
    """Print a line to stderr, unless `--quiet` is given."""
    if _verbosity is not Verbosity.QUIET:
        print_wrapped(make_console(), text, style)


def note_command(words: str, command: str) -> None:
    """Print a command to copy, after an introduction, to stderr, unless `--quiet` is given."""
    if _verbosity is not Verbosity.QUIET:
        print_command(make_console(), words, command)


@contextmanager
def show_stage(text: str) -> Iterator[None]:
    """Show what the block does: on a terminal while the block runs; elsewhere as a line, if it takes long."""
    console = make_console()
    if console.is_terminal and not console.is_dumb_terminal and _verbosity is not Verbosity.QUIET:
        with console.status(text):
            yield
        return
    timer = Timer(SECONDS_BEFORE_LINE, note, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def print_error(text: str) -> None:
    """Print a line to stderr, even with `--quiet`."""
    print_wrapped(make_console(), f"rdrop: {text}")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    console = make_console(stderr=False)
    for line in lines:
        print_wrapped(console, line)


def print_wrapped(console: "Console", text: str, style: str | None = None) -> None:
    """Print a line, wrapped between words to the terminal's width; a longer word, such as a path, is not broken."""
    for folder, path in _shown_as.items():
        text = text.replace(folder, path)
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    for line in wrap(make_printable(text), console.width, subsequent_indent=indent, **WHOLE_WORDS) or [""]:
        console.print(line, markup=False, style=style)


def print_command(console: "Console", words: str, command: str) -> None:
    """Print a command to copy after its introduction; if both do not fit, unbroken on a line of its own."""
    line = f"{words} {command}"
    for part in [line] if len(line) <= console.width else [words, f"  {command}"]:
        console.print(make_printable(part), markup=False)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        right: whether its cells are aligned to the right, as numbers are.
        wraps: whether its cells are sentences, which may be wrapped between words.
        optional: whether a narrow terminal omits it; the last such column is omitted first.
    """

    name: str
    right: bool = False
    wraps: bool = False
    optional: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows to stdout; no word or number is cut, however narrow the terminal is.

    If the columns do not fit, the optional ones are omitted, from the right. If that is not enough, every row becomes a
    card: one line per cell.
    """
    if not rows:
        return
    console = make_console(stderr=False)
    rows = [row if "".join(row).isprintable() else [make_printable(cell) for cell in row] for row in rows]
    shown = list(range(len(columns)))
    while console.width < UNLIMITED and not _fit(columns, rows, shown, console.width):
        optional = [index for index in shown if columns[index].optional]
        if not optional:
            _print_cards(columns, rows, console)
            return
        shown.remove(optional[-1])
    columns, rows = [columns[index] for index in shown], [[row[index] for index in shown] for row in rows]
    if any(column.wraps for column in columns):
        console.print(_build_table(columns, rows))
    else:
        _print_lines(columns, rows, console)


def _print_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: "Console") -> None:
    """Print each row as one line that looks like a row of `_build_table`, but much faster for thousands of rows."""
    cells = zip(*rows, strict=True)
    padded = [_pad([column.name, *below], column.right) for column, below in zip(columns, cells, strict=True)]
    head, *lines = map((" " * GAP).join, zip(*padded, strict=True))
    console.print(head, style="bold", markup=False)
    rule = "-" if console.options.ascii_only else "─"  # ISO 8859 lacks "─", and its escape takes six characters
    console.print(rule * _measure(head), markup=False)
    console.file.write("\n".join(lines) + "\n")


def _pad(cells: Sequence[str], right: bool) -> list[str]:
    """Pad cells to the width of the widest."""
    sizes = _measure_all(cells)
    width = max(sizes)
    rooms = [" " * (width - size) for size in sizes]
    return list(map(str.__add__, rooms, cells) if right else map(str.__add__, cells, rooms))


def _fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], shown: Sequence[int], width: int) -> bool:
    """Return whether columns fit: numbers and names uncut, and sentences in a column that is wide enough to read."""
    needed = GAP * (len(shown) - 1)
    for index in shown:
        column, cells = columns[index], [columns[index].name, *(row[index] for row in rows)]
        longest = max(_measure_all(cells))
        needed += min(longest, max(READABLE, *map(_measure, " ".join(cells).split()))) if column.wraps else longest
    return needed <= width


def _measure_all(cells: Sequence[str]) -> list[int]:
    joined = "".join(cells)
    return list(map(len, cells)) if _is_narrow(joined) else list(map(_measure, cells))


def _is_narrow(text: str) -> bool:
    """Whether every character takes one cell of a terminal."""
    return text.isascii() or max(text) < FIRST_COMBINING


def _measure(text: str) -> int:
    if _is_narrow(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _build_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for column in columns:
        table.add_column(column.name, justify="right" if column.right else "left", no_wrap=not column.wraps)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _print_cards(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: "Console") -> None:
    label = max(_measure(column.name) for column in columns)
    indent = " " * (label + 4)
    for number, (head, *cells) in enumerate(rows):
        if number:
            console.print()
        console.print(head, style="bold", markup=False)
        for column, cell in zip(columns[1:], cells, strict=True):
            for line in wrap(
                f"  {column.name:<{label}}  {cell}", console.width, subsequent_indent=indent, **WHOLE_WORDS
            ):
                console.print(line, markup=False)


def warn_if_unverified(source: "Source") -> None:
    """Warn if a dataset has the published structure but not the published content."""
    if source.verified is False:
        note(
            f"WARNING: {source.name} from {source.origin} has the published structure but another checksum "
            f"(SHA-256 {source.sha256[:12]}…): these are not the published readings. Every run records this.",
            style="bold yellow",
        )
