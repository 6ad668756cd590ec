"""What imports what in the package, read from its source, and the layers that the rooms belong to."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import rdrop_cli

PACKAGE = "rdrop_cli"
ROOT = Path(rdrop_cli.__file__).parent
# From the ground up. A room imports itself and the layers below it, never a room of its own layer.
LAYERS = (
    ("registration",),
    (PACKAGE, "system", "errors"),
    ("locks", "cache"),
    ("files",),
    ("study",),
    ("series",),
    ("planning",),
    ("runs",),
    ("nn", "forecasters", "analysis"),
    ("uncertainty",),
    ("plots",),
    ("forecast",),
    ("anatomy", "training", "report", "export"),
    ("jobs",),
    ("bench",),
    ("api",),
    ("cli",),
    ("__main__",),
)

PROBE = "rdrop_cli.anatomy.probe."


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


def find_origin(module: str, node: ast.ImportFrom) -> str:
    """Return the module that names are imported from; relative only in the probe, which runs without the package."""
    if not node.level:
        return str(node.module)
    assert module.startswith(PROBE), f"{module}:{node.lineno}: a relative import"
    return f"{module.rpartition('.')[0]}.{node.module}"


def find_imports(module: str) -> Iterator[Import]:
    """Yield every import of a module, one for each name, also those within functions."""

    def visit(node: ast.AST, deferred: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, deferred, typing)
        elif isinstance(node, ast.ImportFrom):
            origin = find_origin(module, node)
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield Import(module, full if full in TREES else origin, node.lineno, deferred, typing)
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
