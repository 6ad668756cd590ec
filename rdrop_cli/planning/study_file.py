"""A study file: which networks are trained, with which rates and seeds, and under which protocol."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any, get_args

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.request import Request, parse_seeds, plan_runs
from rdrop_cli.planning.toml_lines import find_lines
from rdrop_cli.study.config import MAX_SEED
from rdrop_cli.study.variants import DEFAULT_CELL, VARIANTS

MAX_BYTES = 1 << 20
MOST_RUNS = 10_000  # in a grid: more is a slip of the keyboard
LARGEST_COUNT = 10**9
RATES = ("dropout", "recurrent_dropout")
GRID_KEYS = ("variants", "cells", *RATES)
# What a request has besides the grid, by the names that `rdrop train` has for it.
_FIELDS = {field.name: field for field in fields(Request) if field.name not in ("variants", "cell", "seed", *RATES)}
TABLES = {"study": (*_FIELDS, "seeds"), "grid": GRID_KEYS}
LENGTHS = ("lookback", "every", "horizon", "train_stop", "val_stop")  # may be numbers, texts or dates
_KEYS_OF_OPTIONS = {"cell": "cells", "seed": "seeds"}  # where a message names an option and the file another key
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class StudyFile:
    """A study file's place and text, to say where in it something is wrong."""

    path: Path
    text: str

    def locate(self, message: str, *where: str) -> UsageError:
        """Return an error that names the file and the line of a table or a key, where it has such a line."""
        line = find_lines(self.text).get(where)
        return UsageError(f"{self.path}: {f'line {line}: ' if line else ''}{message}")

    @contextmanager
    def blame(self) -> Iterator[None]:
        """Raise what is said of an option of the command line as what is wrong with the file's key of that name."""
        try:
            yield
        except UsageError as error:
            options = [option.replace("-", "_") for option in re.findall(r"--([a-z]+(?:-[a-z]+)*)", str(error))]
            key = _KEYS_OF_OPTIONS.get(options[0], options[0]) if options else ""
            message = re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda match: match[1].replace("-", "_"), str(error))
            raise self.locate(message, "grid" if key in GRID_KEYS else "study", key) from error


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
    file = StudyFile(path, _read_text(path))
    tables = _read_tables(file)
    request = {key: _read_option(file, key, value) for key, value in tables["study"].items() if key != "seeds"}
    seeds = _read_seeds(file, tables["study"].get("seeds", "0"))
    arms = _expand_grid(file, tables["grid"], request, len(seeds))
    with file.blame():
        for arm in arms:
            plan_runs(arm)
    return Sweep(file, tuple(arms), seeds)


def _read_text(path: Path) -> str:
    if not path.exists():
        raise UsageError(f"{path}: no such file; expected a study file in TOML")
    if not path.is_file():
        raise UsageError(f"{path}: is no regular file; expected a study file in TOML")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; expected a study file in TOML")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def _read_tables(file: StudyFile) -> dict[str, dict[str, Any]]:
    """Return the two tables after refusing every name that is not known."""
    try:
        content = tomllib.loads(file.text)
    except (ValueError, RecursionError) as error:  # tomllib's own is a ValueError; int() has one for too many digits
        raise UsageError(f"{file.path}: is not TOML: {error}") from error
    for table, keys in content.items():
        if table not in TABLES:
            kind = f"table [{table}]" if isinstance(keys, dict) else f"key '{table}' outside a table"
            raise file.locate(f"unknown {kind}; {_suggest(table, TABLES)}", table)
        if not isinstance(keys, dict):
            raise file.locate(f"expected one table [{table}], received {_show(keys)}", table)
        for key in keys:
            if key not in TABLES[table]:
                raise file.locate(f"unknown key '{key}' in [{table}]; {_suggest(key, TABLES[table])}", table, key)
    if "variants" not in content.get("grid", {}):
        raise file.locate('no variants in [grid]; name some, as variants = ["baseline", "dropout"]', "grid")
    return {table: content.get(table, {}) for table in TABLES}


def _suggest(name: str, known: Iterable[str]) -> str:
    """Say what a name may be meant for: a known one, else a key of some table, else any of the known."""
    if near := get_close_matches(name, known, n=1):
        return f"did you mean '{near[0]}'?"
    for table, keys in TABLES.items():
        if near := get_close_matches(name, keys, n=1):
            return f"'{near[0]}' belongs in [{table}]"
    return f"expected one of {', '.join(known)}"


