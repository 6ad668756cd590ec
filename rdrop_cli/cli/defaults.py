"""Defaults from files: `./rdrop.toml` before the user's own file, and after flags and environment variables.

Only what `SETTABLE` lists can be set: an `rdrop.toml` may lie in a stranger's folder, so no file says where pictures
are written, what is fetched or removed, or that nobody is to be asked.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption

from rdrop_cli.errors import UsageError

PROJECT_FILE = Path("rdrop.toml")
MAX_BYTES = 64 << 10
FOLDERS = ("runs_dir", "data_dir")  # of every command that has them: at the top of a file, or in the command's table
DATA = ("time", "target", "protocol", "lookback", "every", "horizon", "train_stop", "val_stop", "sentinels")
SETTABLE = {
    "train": (
        *("dataset", *DATA, "epochs", "steps_per_epoch", "batch_size", "units", "cell", "seed", "engine"),
        *("jobs", "tensorboard"),
    ),
    "inspect": DATA,
    "sweep": ("jobs", "tensorboard"),
    "plot": ("unit", "published"),
    "runs": ("sort", "reverse", "limit"),
    "anatomy": ("cell",),
    "bench": ("rounds", "steps"),
}
LENGTHS = ("lookback", "every", "horizon", "train_stop", "val_stop")  # texts that may be a number of rows, or a date
EXPECTED = {bool: "true or false", int: "a whole number"}  # and a text in quotes for everything else
LARGEST = 2**53  # of whole numbers; Python refuses to write much larger ones down

Options = dict[str, dict[str, TyperOption]]  # by command, and by the flag's name with underscores


@dataclass(frozen=True)
class Default:
    """A value that a file gives an option: of one command, or where `command` is empty of all that have it."""

    path: Path
    text: str
    command: str
    option: str
    value: Any

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.command, self.option) if self.command else (self.option,)

    @property
    def name(self) -> str:
        return ".".join(self.keys)

    @property
    def origin(self) -> str:
        """The file and the line."""
        return _locate(self.path, self.text, *self.keys)


def read_default_map(ctx: typer.Context) -> dict[str, dict[str, Any]]:
    """Return what the files set, by command and parameter: what Typer takes as `default_map`.

    Raises:
        UsageError: a file cannot be read, or sets what it cannot, named with its line.
    """
    options = list_options(ctx)
    return {
        command: {options[command][option].name: default.value for option, default in defaults.items()}
        for command, defaults in settle_defaults(ctx).items()
    }


def settle_defaults(ctx: typer.Context) -> dict[str, dict[str, Default]]:
    """Return the default that holds for each command and option that a file sets.

    Raises:
        UsageError: as `read_default_map` does.
    """
    options = list_options(ctx)
    settled: dict[str, dict[str, Default]] = {}
    for path in (*find_user_file(), PROJECT_FILE):
        defaults = list(_read_defaults(path, options, ctx))
        for default in sorted(defaults, key=lambda default: bool(default.command)):  # a table's before those of all
            for command in [default.command] if default.command else options:
                if default.option in options[command]:
                    settled.setdefault(command, {})[default.option] = default
    return settled


def find_path(ctx: typer.Context, parameter: str) -> Path | None:
    """Return the path that the command being completed will have, None for the built-in one.

    A file that cannot be read counts as none: a word being completed is no time to complain.
    """
    source = ctx.get_parameter_source(parameter)
    if source is not None and source.name != "DEFAULT":
        path = ctx.params.get(parameter)
    else:
        try:
            path = read_default_map(ctx).get(str(ctx.info_name), {}).get(parameter)
        except UsageError:
            return None
    return None if path is None else Path(path)


def find_user_file() -> list[Path]:
    """Return where the user's own file is or would be; nowhere for a user without a home."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    try:
        base = folder if folder.is_absolute() else Path.home() / ".config"
    except RuntimeError:
        return []
    return [base / "rdrop" / "config.toml"]


