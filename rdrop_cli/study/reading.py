"""Options for reading a user's file, for properties that cannot be detected or are detected wrongly."""

from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

from rdrop_cli.errors import DataError, UsageError, ValueRefusedError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}


@dataclass(frozen=True)
class Reading:
    """The options for reading a file; empty ones are determined from the complete file and reported.

    The text of each annotation documents the field in the JSON Schema of `config.json`.

    Raises:
        UsageError: a value is invalid.
    """

    time: Annotated[str, "the column of timestamps; several that make one together are joined by `+`"] = ""
    date_format: Annotated[str, "of the timestamps, as in `datetime.strptime`"] = ""
    timezone: Annotated[str, "in which timestamps without an offset are local time, as `Europe/Berlin`"] = ""
    decimal: Annotated[str, "the decimal mark of all numbers, `.` or `,`; the other one groups thousands"] = ""
    separator: Annotated[str, "between cells"] = ""
    encoding: Annotated[str, "of the text, by a name that Python knows"] = ""
    missing: Annotated[tuple[str, ...], "cells that stand for no reading, as text or as a number"] = ()
    where: Annotated[tuple[str, ...], "`COLUMN=VALUE`, all of which the rows that are read must have"] = ()
    sort: Annotated[bool, "whether rows are ordered by time"] = False
    resample: Annotated[str, "the length of equal steps, as `1h`, over which readings are averaged"] = ""
    keep: Annotated[tuple[str, ...], "inputs although they only count rows or never change in training"] = ()

    def __post_init__(self) -> None:
        for name in ("missing", "where", "keep"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(str(item) for item in value))
        object.__setattr__(self, "separator", SEPARATORS.get(self.separator, self.separator))
        if self.decimal not in ("", ".", ","):
            raise ValueRefusedError("decimal", self.decimal, ". or ")
        if self.separator not in ("", *SEPARATORS.values()):
            raise ValueRefusedError("separator", self.separator, f"one of {', '.join(SEPARATORS)}")
        for condition in self.where:
            if not condition.partition("=")[0] or "=" not in condition:
                raise ValueRefusedError("where", condition, "COLUMN=VALUE")
        if self.encoding:
            _check_encoding(self.encoding)
        if self.timezone:
            _check_timezone(self.timezone)

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """The columns and the values that rows must have in them; one column may be named several times."""
        return tuple((name, value) for name, _, value in (condition.partition("=") for condition in self.where))

    def to_json(self) -> dict[str, Any]:
        """Return the options that are set."""
        default = Reading()
        return {name: value for name, value in asdict(self).items() if value != getattr(default, name)}

    def __str__(self) -> str:
        """Return the options that are set, except `where`: `missing=-1|-9, resample=1h`; empty if none is."""
        options = {name: value for name, value in self.to_json().items() if name != "where"}
        joined = ("|".join(sorted(value)) if isinstance(value, tuple) else value for value in options.values())
        return ", ".join(f"{name}={value}" for name, value in zip(options, joined, strict=True))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Reading":
        """Rebuild the options from `to_json`.

        Raises:
            DataError: an option is unknown, or has another type.
        """
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for name, item in value.items():
            if name not in kinds or not isinstance(item, list | tuple if kinds[name] is tuple else kinds[name]):
                raise DataError(f"not an option of reading: {name} = {item!r}")
        try:
            return cls(**value)
        except UsageError as error:
            raise DataError(str(error)) from error


def _check_encoding(name: str) -> None:
    import codecs

    try:
        codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise ValueRefusedError("encoding", name, "a name such as cp1252 or utf-16") from error


def _check_timezone(name: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueRefusedError("timezone", name, "a name such as Europe/Berlin") from error


AS_FOUND = Reading()
