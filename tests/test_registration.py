import os
import subprocess
import sys

import pytest

from rdrop_cli import registration
from rdrop_cli.registration import register_layers

KNOWN = "keras.saving.get_registered_object('rdrop>DropoutGRU') is not None"


@pytest.mark.thorough
def test_keras_knows_the_layers_when_rdrop_is_imported_first() -> None:
    code = f"import rdrop_cli, keras; print({KNOWN})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.thorough
def test_a_setting_of_keras_for_jax_keeps_nobody_from_training() -> None:
    code = "import rdrop_cli.nn, keras; print(keras.config.backend())"
    foreign = {**os.environ, "KERAS_NNX_ENABLED": "true", "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=foreign)
    assert done.stdout == "tensorflow\n", done.stderr


def test_keras_knows_the_layers_when_it_is_imported_first(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    imported = list[str]()
    monkeypatch.setattr(registration.importlib, "import_module", imported.append)
    register_layers()
    assert imported == ["rdrop_cli.nn.layers"]
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    register_layers()
    assert imported == ["rdrop_cli.nn.layers"], "with another backend there is nothing to register"


def test_importing_rdrop_imports_no_heavy_library() -> None:
    code = "import sys, rdrop_cli; print({'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
