"""The JSON Schema and the documented fields are those of the types, and the types are those of the files."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rdrop_cli.runs.figures import AtHorizon, QuantileErrors
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.json_schema import fill_tables, make_config_schema, make_metrics_schema, render_table
from rdrop_cli.study.config import RunConfig

DOCS = Path(__file__).parents[2] / "docs"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "schema-4" / "runs"
ADDED = {  # to schema 4 after the fixture was trained: they have defaults
    "metrics": {
        *(
            "vary",
            "protocol.train_start_row",
            "protocol.earlier_horizon_rows",
            "protocol.quantiles",
            "dataset.where",
            "dataset.reading",
            "dataset.utc",
        ),
        "code_sha256",
        *("by_horizon", "quantiles", "history.val_pinball", "environment.jax"),
        *(f"by_horizon[].{name}" for name in AtHorizon.__struct_fields__),
        *(f"quantiles.{name}" for name in QuantileErrors.__struct_fields__),
    },
    "config": {
        "vary",
        "protocol.train_start_row",
        "protocol.earlier_horizon_rows",
        "protocol.quantiles",
        "code_sha256",
    },
}


@pytest.mark.parametrize(("name", "make"), [("metrics", make_metrics_schema), ("config", make_config_schema)])
def test_the_schema_in_the_documentation_is_that_of_the_types(name: str, make: Callable[[], object]) -> None:
    written = json.loads((DOCS / f"{name}.schema.json").read_bytes())
    assert written == make(), "run `make schema`"


def test_the_tables_in_the_documentation_are_those_of_the_types() -> None:
    page = (DOCS / "run-folder.md").read_text()
    assert fill_tables(page) == page, "run `make schema`"
    assert fill_tables(page.replace("`best.epoch`", "`best.round`")) == page


def list_paths(value: object, path: str = "") -> set[str]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {path, *list_paths(value[0], f"{path}[]")} - {f"{path}[]"}
    if not isinstance(value, dict):
        return {path}
    below = {key: f"{path}.{key}" if path else key for key in value}
    return set(below.values()).union(*(list_paths(item, below[key]) for key, item in value.items()))


@pytest.mark.parametrize(("name", "make"), [("metrics", make_metrics_schema), ("config", make_config_schema)])
def test_every_field_of_a_file_is_documented_and_no_other(name: str, make: Callable[[], dict[str, object]]) -> None:
    (folder,) = FIXTURE.glob("dropout-*")
    rows = render_table(make()).splitlines()[2:]
    documented = {row.split("|")[1].strip().strip("`") for row in rows}
    assert documented == list_paths(json.loads((folder / f"{name}.json").read_bytes())) | ADDED[name]
    assert all(row.split("|")[3].strip() for row in rows), "a field without a word on what it is"


def test_a_new_file_has_every_documented_field(
    save_run: Callable[..., RunFolder], tiny_config: RunConfig, tmp_path: Path
) -> None:
    several = replace(tiny_config.protocol, earlier_horizon_rows=(1, 2), loss="quantile", quantiles=(0.1, 0.5, 0.9))
    folder = save_run(tmp_path, "run", config=replace(tiny_config, protocol=several))
    for path, make in ((folder.metrics_path, make_metrics_schema), (folder.config_path, make_config_schema)):
        documented = {row.split("|")[1].strip().strip("`") for row in render_table(make()).splitlines()[2:]}
        assert documented == list_paths(json.loads(path.read_bytes()))
