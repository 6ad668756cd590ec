"""A study file: which networks are trained, with which rates and seeds, and under which protocol."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_origin

from rdrop_cli.errors import UsageError, ValueRefusedError, find_nearest, show_value, suggest
from rdrop_cli.planning.request import Request, parse_seeds, plan_runs
from rdrop_cli.planning.toml import WORDS, TomlFile, read_toml, read_value
from rdrop_cli.study.config import MAX_SEED
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.variants import find_variant

MOST_RUNS = 10_000  # in a grid: more is a slip of the keyboard
RATES = ("dropout", "recurrent_dropout")
GRID_KEYS = ("variants", "cells", *RATES)
# What a request has besides the grid, by the names that `rdrop train` has for it.
_READING = {field.name: field for field in fields(Reading)}
_OF_RUNS = ("variants", "cell", "seed", "reading", *RATES)
_FIELDS = {field.name: field for field in fields(Request) if field.name not in _OF_RUNS} | _READING
TABLES = {"study": (*_FIELDS, "seeds"), "grid": GRID_KEYS}
_KEYS_OF_FIELDS = {"cell": "cells", "seed": "seeds"}  # where a run has one of what the file lists


@dataclass(frozen=True)
class StudyFile:
    """A study file, to say where in it something is wrong."""

    toml: TomlFile

    def locate(self, message: str, *keys: str) -> UsageError:
        """Return an error that names the file and the line of a table or a key, where it has such a line."""
        line = self.toml.find_line(*keys)
        return UsageError(f"{self.toml.path}: {f'line {line}: ' if line else ''}{message}")

    @contextmanager
    def locate_errors(self) -> Iterator[None]:
        """Raise a refused option as what is wrong with the file's key of that name."""
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
    """What a study file asks for.

    Attributes:
        arms: one request for each network and each pair of rates, none of them twice, all with the same protocol.
        seeds: each arm is trained with every one.
    """

    file: StudyFile
    arms: tuple[Request, ...]
    seeds: tuple[int, ...]

    @property
    def requests(self) -> list[Request]:
        """One request a run, seed by seed, so that a sweep cut short has trained whole grids of fewer seeds."""
        return [arm.with_seed(seed) for seed in self.seeds for arm in self.arms]


def read_sweep(path: Path) -> Sweep:
    """Read a study file.

    Raises:
        UsageError: naming the file, the line and what to do: it is no TOML file, has a table or key that is not
            known, or asks for what cannot be trained.
        OSError: it cannot be read.
    """
    file = StudyFile(read_toml(path))
    tables = _read_tables(file)
    with file.locate_errors():
        request = {key: _read_option(key, value) for key, value in tables["study"].items() if key != "seeds"}
        options = {key: request.pop(key) for key in _READING if key in request}
        request["reading"] = Reading(**options)
        seeds = _read_seeds(tables["study"].get("seeds", "0"))
        arms = _expand_grid(tables["grid"], request, len(seeds))
        for arm in arms:
            plan_runs(arm)
    return Sweep(file, tuple(arms), tuple(seeds))


def _read_tables(file: StudyFile) -> dict[str, dict[str, Any]]:
    """Return the two tables after refusing every name that is not known."""
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
    """Say what a name may be meant for: a known one, else a key of some table, else any of the known."""
    if not find_nearest(name, known):
        for table, keys in TABLES.items():
            if near := find_nearest(name, keys):
                return f"{near!r} belongs in [{table}]"
    return suggest(name, known)


def _read_option(key: str, value: Any) -> Any:
    """Return the value of a key in [study] as a request takes it."""
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
    """Return one request for each variant, cell and pair of rates; a rate that a variant lacks does not multiply it."""
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
