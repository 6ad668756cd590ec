"""Who may import whom: every import goes down the layers, and heavy libraries stay where they belong."""

import ast
import html
import json
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from docs.draw_architecture import collect_data, render_table
from rdrop_cli.cli.app import build_commands
from tests.imports import (
    LAYERS,
    PACKAGE,
    TREES,
    ancestors,
    find_imports,
    imports_within,
    layer_of,
    list_imports,
    part_of,
)

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")

# A second and more, each.
HEAVY = {"tensorflow", "keras", "matplotlib", "pandas", "scipy", "distributed", "mlflow", "sqlalchemy"}
TENSORFLOW = {"nn", "anatomy", "bench"}  # what imports them is itself imported by functions only
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


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
    settings = "system"  # which keeps those of the user from it
    assert {part_of(module) for module in users} == {"plots", "anatomy", "report", settings}


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
        if part_of(module) != "cli" and module != f"{PACKAGE}.report.check_verdict"  # a script of its own
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and ast.unparse(node) in ("print", "sys.stdout.write", "sys.stderr.write")
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


def test_the_picture_shows_the_imports_as_they_are() -> None:
    """On failure run `make architecture`."""
    picture = (REPOSITORY / "docs" / "architecture.svg").read_text(encoding="utf-8")
    (description,) = re.findall(r"<dc:description>(.*?)</dc:description>", picture)
    assert json.loads(html.unescape(description)) == collect_data()
    for room in {part_of(module) for module in TREES} - {PACKAGE, "__main__"}:
        assert re.search(rf">(?:\w+ · )*{room}(?: · \w+)*</text>", picture), room


def test_the_table_of_the_page_is_written_from_the_docstrings() -> None:
    """On failure run `make architecture`."""
    assert render_table() in PAGE


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_that_a_guide_names_exists(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:rdrop_cli|tests|docs)/[\w./-]*)`", text))
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (REPOSITORY / path).exists()] == []


def test_the_glossary_is_short_and_sorted() -> None:
    terms = re.findall(r"^\| ([^|]+) \|", PAGE.partition("## Glossary")[2], flags=re.MULTILINE)[2:]
    assert 20 < len(terms) <= 30
    assert terms == sorted(terms)


def list_texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the texts of a module, docstrings excepted."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def list_options() -> set[str]:
    """Return the options of all commands."""
    commands = build_commands().commands.values()
    return {option for command in commands for each in command.params for option in each.opts if "--" in option}


def test_only_the_command_line_names_options() -> None:
    options = list_options()
    assert "--lookback" in options
    named = [
        f"{module}:{text.lineno}: {text.value}"
        for module, tree in TREES.items()
        if part_of(module) != "cli"
        for text in list_texts(tree)
        if options & set(re.findall(r"(?<![\w-])--[a-z-]+", text.value)) and text.value not in options
    ]
    assert named == []
