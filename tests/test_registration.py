import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
READ = "print(type(keras.saving.get_registered_object('rdrop>DropoutGRU')).__name__)"


@pytest.mark.parametrize("imports", ["import keras, rdrop_cli", "import rdrop_cli, keras"])
def test_keras_knows_the_layers_in_either_order_of_imports(imports: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"{imports}; {READ}"], capture_output=True, text=True, check=True)
    assert done.stdout == "type\n"


def test_without_rdrop_keras_does_not_know_them() -> None:
    done = subprocess.run([sys.executable, "-c", f"import keras; {READ}"], capture_output=True, text=True, check=True)
    assert done.stdout == "NoneType\n"


def test_importing_rdrop_imports_no_heavy_library() -> None:
    code = "import sys, rdrop_cli; print({'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
