"""A lower layer imports nothing above it; the layers are those of the architecture page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import socketio

PACKAGE = Path(socketio.__file__).parent
PAGE = PACKAGE.parent / "docs" / "explanation" / "architecture.md"
ROW = re.compile(r"^\| (`socketio\.[^|]*) \|", re.MULTILINE)


def layers() -> dict[str, int]:
    """Return the layer of each module or package of the page's table, the lowest first."""
    rows = ROW.findall(PAGE.read_text())
    return {name: layer for layer, row in enumerate(rows) for name in re.findall(r"`(\S+?)`", row)}


def imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """Yield what is imported with a module: not what only type checkers or functions import."""
    parents = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree_without_lazy_parts(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def tree_without_lazy_parts(tree: ast.Module) -> ast.Module:
    class Cut(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:  # ast's name
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:  # too
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:  # too
            lazy = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            return None if lazy else self.generic_visit(node)

    cut = Cut().visit(tree)
    assert isinstance(cut, ast.Module)
    return cut


def layer_of(name: str, table: dict[str, int]) -> int | None:
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None


def test_the_page_has_the_packages() -> None:
    folders = {f"socketio.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(layers())


def test_no_module_imports_from_above() -> None:
    table = layers()
    upward = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        own = layer_of(module, table)
        if own is None:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in imported(tree, module, is_package):
            other = layer_of(name, table)
            if other is not None and other > own:
                upward.append(f"{module} imports {name}")
    assert upward == []
