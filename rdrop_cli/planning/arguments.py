"""Arguments of a Python program: one of another type is refused by its name, before anything trips over it."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from rdrop_cli.errors import ValueRefusedError, suggest

_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "True or False"}
_NUMBERS = {int: Integral, float: Real}


def check_arguments(**given: tuple[object, Any]) -> None:
    """Check values by their names, each with the type it has to be of, such as `int | None` or `Collection[str]`.

    Raises:
        ValueRefusedError: one is of another type.
    """
    for name, (value, kind) in given.items():
        if not _fits(value, kind):
            raise ValueRefusedError(name, value, " or ".join(_describe(kind)))


def check_options(options: Mapping[str, object], fields: type, known: Collection[str] = ()) -> None:
    """Check options by the types of the fields of the same names; a single text may stand for a sequence of them.

    Args:
        known: the options that there are; none for all fields.

    Raises:
        TypeError: there is no such option.
        ValueRefusedError: one is of another type.
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
    if origin is tuple:  # of options of reading, which writes numbers among them as texts
        return isinstance(value, str) or _holds_only(value, str | float)
    if origin in (Collection, Sequence):
        return (isinstance(value, str) and origin is Sequence) or _holds_only(value, parts[0])
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    return isinstance(value, kind)


def _holds_only(value: object, kind: Any) -> bool:
    """Tell whether something is a list, or another collection of values, all of one kind.

    A generator is none: to look at its values uses them up.
    """
    if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping) or not getattr(value, "ndim", 1):
        return False
    return all(_fits(item, kind) for item in value)


def _describe(kind: Any) -> list[str]:
    """Say in words what is expected, but for None, which is what is not given."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return [words for part in parts if part is not NoneType for words in _describe(part)]
    if origin:
        return ["a list of whole numbers" if parts[0] is int else "a list of texts"]
    return [_WORDS.get(kind, f"a {kind.__name__}")]
