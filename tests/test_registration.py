import subprocess
import sys

import pytest

KNOWN = "keras.saving.get_registered_object('rdrop>DropoutGRU') is not None"


@pytest.mark.parametrize(
    ("code", "known"),
    [
        (f"import keras; print({KNOWN}); import rdrop_cli; print({KNOWN})", "False\nTrue\n"),
        (f"import rdrop_cli, keras; print({KNOWN})", "True\n"),
    ],
)
def test_keras_knows_the_layers_in_either_order_of_imports(code: str, known: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == known


def test_importing_rdrop_imports_no_heavy_library() -> None:
    code = "import sys, rdrop_cli; print({'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
