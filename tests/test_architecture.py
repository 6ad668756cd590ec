"""Who may import whom: every import goes down the layers, and heavy libraries stay where they belong."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import rdrop_cli

PACKAGE = "rdrop_cli"
ROOT = Path(rdrop_cli.__file__).parent
# From the ground up. A part may import itself and what is below it, and never its neighbours on one layer.
LAYERS = (
    {"registration"},  # of the layers with Keras, when a program imports it
    {PACKAGE, "system", "errors"},  # the version, the machine, one-line errors
    {"locks"},  # of files, released by the operating system
    {"files"},  # atomic writes
    {"study"},  # what is run, as plain data
    {"series"},  # data and windows
    {"planning"},  # from a request to configurations that fit a series
    {"runs"},  # what a run leaves on disk
    {"nn", "analysis"},  # networks; judgement of curves
    {"plots"},  # pictures
    {"anatomy", "training", "report", "export"},  # a look into the networks; one run; one page on all; other tools
    {"jobs"},  # runs side by side, each in a process of its own
    {"bench"},  # speed, side by side
    {"api"},  # all of it, for Python programs
    {"cli"},
    {"__main__"},
)
# A second and more, each.
HEAVY = {"tensorflow", "keras", "matplotlib", "pandas", "scipy", "distributed", "mlflow", "sqlalchemy"}
TENSORFLOW = {"nn", "anatomy", "bench"}  # what imports them is itself imported by functions only
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@dataclass(frozen=True)
class Import:
    """An import of `target`, a dotted name; `deferred` where it happens only when a function is called."""

    module: str
    target: str
    line: int
    deferred: bool
    for_types_only: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def name_module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_module(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def find_imports(module: str) -> Iterator[Import]:
    """Yield every import of a module, one for each name, also those within functions."""

    def visit(node: ast.AST, deferred: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, deferred, typing)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield Import(module, full if full in TREES else str(node.module), node.lineno, deferred, typing)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                yield from visit(child, deferred, True)
            for child in node.orelse:
                yield from visit(child, deferred, typing)
        else:
            deferred = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, deferred, typing)

    return visit(TREES[module], False, False)


@cache
def list_imports() -> tuple[Import, ...]:
    return tuple(found for module in TREES for found in find_imports(module))


def imports_within() -> list[Import]:
    return [found for found in list_imports() if found.target.split(".")[0] == PACKAGE]


def part_of(module: str) -> str:
    """Return a module's subpackage, or its own name at the top."""
    return (module.split(".")[1:] or [PACKAGE])[0]


def layer_of(module: str) -> int:
    (layer,) = (number for number, parts in enumerate(LAYERS) if part_of(module) in parts)
    return layer


def ancestors(module: str) -> list[str]:
    """Return a module after the packages that are imported before it."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def test_every_part_has_its_layer() -> None:
    assert {part_of(module) for module in TREES} <= set().union(*LAYERS)
    assert len(TREES) > 40


def test_what_is_imported_from_the_package_is_in_it() -> None:
    assert [str(found) for found in imports_within() if found.target not in TREES] == []


def test_every_import_goes_down_or_stays_at_home() -> None:
    wrong = [
        str(found)
        for found in imports_within()
        if part_of(found.module) != part_of(found.target) and layer_of(found.module) <= layer_of(found.target)
    ]
    assert wrong == []


def test_no_two_modules_need_each_other() -> None:
    needs: dict[str, set[str]] = {module: set() for module in TREES}
    for found in imports_within():
        if found.module != found.target:
            needs[found.module].add(found.target)
    TopologicalSorter(needs).prepare()  # raises CycleError, which names the cycle


def test_tensorflow_stays_in_the_rooms_that_compute_with_it() -> None:
    users = {found.module for found in list_imports() if found.target.split(".")[0] in ("tensorflow", "keras")}
    assert {part_of(module) for module in users} == TENSORFLOW


def test_matplotlib_stays_in_the_rooms_that_draw() -> None:
    users = {found.module for found in list_imports() if found.target.split(".")[0] in ("matplotlib", "seaborn")}
    assert {part_of(module) for module in users} == {"plots", "anatomy"}


def test_heavy_libraries_wait_for_the_function_that_uses_them() -> None:
    heavy = [found for found in list_imports() if found.target.split(".")[0] in HEAVY]
    waiting = [str(found) for found in heavy if not (found.deferred or found.for_types_only)]
    assert [text for text in waiting if part_of(text.split(":")[0]) not in TENSORFLOW] == []


@pytest.mark.parametrize("module", [f"{PACKAGE}.__main__", f"{PACKAGE}.cli.app"])
def test_the_command_line_starts_without_a_heavy_library(module: str) -> None:
    reached, waiting = set[str](), ancestors(module)
    while waiting:
        current = waiting.pop()
        if current in reached or current not in TREES:
            continue
        reached.add(current)
        for found in find_imports(current):
            if not (found.deferred or found.for_types_only):
                assert found.target.split(".")[0] not in HEAVY, f"{found}, which {module} needs to start"
                waiting.extend(ancestors(found.target))
    assert f"{PACKAGE}.nn" not in reached


def test_nothing_is_printed_but_by_the_command_line() -> None:
    prints = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        if part_of(module) != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "print"
    ]
    assert prints == []


def test_nothing_is_unpickled() -> None:
    assert [str(found) for found in list_imports() if found.target.split(".")[0] in UNPICKLERS] == []
    loose = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "safe_mode")
        if not (isinstance(node.value, ast.Constant) and node.value.value is (node.arg == "safe_mode"))
    ]
    assert loose == []
