"""A part of a run document, read by attributes and by the paths of the JSON."""

from typing import Any

from msgspec import Struct


class Fields(Struct, frozen=True, kw_only=True):
    """A part of the document. `metrics["best"]["val_mae"]`, the path of the JSON, reads it as well as attributes do."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.__struct_fields__:
            raise KeyError(name)
        return getattr(self, name)
