"""Messages for wrong usage: what is wrong with the command line, and what was probably meant."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from rdrop_cli.errors import UsageError, find_nearest
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.own import find_maker
from rdrop_cli.study.variants import REFERENCES, VARIANTS

KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
DATASET_NAMES = ("jena", "synthetic")
DATA_SUFFIXES = (".csv", ".tsv", ".txt", ".gz", ".zip", ".bz2", ".xz")


def explain_usage(error: typer.TyperException) -> str:
    """Return one line on what is wrong with an option, an argument or a command, and what was received."""
    context = getattr(error, "ctx", None)
    help_line = f"; see `{context.command_path} --help`" if context else ""
    if isinstance(error, typer.BadParameter) and error.param is not None:
        parameter, is_option = error.param, error.param.param_type_name == "option"
        return explain_value(error, max(parameter.opts, key=len) if is_option else parameter.display_name_raw)
    if name := getattr(error, "option_name", None):
        if getattr(error, "possibilities", None) is None:
            return f"{name}: expected a value{help_line}"
        known = [option for each in context.command.get_params(context) for option in each.opts] if context else []
        return f"no option {name}{hint_at(name, known) or help_line}"
    message = _uncapitalise(error.format_message())
    if message.startswith("no such command") and context:
        typed = message.partition("'")[2].partition("'")[0]
        return f"no command {typed!r}{hint_at(typed, context.command.commands) or help_line}"
    return message + help_line if message else "no such command"


def _uncapitalise(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def explain_value(error: typer.BadParameter, name: str) -> str:
    """Return what an option, called `name`, expects, and what it received; Typer's own message if that is not known."""
    cause: Any = error.__cause__  # pydantic's ValidationError knows the value
    if error.param is None or not hasattr(cause, "errors"):
        return _uncapitalise(error.format_message())
    received, descriptor = cause.errors()[0]["input"], error.param.type_descriptor
    if descriptor.choices:
        choices = [str(getattr(choice, "value", choice)) for choice in descriptor.choices]
        return f"{name}: expected one of {', '.join(choices)}, received {received!r}{hint_at(str(received), choices)}"
    kind = next((words for kind, words in KINDS.items() if kind in (descriptor.annotation, _inner(descriptor))), "")
    if not kind:
        return _uncapitalise(error.format_message())
    hint = _suggest_point(received) if kind == KINDS[float] else ""
    return f"{name}: expected {kind}{_describe_bounds(error.param)}, received {received!r}{hint}"


def _inner(descriptor: Any) -> Any:
    """Return the type in `int | None` that is not None; None if there is not exactly one."""
    kinds = [kind for kind in getattr(descriptor.annotation, "__args__", ()) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else None


def _describe_bounds(parameter: Any) -> str:
    if parameter.min is not None and parameter.max is not None:
        return f" from {parameter.min} to {parameter.max}"
    return f" of at least {parameter.min}" if parameter.min is not None else ""


def _suggest_point(received: object) -> str:
    point = str(received).replace(",", ".")
    return f"; did you mean {point!r}?" if point != received and point.replace(".", "", 1).isdigit() else ""


def hint_at(typed: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` if a known name is similar to the typed one, else an empty string."""
    near = find_nearest(typed, known)
    return f"; did you mean {near!r}?" if near else ""


def check_variant_names(names: Sequence[str], command: str) -> None:
    """Check the names of variants that a command received as arguments.

    Raises:
        UsageError: a name is not a variant, or is a cell or a dataset, for which there is an option.
    """
    for name in names:
        if name in VARIANTS or (command == "train" and (name in REFERENCES or find_maker(name))):
            continue
        if name in CELLS:
            raise UsageError(f"{name!r} is a cell, not a variant; use `rdrop {command} --cell {name}`")
        if command == "train" and _names_data(name):
            missing = "" if Path(name).exists() or name in DATASET_NAMES else "; that file does not exist"
            raise UsageError(f"{name!r} is a dataset, not a variant; use `rdrop train --dataset {name}`{missing}")
        raise UsageError(f"no variant {name!r}{hint_at(name, VARIANTS) or '; see `rdrop variants`'}")


def _names_data(name: str) -> bool:
    return name in DATASET_NAMES or name.lower().endswith(DATA_SUFFIXES) or "/" in name or Path(name).is_file()
