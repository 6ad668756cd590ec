"""Read a study file: the networks to train, their rates and seeds, and the protocol."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_origin

from rdrop_cli.errors import UsageError, ValueRefusedError, find_nearest, show_value, suggest
from rdrop_cli.planning.request import Request, parse_seeds, plan_together
from rdrop_cli.planning.toml import WORDS, TomlFile, read_toml, read_value
from rdrop_cli.study.config import MAX_SEED
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.variants import find_variant

MOST_RUNS = 10_000  # in a grid: more is probably a typing error
RATES = ("dropout", "recurrent_dropout")
GRID_KEYS = ("variants", "cells", *RATES)
# The fields of a request apart from the grid, named as in `rdrop train`.
_READING = {field.name: field for field in fields(Reading)}
_OF_RUNS = ("variants", "cell", "seed", "reading", *RATES)
_FIELDS = {field.name: field for field in fields(Request) if field.name not in _OF_RUNS} | _READING
TABLES = {"study": (*_FIELDS, "seeds"), "grid": GRID_KEYS}
_KEYS_OF_FIELDS = {"cell": "cells", "seed": "seeds"}  # a run has one value, and the file a list


@dataclass(frozen=True)
class StudyFile:
    """A study file that locates errors in it."""

    toml: TomlFile

    def locate(self, message: str, *keys: str) -> UsageError:
        """Return an error that names the file and, if it exists, the line of a table or a key."""
        line = self.toml.find_line(*keys)
        return UsageError(f"{self.toml.path}: {f'line {line}: ' if line else ''}{message}")

    @contextmanager
    def locate_errors(self) -> Iterator[None]:
        """Turn the error of a refused option into one about the key of that name in the file."""
        try:
            yield
        except UsageError as error:
            key = _KEYS_OF_FIELDS.get(error.field, error.field)
            message = error.describe(_name_key)
            keys = ("grid", key) if key in GRID_KEYS else ("grid",) if key == "grid" else ("study", key)
            raise self.locate(message, *keys) from error


def _name_key(field: str, value: str) -> str:
    key = _KEYS_OF_FIELDS.get(field, field)
    return f'{key} = "{value}"' if value else key


@dataclass(frozen=True)
class Sweep:
    """The runs that a study file requests.

    Attributes:
        arms: one request per network and pair of rates, without duplicates, all with the same protocol.
        seeds: each arm is trained with every seed.
    """

    file: StudyFile
    arms: tuple[Request, ...]
    seeds: tuple[int, ...]

    @property
    def requests(self) -> list[Request]:
        """One request per run, seed by seed, so an interrupted sweep has complete grids for the first seeds."""
        return [arm.with_seed(seed) for seed in self.seeds for arm in self.arms]


def read_sweep(path: Path) -> Sweep:
    """Read a study file.

    Raises:
        UsageError: the file cannot be read, is not TOML, has an unknown table or key, or requests something that cannot
            be trained; names the file, the line and what to do.
    """
    file = StudyFile(read_toml(path))
    tables = _read_tables(file)
    with file.locate_errors():
        request = {key: _read_option(key, value) for key, value in tables["study"].items() if key != "seeds"}
        options = {key: request.pop(key) for key in _READING if key in request}
        request["reading"] = Reading(**options)
        seeds = _read_seeds(tables["study"].get("seeds", "0"))
        arms = _expand_grid(tables["grid"], request, len(seeds))
        plan_together(arms)
    return Sweep(file, tuple(arms), tuple(seeds))


def _read_tables(file: StudyFile) -> dict[str, dict[str, Any]]:
    """Return the two tables; refuse unknown names."""
    content = file.toml.content
    for table, keys in content.items():
        if table not in TABLES:
            kind = f"table [{table}]" if isinstance(keys, dict) else f"key '{table}' outside a table"
            raise file.locate(f"unknown {kind}; {_suggest(table, TABLES)}", table)
        if not isinstance(keys, dict):
            raise file.locate(f"expected one table [{table}], received {show_value(keys)}", table)
        for key in keys:
            if key not in TABLES[table]:
                raise file.locate(f"unknown key '{key}' in [{table}]; {_suggest(key, TABLES[table])}", table, key)
    if "variants" not in content.get("grid", {}):
        raise file.locate('no variants in [grid]; name some, as variants = ["baseline", "dropout"]', "grid")
    return {table: content.get(table, {}) for table in TABLES}


def _suggest(name: str, known: Iterable[str]) -> str:
    """Suggest a similar known name, else the table of a similar key, else any of the known names."""
    if not find_nearest(name, known):
        for table, keys in TABLES.items():
            if near := find_nearest(name, keys):
                return f"{near!r} belongs in [{table}]"
    return suggest(name, known)


def _read_option(key: str, value: Any) -> Any:
    """Return the value of a key in [study] in the type that a request expects."""
    hint = _FIELDS[key].type
    if get_origin(hint) is Sequence:
        return tuple(_read_list(key, [value] if isinstance(value, str) else value, (str,), "texts in quotes"))
    if key in _READING and _READING[key].default == ():
        return tuple(_read_list(key, value, (str,), "texts"))
    kinds = [kind for kind in get_args(hint) or (hint,) if kind in WORDS]
    return read_value(key, value, kinds, is_path=key == "dataset")


def _read_seeds(value: Any) -> Sequence[int]:
    if isinstance(value, str):
        return parse_seeds(value)
    seeds = _read_list("seeds", value, (int,), "whole numbers or a text such as '0-4'")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueRefusedError("seeds", seed, f"whole numbers from 0 to {MAX_SEED}")
    return seeds


def _read_list(key: str, value: Any, kinds: tuple[type, ...], expected: str) -> Sequence[Any]:
    """Return a list's items, each once."""
    if not isinstance(value, list) or not all(type(item) in kinds for item in value):
        raise ValueRefusedError(key, value, f"a list of {expected}")
    if not value:
        raise UsageError("the list is empty; name at least one, or remove the key", field=key)
    return list(dict.fromkeys(value))


