"""What goes to a terminal: who hears what, and tables that fit its width."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from textwrap import wrap
from threading import Timer
from typing import TYPE_CHECKING, Any, Literal

from rdrop_cli.errors import UsageError, make_printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from rdrop_cli.series.table import Source

UNLIMITED = 100_000  # columns of a pipe or a file
USUAL_COLUMNS = 80  # of a terminal that says it has none
WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "drop_whitespace": True}
SECONDS_BEFORE_LINE = 0.15  # that somebody waits without a word
GAP = 2  # columns between two of a table
FIRST_COMBINING = "\u0300"  # every printable character before it takes one column
READABLE = 24  # columns of the narrowest column of sentences


class Verbosity(IntEnum):
    """What of the notes and the progress on stderr is shown; errors always are."""

    QUIET = -1
    NORMAL = 0
    VERBOSE = 1


_verbosity = Verbosity.NORMAL


def get_verbosity() -> Verbosity:
    return _verbosity


def set_verbosity(verbosity: Verbosity) -> None:
    """Choose what this process shows, as `--quiet` and `--verbose` ask.

    Raises:
        UsageError: both ask.
    """
    global _verbosity  # noqa: PLW0603 -- one process has one terminal, as it has one logging level
    if verbosity and _verbosity not in (Verbosity.NORMAL, verbosity):
        raise UsageError("--quiet and --verbose exclude each other; pass one of them")
    _verbosity = verbosity


def make_console(stderr: bool = True) -> "Console":
    """Return a console that wraps nothing where the output is read by a program.

    NO_COLOR is honoured, and so is FORCE_COLOR, which would make a terminal of a log: 80 columns and a live display.
    """
    from rich.console import Console

    class PrintableConsole(Console):
        """Escapes what could steer the terminal, whatever file a text comes from."""

        def render_str(self, text: str, **how: Any) -> "Text":
            return super().render_str(make_printable(text), **how)

    console = PrintableConsole(
        stderr=stderr,
        highlight=False,
        emoji=False,  # `:b:` in a name is no picture
        soft_wrap=True,
        color_system=_choose_colours(),
        force_terminal=(sys.stderr if stderr else sys.stdout).isatty(),
    )
    console.width = console.width or USUAL_COLUMNS if console.is_terminal else UNLIMITED
    return console


def _choose_colours() -> Literal["auto", "standard"] | None:
    if os.environ.get("NO_COLOR"):  # with which rich would keep bold
        return None
    return "standard" if os.environ.get("FORCE_COLOR", "0") not in ("", "0") else "auto"


def note(text: str, style: str | None = None) -> None:
    """Print a line to stderr, unless `--quiet` is given."""
    if _verbosity is not Verbosity.QUIET:
        print_wrapped(make_console(), text, style)


def note_command(words: str, command: str) -> None:
    """Print a command to be copied, with its words, to stderr, unless `--quiet` is given."""
    if _verbosity is not Verbosity.QUIET:
        print_command(make_console(), words, command)


@contextmanager
def show_stage(text: str) -> Iterator[None]:
    """Show what is done in the block: while it lasts on a terminal, elsewhere as a line if it takes long."""
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
    """Print a line to stderr, `--quiet` or not."""
    print_wrapped(make_console(), f"rdrop: {text}")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    console = make_console(stderr=False)
    for line in lines:
        print_wrapped(console, line)


def print_wrapped(console: "Console", text: str, style: str | None = None) -> None:
    """Print a line, wrapped between words to the terminal's width; a longer word, as of a path, stays whole."""
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    for line in wrap(make_printable(text), console.width, subsequent_indent=indent, **WHOLE_WORDS) or [""]:
        console.print(line, markup=False, style=style)


def print_command(console: "Console", words: str, command: str) -> None:
    """Print a command to be copied behind its words, or where both do not fit, whole on a line of its own."""
    line = f"{words} {command}"
    for part in [line] if len(line) <= console.width else [words, f"  {command}"]:
        console.print(make_printable(part), markup=False)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        right: whether its cells, figures, are aligned to the right.
        wraps: whether its cells are sentences, which may be wrapped between words.
        optional: whether a narrow terminal does without it; the last such column goes first.
    """

    name: str
    right: bool = False
    wraps: bool = False
    optional: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows to stdout so that no word and no figure is cut, however narrow the terminal.

    Where the columns do not fit, the optional ones go, from the right; where that is not enough, or none is optional,
    every row becomes a card: a line for each of its cells.
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
    """Print each row as one line, as `_build_table` does, but ten thousand of them in a moment."""
    cells = zip(*rows, strict=True)
    padded = [_pad([column.name, *below], column.right) for column, below in zip(columns, cells, strict=True)]
    head, *lines = map((" " * GAP).join, zip(*padded, strict=True))
    console.print(head, style="bold", markup=False)
    rule = "-" if console.options.ascii_only else "─"  # ISO 8859 has no such line, and six characters for its escape
    console.print(rule * _measure(head), markup=False)
    console.file.write("\n".join(lines) + "\n")


def _pad(cells: Sequence[str], right: bool) -> list[str]:
    """Fill cells to the width of the widest."""
    sizes = _measure_all(cells)
    width = max(sizes)
    rooms = [" " * (width - size) for size in sizes]
    return list(map(str.__add__, rooms, cells) if right else map(str.__add__, cells, rooms))


def _fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], shown: Sequence[int], width: int) -> bool:
    """Return whether columns fit: figures and names whole, sentences in a column that can be read."""
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
    """Warn that a dataset has the published structure but not the published content."""
    if source.verified is False:
        note(
            f"WARNING: {source.name} from {source.origin} has the published structure but another checksum "
            f"(SHA-256 {source.sha256[:12]}…): these are not the published readings. Every run records this.",
            style="bold yellow",
        )