def list_options(ctx: typer.Context) -> Options:
    """Return the options that a file may set."""
    return {
        command: {
            option: parameter
            for option, parameter in _name_options(ctx, command).items()
            if option in (*FOLDERS, *SETTABLE.get(command, ()))
        }
        for command in _get_group(ctx).commands
    }


def _name_options(ctx: typer.Context, command: str) -> dict[str, TyperOption]:
    parameters = [each for each in _get_group(ctx).commands[command].params if isinstance(each, TyperOption)]
    return {max(each.opts, key=len).removeprefix("--").replace("-", "_"): each for each in parameters}


def _get_group(ctx: typer.Context) -> TyperGroup:
    group = ctx.find_root().command
    assert isinstance(group, TyperGroup)
    return group


def _read_defaults(path: Path, options: Options, ctx: typer.Context) -> Iterator[Default]:
    """Yield what a file sets; nothing where there is no such file."""
    text = _read_text(path)
    if text is None:
        return
    import tomllib

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a ValueError of its own
        raise UsageError(f"{path}: is no TOML: {error}; mend it or move it away") from error
    folders = {option: found for each in options.values() for option, found in each.items() if option in FOLDERS}
    for name, value in document.items():
        if isinstance(value, dict):
            if name not in options:
                raise UsageError(f"{_locate(path, text, name)}: no command {name!r}{_suggest(name, options)}")
            for option, inner in value.items():
                yield _check(Default(path, text, name, option, inner), options[name], ctx)
        else:
            yield _check(Default(path, text, "", name, value), folders, ctx)


def _read_text(path: Path) -> str | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise UsageError(f"{path}: expected a TOML file of at most {MAX_BYTES >> 10} KiB; move it away")
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); mend it or move it away") from error


def _locate(path: Path, text: str, *keys: str) -> str:
    from rdrop_cli.planning.toml_lines import find_lines

    line = find_lines(text).get(keys)
    return f"{path}:{line}" if line else str(path)


def _check(default: Default, options: dict[str, TyperOption], ctx: typer.Context) -> Default:
    """Return a default with its value as the option takes it.

    Raises:
        UsageError: there is no such option, no file may set it, or it takes no such value.
    """
    if default.option not in options:
        if default.command:
            hint = _suggest(default.option, options)
            raise UsageError(
                f"{default.origin}: `rdrop {default.command}` takes no {default.option!r} from a file{hint}"
            )
        expected = f"only {' and '.join(FOLDERS)} stand outside the tables"
        raise UsageError(f"{default.origin}: {expected}; put {default.option!r} under its command, as in [train]")
    value = _read_value(default, options[default.option])
    try:
        options[default.option].process_value(ctx, value)
    except typer.BadParameter as error:
        raise UsageError(f"{default.origin}: {error.format_message()}") from error
    return replace(default, value=value)


def _read_value(default: Default, parameter: TyperOption) -> Any:
    """Return a value of the type that an option takes, with the user's home for `~/`, as a shell has it."""
    value, wanted = default.value, parameter.type_descriptor.annotation
    if type(value) is int and abs(value) > LARGEST:
        raise UsageError(f"{default.origin}: {default.name}: expected a smaller number")
    if default.option in LENGTHS and (type(value) is int or isinstance(value, date)):
        value = str(value)
    if type(value) is not (wanted if wanted in EXPECTED else str):
        expected = EXPECTED.get(wanted, "a text in quotes")
        received = f"{value!r:.40}" if isinstance(value, str | int | float) else f"a {type(value).__name__}"
        raise UsageError(f"{default.origin}: {default.name}: expected {expected}, received {received}")
    if isinstance(value, str) and value.startswith("~/") and (wanted is Path or default.option == "dataset"):
        return os.path.expanduser(value)  # noqa: PTH111 -- leaves it as it is for a user without a home
    return value


def _suggest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known) or 'none'}"
