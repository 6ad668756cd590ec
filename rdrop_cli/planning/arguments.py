"""Check the arguments of a Python program: one of the wrong type is refused by name, before it is used."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from rdrop_cli.errors import ValueRefusedError, suggest

_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "True or False"}
_NUMBERS = {int: Integral, float: Real}


def check_arguments(**given: tuple[object, Any]) -> None:
    """Check values, given by name with the expected type, such as `int | None` or `Collection[str]`.

    Raises:
        ValueRefusedError: a value has another type.
    """
    for name, (value, kind) in given.items():
        if not _fits(value, kind):
            raise ValueRefusedError(name, value, " or ".join(_describe(kind)))


def check_options(options: Mapping[str, object], fields: type, known: Collection[str] = ()) -> None:
    """Check options against the types of the fields of the same names; a text is also accepted for a sequence of texts.

    Args:
        known: the valid options; empty for all fields.

    Raises:
        TypeError: an option does not exist.
        ValueRefusedError: an option has another type.
    """
    kinds = get_type_hints(fields)
    for name in options:
        if name not in (known or kinds):
            raise TypeError(f"no option {name!r}; {suggest(name, known or kinds)}")
    check_arguments(**{name: (value, kinds[name]) for name, value in options.items()})


def _fits(value: object, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:  # options of `Reading`, which converts numbers in them to texts
        return isinstance(value, str) or _holds_only(value, str | float)
    if origin in (Collection, Sequence):
        return (isinstance(value, str) and origin is Sequence) or _holds_only(value, parts[0])
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    return isinstance(value, kind)


def _holds_only(value: object, kind: Any) -> bool:
    """Return whether something is a list or another collection, with values of one type only.

    Generators are refused, because checking their values would consume them.
    """
    if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping) or not getattr(value, "ndim", 1):
        return False
    return all(_fits(item, kind) for item in value)


def _describe(kind: Any) -> list[str]:
    """Return descriptions of the expected types, without None, which stands for an argument that is not given."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return [words for part in parts if part is not NoneType for words in _describe(part)]
    if origin:
        return ["a list of whole numbers" if parts[0] is int else "a list of texts"]
    return [_WORDS.get(kind, f"a {kind.__name__}")]