def _read_rates(name: str, value: Any) -> Sequence[float]:
    rates = _read_list(name, value, (int, float), "rates such as [0.0, 0.2]")
    for rate in rates:
        if not 0 <= rate < 1:
            raise ValueRefusedError(name, rate, "rates in [0, 1)")
    return [float(rate) for rate in rates]


def _expand_grid(grid: dict[str, Any], request: dict[str, Any], seeds: int) -> list[Request]:
    """Return one request per variant, cell and pair of rates; only rates that a variant has multiply its requests."""
    names = _read_list("variants", grid["variants"], (str,), "names such as ['baseline', 'dropout']")
    cells: Sequence[str | None] = [None]
    if "cells" in grid:
        cells = _read_list("cells", grid["cells"], (str,), "names such as ['gru']")
    rates = {name: _read_rates(name, grid[name]) for name in RATES if name in grid}
    variants = [find_variant(name) for name in names]
    for rate in rates:
        if not any(getattr(variant, rate) for variant in variants):
            raise UsageError(f"{', '.join(names)} has no such rate; name a variant that drops", field=rate)
    choices: dict[str, list[Sequence[float | None]]] = {
        variant.name: [rates.get(rate, (None,)) if getattr(variant, rate) else (None,) for rate in RATES]
        for variant in variants
    }
    runs = seeds * len(cells) * sum(len(dropout) * len(recurrent) for dropout, recurrent in choices.values())
    if runs > MOST_RUNS:
        message = f"asks for {runs} runs; at most {MOST_RUNS} are trained by one file"
        raise UsageError(message, field="grid", show_field=False)
    return [
        Request(**request, variants=(name,), cell=cell, dropout=dropout, recurrent_dropout=recurrent)
        for cell in cells
        for name in names
        for dropout, recurrent in product(*choices[name])
    ]
