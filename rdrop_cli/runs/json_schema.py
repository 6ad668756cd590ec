"""Make the JSON Schema of a run's files from their types, and render it as tables for the documentation.

`python -m rdrop_cli.runs.json_schema docs` writes `metrics.schema.json` and `config.schema.json` into `docs`, and the
tables into `docs/run-folder.md`.
"""

import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from rdrop_cli.files import write_json, write_text
from rdrop_cli.runs.document import SCHEMA_VERSION, Metrics
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.reading import Reading

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def make_metrics_schema() -> Schema:
    """Return the JSON Schema of `metrics.json`."""
    schema = _make_schema(Metrics)
    version = schema["$defs"]["Metrics"]["properties"]["schema_version"]
    version.update({"const": SCHEMA_VERSION})
    schema["$defs"]["Metrics"]["required"].insert(0, "schema_version")
    return schema


def make_config_schema() -> Schema:
    """Return the JSON Schema of `config.json`: the configuration with schema version and time of creation."""
    schema = _make_schema(RunConfig)
    config = schema["$defs"]["RunConfig"]
    config["properties"] = {
        "schema_version": {"type": "integer", "const": SCHEMA_VERSION, "description": "version of this document"},
        "created_at": {"type": "string", "description": "when the run was created, UTC, ISO 8601"},
    } | config["properties"]
    config["required"] = ["schema_version", "created_at", *config["required"]]
    config["additionalProperties"] = False
    return schema


def _make_schema(document: type[Metrics] | type[RunConfig]) -> Schema:
    schema = {"$schema": DIALECT} | msgspec.json.schema(document)
    for datatype in (RunConfig, Protocol, Reading):
        if datatype.__name__ in schema["$defs"]:
            _describe_dataclass(schema["$defs"][datatype.__name__], datatype)
    protocol = schema["$defs"]["Protocol"]
    protocol["required"], protocol["additionalProperties"] = list(protocol["properties"]), False
    return schema


def _describe_dataclass(schema: Schema, datatype: type) -> None:
    """Add the descriptions in a dataclass's annotations; for a `msgspec.Struct`, the schema already has them."""
    assert is_dataclass(datatype)
    for name, hint in get_type_hints(datatype, include_extras=True).items():
        schema["properties"][name].pop("default", None)  # defaults only serve older documents
        if len(parts := get_args(hint)) > 1:
            schema["properties"][name]["description"] = parts[1]


def render_table(schema: Schema) -> str:
    """Render the fields of a document as a Markdown table: path, type and description."""
    rows = [f"| `{path}` | {kind} | {text} |" for path, kind, text in _list_fields(schema, schema)]
    return "\n".join(["| field | type | what it is |", "|---|---|---|", *rows])


def _list_fields(schema: Schema, part: Schema, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (path, type, description) of every field below a part of a schema, in order."""
    options = part.get("anyOf", [part])
    for option in options:
        found = schema["$defs"][option["$ref"].rpartition("/")[2]] if "$ref" in option else option
        for name, field in found.get("properties", {}).items():
            below = f"{path}.{name}" if path else name
            yield below, _name_type(schema, field), field.get("description") or _describe_part(schema, field)
            yield from _list_fields(schema, field, below)
            yield from _list_fields(schema, field.get("items", {}), f"{below}[]")


def _describe_part(schema: Schema, field: Schema) -> str:
    """Return the first paragraph of an object's description."""
    text = str(schema["$defs"][field["$ref"].rpartition("/")[2]].get("description", ""))
    return " ".join(text.split("\n\n")[0].split()).rstrip(".").replace("|", "\\|") or "see below"


def _name_type(schema: Schema, field: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(_name_type(schema, option) for option in field["anyOf"])
    if "$ref" in field:
        return "object"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"array of {_name_type(schema, field['items'])}s"
    return str(field["type"])


def fill_tables(page: str) -> str:
    """Return the page with the tables in their places, each between `<!-- NAME -->` and `<!-- end -->`."""
    for name, schema in (("metrics.json", make_metrics_schema()), ("config.json", make_config_schema())):
        head, start, rest = page.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition("\n<!-- end -->")
        page = f"{head}{start}\n{render_table(schema)}\n{end}{tail}"
    return page


def main(folder: Path) -> None:
    """Write the schemas and the tables."""
    write_json(folder / "metrics.schema.json", make_metrics_schema())
    write_json(folder / "config.schema.json", make_config_schema())
    write_text(folder / "run-folder.md", fill_tables((folder / "run-folder.md").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
