"""A lower layer imports nothing above it; the layers are those of the architecture page."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import socketio
from socketio._names import MODULES, PLUGIN_MODULES

PACKAGE = Path(socketio.__file__).parent
PAGE = PACKAGE.parent / "docs" / "explanation" / "architecture.md"
ROW = re.compile(r"^\| (`socketio\.[^|]*) \|", re.MULTILINE)


def layers() -> dict[str, int]:
    """Return the layer of each module or package of the page's table, the lowest first."""
    rows = ROW.findall(PAGE.read_text())
    return {name: layer for layer, row in enumerate(rows) for name in re.findall(r"`(\S+?)`", row)}


def imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """Yield what a module imports, for its annotations alone too."""
    parents = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def tree_without_functions(tree: ast.Module) -> ast.Module:
    """Return a module without what its functions import: loaders load what has been chosen."""

    class Cut(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:  # ast's name
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:  # too
            return None

    cut = Cut().visit(tree)
    assert isinstance(cut, ast.Module)
    return cut


def modules() -> Iterator[tuple[str, bool, ast.Module]]:
    """Yield each module of the package: its name, whether it is a package, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        yield module, is_package, ast.parse(path.read_text(encoding="utf-8"))


def layer_of(name: str, table: dict[str, int]) -> int | None:
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None


def test_the_page_has_the_packages() -> None:
    folders = {f"socketio.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(layers())


NAMES_ONLY = {f"socketio.{name}" for name in {*MODULES, *PLUGIN_MODULES} - {"exceptions"}}
"""Modules of names for applications; `socketio.server` and others are the folder of code too."""


def test_no_module_imports_from_above() -> None:
    """Not for annotations either; only functions may load what has been chosen."""
    table = layers()
    upward = []
    for module, is_package, tree in modules():
        own = layer_of(module, table)
        if own is None or module in NAMES_ONLY:
            continue
        for name in imported(tree_without_functions(tree), module, is_package):
            other = layer_of(name, table)
            if other is not None and other > own:
                upward.append(f"{module} imports {name}")
    assert upward == []


def test_no_module_imports_the_names_of_applications() -> None:
    """They lead upward: `socketio.engine` has names whose code is in layers above that folder."""
    trees = {name: (tree, is_package) for name, is_package, tree in modules()}
    table = layers()
    wrong = []
    for module, (tree, is_package) in trees.items():
        if layer_of(module, table) is None or module in NAMES_ONLY:
            continue
        for name in imported(tree, module, is_package):
            source = name if name in trees else name.rpartition(".")[0]
            if source in NAMES_ONLY:
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def circles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """Yield the modules that reach each other, for each circle of a graph once."""

    def reached_from(start: str) -> set[str]:
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            for name in graph[waiting.pop()] - reached:
                reached.add(name)
                waiting.append(name)
        return reached

    reached = {name: reached_from(name) for name in graph}
    seen: set[str] = set()
    for name in sorted(graph):
        if name in reached[name] and name not in seen:
            circle = {other for other in reached[name] if name in reached[other]}
            seen |= circle
            yield circle


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Neither when they are loaded, nor in functions, nor for annotations."""
    trees = {name: (tree, is_package) for name, is_package, tree in modules()}
    graph: dict[str, set[str]] = {}
    for module, (tree, is_package) in trees.items():
        names = set(imported(tree, module, is_package))
        # `from package import name` is a module of the package or a name of the package itself.
        graph[module] = {
            name if name in trees else name.rpartition(".")[0] for name in names
        } & trees.keys() - {module}
    assert list(circles(graph)) == []


def test_a_word_means_one_class() -> None:
    """In all modules, but for those that exist once for each flavour."""
    flavours = runpy.run_path(str(PACKAGE.parent / "tools" / "unasync.py"))["NAMES"]
    places: dict[str, set[str]] = {}
    for module, _, tree in modules():
        if module.startswith("socketio._sync."):
            continue
        flavourless = ".".join(flavours.get(name, name) for name in module.split("."))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, set()).add(flavourless)
    assert {name for name, where in places.items() if len(where) > 1} == set()
