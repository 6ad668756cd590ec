"""The base class for parts of a run document, readable by attribute and by JSON key."""

from typing import Any

from msgspec import Struct


class Fields(Struct, frozen=True, kw_only=True):
    """A part of the document, readable by attribute and by JSON key: `metrics["best"]["val_mae"]`."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.__struct_fields__:
            raise KeyError(name)
        return getattr(self, name)
