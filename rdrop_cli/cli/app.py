"""The command line: its commands, and the handling of errors."""

import errno
import io
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import rdrop_cli
from rdrop_cli.cli.anatomy import anatomy
from rdrop_cli.cli.bench import bench
from rdrop_cli.cli.calibrate import calibrate
from rdrop_cli.cli.config import config
from rdrop_cli.cli.console import Verbosity, print_error, set_verbosity
from rdrop_cli.cli.defaults import blame_defaults, name_flag, read_default_map
from rdrop_cli.cli.download import download
from rdrop_cli.cli.export import export
from rdrop_cli.cli.forecast import forecast
from rdrop_cli.cli.help import GroupedCommand, GroupedCommands
from rdrop_cli.cli.hints import explain_usage
from rdrop_cli.cli.inspect import inspect
from rdrop_cli.cli.plot import plot
from rdrop_cli.cli.report import report
from rdrop_cli.cli.rm import rm
from rdrop_cli.cli.runs import list_runs
from rdrop_cli.cli.show import show
from rdrop_cli.cli.signals import INTERRUPTED, READER_GONE, TERMINATED, Terminated, end_on_signals
from rdrop_cli.cli.study import study
from rdrop_cli.cli.sweep import sweep
from rdrop_cli.cli.train import train
from rdrop_cli.cli.variants import variants
from rdrop_cli.cli.verdict import verdict
from rdrop_cli.cli.verify import repair, verify
from rdrop_cli.errors import RdropError

HELP = "Does your recurrent network overfit, and which dropout helps? Train and compare."
GROUPS: dict[str, dict[str, Callable[..., None]]] = {
    "Data": {"download": download, "inspect": inspect},
    "Training": {"train": train, "sweep": sweep, "study": study},
    "Results": {"runs": list_runs, "show": show, "plot": plot, "verdict": verdict, "report": report},
    "Forecasts": {"forecast": forecast, "calibrate": calibrate},
    "Housekeeping": {"export": export, "verify": verify, "repair": repair, "rm": rm, "config": config},
    "Methods": {"variants": variants, "anatomy": anatomy, "bench": bench},
}


class Command(GroupedCommand):
    """A command whose errors name what the user wrote: a flag, or a key in a file of defaults."""

    def invoke(self, ctx: Any) -> Any:
        with blame_defaults(ctx):
            return super().invoke(ctx)


app = typer.Typer(
    name="rdrop",
    cls=GroupedCommands,
    help=HELP,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group, commands in GROUPS.items():
    for name, command in commands.items():
        app.command(name, cls=Command, rich_help_panel=group)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rdrop {rdrop_cli.__version__}")
        raise typer.Exit


@app.callback(help=HELP)
def configure(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.default_map = read_default_map(ctx)


@cache
def build_commands() -> TyperGroup:
    """Build Typer's commands from the functions' signatures; this takes longer than most commands."""
    commands = typer.main.get_command(app)
    assert isinstance(commands, TyperGroup)
    return commands


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0, 1 failure, 2 wrong usage, 130 Ctrl-C, 141 closed pipe, 143 SIGTERM.

    Every error that a user can cause is one line on stderr. A reader that closes the pipe early, such as `head`, gets
    no message.
    """
    _encode_anything()
    try:
        code = _run(arguments)
    finally:
        set_verbosity(Verbosity.NORMAL)
    error = _finish_stdout()
    return _explain(error) if error and code == 0 else code


def _run(arguments: list[str]) -> int:
    try:
        with end_on_signals():
            code = build_commands()(arguments or ["--help"], prog_name="rdrop", standalone_mode=False)
    except RdropError as error:
        return _fail(error.describe(name_flag), error.exit_code)
    except typer.TyperException as error:
        return _fail(explain_usage(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped", INTERRUPTED)
    except Terminated:
        return _fail("stopped by SIGTERM", TERMINATED)
    except OSError as error:
        return _explain(_finish_stdout() or error)
    except SystemExit as ended:  # from Typer: a word was completed, or the reader has closed the pipe
        return READER_GONE if ended.code else 0
    if code == INTERRUPTED:  # Typer caught the KeyboardInterrupt itself
        return _fail("stopped", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _finish_stdout() -> OSError | None:
    """Flush stdout; if that fails, discard the rest, which Python would otherwise try to write again at exit."""
    try:
        sys.stdout.flush()
    except OSError as error:
        error.filename = "stdout"
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 -- open until the process ends
        return error
    return None


def _explain(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):
        return READER_GONE
    where = f"{error.filename}: " if error.filename else ""
    hint = "; free some space and run the command again" if error.errno == errno.ENOSPC else ""
    return _fail(f"{where}{error.strerror or error}{hint}", RdropError.exit_code)


def _fail(message: str, code: int) -> int:
    print_error(" ".join(message.split()))
    return code


def _encode_anything() -> None:
    """Make stdout escape characters that it cannot encode, as stderr does: file names need not be Unicode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
