"""Defaults from files: `./rdrop.toml` overrides the user's own file; flags and environment variables override both.

Only the options in `SETTABLE` and the folders can be set. An `rdrop.toml` may be in a stranger's folder, so no file can
set where pictures are written, what is downloaded or removed, or that no confirmation is asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup, TyperOption

from rdrop_cli.cli.hints import explain_value
from rdrop_cli.errors import RdropError, UsageError, suggest
from rdrop_cli.system import find_base_folder

if TYPE_CHECKING:
    from rdrop_cli.planning.toml import TomlFile

PROJECT_FILE = Path("rdrop.toml")
FOLDERS = ("runs_dir", "data_dir")  # for every command that has them: at the top of a file, or in the command's table
DATA = (
    *("time", "date_format", "timezone", "decimal", "separator", "encoding", "sort", "resample"),
    *("target", "protocol", "lookback", "every", "horizon", "train_stop", "val_stop", "sentinels", "calendar"),
)
SETTABLE = {
    "train": (
        *("dataset", *DATA, "epochs", "steps_per_epoch", "batch_size", "units", "cell", "seed", "engine"),
        *("optimizer", "learning_rate", "loss", "quantiles", "clip_norm", "patience"),
        *("layout", "target_scale", "sampling", "best_by"),
        *("jobs", "nice", "tensorboard"),
    ),
    "inspect": DATA,
    "sweep": ("jobs", "nice", "tensorboard"),
    "study": ("jobs", "nice"),
    "plot": ("unit", "published"),
    "runs": ("sort", "reverse", "limit"),
    "anatomy": ("cell",),
    "bench": ("rounds", "steps"),
}

Options = dict[str, dict[str, TyperOption]]  # by command and by the flag's name with underscores


@dataclass(frozen=True)
class Default:
    """A value that a file sets for an option of one command, or of all that have it if `command` is empty."""

    file: "TomlFile"
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
        return _locate(self.file, *self.keys)


def read_default_map(ctx: typer.Context) -> dict[str, dict[str, Any]]:
    """Return the defaults that the files set, by command and parameter, as Typer's `default_map`.

    Raises:
        UsageError: a file cannot be read, or sets something that it may not; the message names the line.
    """
    options = list_options(ctx)
    return {
        command: {options[command][option].name: default.value for option, default in defaults.items()}
        for command, defaults in resolve_defaults(ctx).items()
    }


def resolve_defaults(ctx: typer.Context) -> dict[str, dict[str, Default]]:
    """Return the default in effect for each command and option that a file sets.

    Raises:
        UsageError: as for `read_default_map`.
    """
    options = list_options(ctx)
    resolved: dict[str, dict[str, Default]] = {}
    for path in (*find_user_file(), PROJECT_FILE):
        defaults = list(_read_defaults(path, options, ctx))
        for default in sorted(defaults, key=lambda default: bool(default.command)):  # tables last: they win
            for command in [default.command] if default.command else options:
                if default.option in options[command]:
                    resolved.setdefault(command, {})[default.option] = default
    return resolved


def find_path(ctx: typer.Context, parameter: str) -> Path | None:
    """Return the path that a parameter of the command being completed will have; None for the built-in default.

    A file that cannot be read is ignored: completion must not print errors.
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
    """Return the path of the user's own file, which may not exist; empty if the user has no home folder."""
    try:
        base = find_base_folder("XDG_CONFIG_HOME") or Path.home() / ".config"
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
    """Yield the defaults that a file sets; none if the file does not exist."""
    file = _read_file(path)
    if file is None:
        return
    folders = {option: found for each in options.values() for option, found in each.items() if option in FOLDERS}
    for name, value in file.content.items():
        if isinstance(value, dict):
            if name not in options:
                raise UsageError(f"{_locate(file, name)}: no command {name!r}; {suggest(name, options)}")
            for option, inner in value.items():
                yield _check(Default(file, name, option, inner), options[name], ctx)
        else:
            yield _check(Default(file, "", name, value), folders, ctx)


def _read_file(path: Path) -> "TomlFile | None":
    """Read a file of defaults; None if there is none. The parser is imported only if the file exists.

    A file in a folder that this user may not enter counts as missing: HOME may be another user's.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); fix or remove the file") from error
    from rdrop_cli.planning.toml import read_toml

    return read_toml(path)


def _locate(file: "TomlFile", *keys: str) -> str:
    line = file.find_line(*keys)
    return f"{file.path}:{line}" if line else str(file.path)


def _check(default: Default, options: dict[str, TyperOption], ctx: typer.Context) -> Default:
    """Return a default with its value in the option's type.

    Raises:
        UsageError: the option does not exist, may not be set by a file, or does not accept the value.
    """
    from rdrop_cli.planning.toml import WORDS, read_value

    if default.option not in options:
        if default.command:
            hint = suggest(default.option, options)
            raise UsageError(
                f"{default.origin}: `rdrop {default.command}` takes no {default.option!r} from a file; {hint}"
            )
        expected = f"only {' and '.join(FOLDERS)} stand outside the tables"
        raise UsageError(f"{default.origin}: {expected}; put {default.option!r} under its command, as in [train]")
    option = options[default.option]
    wanted = option.type_descriptor.annotation
    kind = wanted if wanted in WORDS else str
    is_path = wanted is Path or default.option == "dataset"
    try:
        value = read_value(default.option, default.value, (kind,), is_path)
        option.process_value(ctx, value)
    except UsageError as error:
        raise UsageError(f"{default.origin}: {error.describe(lambda *_: default.name)}") from error
    except typer.BadParameter as error:
        raise UsageError(f"{default.origin}: {explain_value(error, default.name)}") from error
    return replace(default, value=value)


@contextmanager
def blame_defaults(ctx: typer.Context) -> Iterator[None]:
    """Name the file, the line and the key in the error of an option that a file sets: the user typed no flag."""
    try:
        yield
    except RdropError as error:
        refused, default = error, _find_default(ctx, error.field)
        if default is None:
            raise
        key = default.name
        text = refused.describe(lambda field, value: key if field == refused.field else name_flag(field, value))
        kind = UsageError if isinstance(error, UsageError) else RdropError
        raise kind(f"{default.origin}: {text}") from error


def _find_default(ctx: typer.Context, field: str) -> Default | None:
    """Return the default that sets an option of the running command; None if a flag or nothing does."""
    command = str(ctx.info_name)
    option = list_options(ctx).get(command, {}).get(field)
    source = ctx.get_parameter_source(option.name or "") if option else None
    if source is None or source.name != "DEFAULT_MAP":
        return None
    return resolve_defaults(ctx)[command][field]


def name_flag(field: str, value: str) -> str:
    """Return an option as it is written on the command line: `--val-stop`, `--sentinels fill`."""
    return f"--{field.replace('_', '-')} {value}".rstrip()