def _show(value: Any) -> str:
    """Render the beginning of a value."""
    try:
        return f"{value!r:.40}"
    except ValueError:  # Python writes no number of more than 4300 digits in decimals
        return "a number too long to show"


def _read_option(file: StudyFile, key: str, value: Any) -> Any:
    """Return the value of a key in [study] as a request takes it."""
    if key in LENGTHS and (type(value) in (int, float) or isinstance(value, date)):
        value = str(value)
    hint = _FIELDS[key].type
    kinds = [kind for kind in get_args(hint) or (hint,) if kind in _WORDS]
    if type(value) not in kinds:
        expected = " or ".join(_WORDS[kind] for kind in kinds)
        raise file.locate(f"{key}: expected {expected}, received {_show(value)}", "study", key)
    if type(value) is int and not 1 <= value <= LARGEST_COUNT:
        expected = f"a whole number from 1 to {LARGEST_COUNT}"
        raise file.locate(f"{key}: expected {expected}, received {_show(value)}", "study", key)
    if key == "dataset" and value.startswith("~/"):  # which a shell would have replaced
        return os.path.expanduser(value)  # noqa: PTH111 -- leaves it as it is for a user without a home
    return value


def _read_seeds(file: StudyFile, value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        with file.blame():
            return tuple(parse_seeds(value))
    seeds = _read_list(file, "study", "seeds", value, (int,), "whole numbers or a text such as '0-4'")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            expected = f"whole numbers from 0 to {MAX_SEED}"
            raise file.locate(f"seeds: expected {expected}, received {_show(seed)}", "study", "seeds")
    return tuple(seeds)


def _read_list(
    file: StudyFile, table: str, key: str, value: Any, kinds: tuple[type, ...], expected: str
) -> Sequence[Any]:
    """Return a list's items, each once."""
    if not isinstance(value, list) or not all(type(item) in kinds for item in value):
        raise file.locate(f"{key}: expected a list of {expected}, received {_show(value)}", table, key)
    if not value:
        raise file.locate(f"{key}: the list is empty; name at least one, or leave the key out", table, key)
    return list(dict.fromkeys(value))


def _read_rates(file: StudyFile, name: str, value: Any) -> Sequence[float]:
    rates = _read_list(file, "grid", name, value, (int, float), "rates such as [0.0, 0.2]")
    for rate in rates:
        if not 0 <= rate < 1:
            raise file.locate(f"{name}: expected rates in [0, 1), received {_show(rate)}", "grid", name)
    return [float(rate) for rate in rates]


def _expand_grid(file: StudyFile, grid: dict[str, Any], request: dict[str, Any], seeds: int) -> list[Request]:
    """Return one request for each variant, cell and pair of rates; a rate that a variant lacks does not multiply it."""
    names = _read_list(file, "grid", "variants", grid["variants"], (str,), "names such as ['baseline', 'dropout']")
    cells = _read_list(file, "grid", "cells", grid.get("cells", [DEFAULT_CELL]), (str,), "names such as ['gru']")
    rates = {name: _read_rates(file, name, grid[name]) for name in RATES if name in grid}
    _check_variants(file, names, rates)
    choices: dict[str, list[Sequence[float | None]]] = {
        name: [rates.get(rate, (None,)) if getattr(VARIANTS[name], rate) else (None,) for rate in RATES]
        for name in names
    }
    runs = seeds * len(cells) * sum(len(dropout) * len(recurrent) for dropout, recurrent in choices.values())
    if runs > MOST_RUNS:
        raise file.locate(f"asks for {runs} runs; at most {MOST_RUNS} are trained by one file", "grid")
    return [
        Request(**request, variants=(name,), cell=cell, dropout=dropout, recurrent_dropout=recurrent)
        for cell in cells
        for name in names
        for dropout, recurrent in product(*choices[name])
    ]


def _check_variants(file: StudyFile, names: Sequence[str], rates: Iterable[str]) -> None:
    """Refuse a variant that there is none of, and a rate that none of the variants has."""
    for name in names:
        if name not in VARIANTS:
            near = get_close_matches(name, VARIANTS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "`rdrop variants` lists them"
            raise file.locate(f"no variant '{name}'; {hint}", "grid", "variants")
    for rate in rates:
        if not any(getattr(VARIANTS[name], rate) for name in names):
            raise file.locate(f"{rate}: {', '.join(names)} has no such rate; name a variant that drops", "grid", rate)
