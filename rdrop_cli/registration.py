"""Let Keras load the saved networks of every variant, without importing Keras before the program does."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

LAYERS = "rdrop_cli.nn.layers"  # registers its classes with Keras when it is imported


def register_layers() -> None:
    """Register rdrop's layers with Keras: now if Keras is imported, otherwise when it is imported."""
    if "keras" in sys.modules:
        _import_layers(sys.modules["keras"])
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


def _import_layers(keras: ModuleType) -> None:
    if keras.backend.backend() == "tensorflow":  # the layers need TensorFlow
        importlib.import_module(LAYERS)


class _KerasFinder(MetaPathFinder):
    """Waits for the import of Keras."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _KerasLoader(spec.loader)
        return spec


class _KerasLoader(Loader):
    """Loads Keras with its own loader, then rdrop's layers."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if "rdrop_cli.nn" not in sys.modules:  # otherwise rdrop itself imports Keras, and its layers when needed
            _import_layers(module)
