"""A real MLflow store, a SQLite file, laid out once."""

import warnings

import pytest

from rdrop_cli.export.mlflow_store import log_records

# SQLAlchemy 2.1 deprecates what MLflow 3.17 uses of it, and says so when MLflow's store is first imported.
IGNORE_NOLOAD = "ignore:The ``noload`` loader strategy:DeprecationWarning"


@pytest.fixture(scope="session")
def empty_store(make_once):
    """The bytes of a store without runs, which MLflow takes seconds to lay out."""
    return (make_once("store", lay_out) / "mlflow.db").read_bytes()


def lay_out(folder):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        patch.chdir(folder)
        assert list(log_records([], f"sqlite:///{folder / 'mlflow.db'}", "rdrop")) == []


@pytest.fixture
def uri(empty_store, tmp_path, monkeypatch):
    """A store of one's own; its files go beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
