"""A plugin uses what docs/reference/plugins.md documents, and nothing else of the core."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import socketio
from socketio import _names

ROOT = Path(socketio.__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "plugins.md"

SURFACE = [
    "socketio.abc",
    "socketio.exceptions",
    "socketio.plugins",
    "socketio.runtimes",
    "socketio.web",
]
"""What plugins import, besides the names of applications."""

MODULES = {*SURFACE, "socketio", *(f"socketio.{name}" for name in _names.MODULES)}

CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

Place = tuple[str, str]
"""Where an import is, and its text."""


def public(module: str) -> set[str]:
    """Return the names that a module has for plugins."""
    loaded = import_module(module)
    if module == "socketio.exceptions":  # all of it
        return {name for name in vars(loaded) if not name.startswith("_")}
    return set(loaded.__all__) | (_names.PLUGIN_NAMES if module == "socketio" else set())


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield the imports of the core that are none of the surface's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "socketio" and alias.name not in MODULES:
                    yield f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom) and not node.level:
            source = node.module or ""
            if source.partition(".")[0] != "socketio":
                continue
            for alias in node.names:
                if source not in MODULES or alias.name not in public(source):
                    yield f"from {source} import {alias.name}"


def sources() -> list[Path]:
    """Return the modules of our plugins and of the examples of plugins, tests left aside."""
    folders = [*ROOT.glob("plugins/socketio-*"), *ROOT.glob("examples/socketio-*")]
    return sorted(path for folder in folders for path in folder.glob("socketio_*/**/*.py"))


def test_there_are_plugins() -> None:
    names = {path.relative_to(ROOT).parts[1] for path in sources()}
    assert {"socketio-web", "socketio-redis", "socketio-kafka", "socketio-nats"} <= names


@pytest.mark.parametrize("path", sources(), ids=lambda path: "/".join(path.parts[-2:]))
def test_a_plugin_imports_what_is_documented(path: Path) -> None:
    assert list(undocumented(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("name", ["write-a-plugin.md", "write-a-queue-backend.md"])
def test_so_do_the_guides(name: str) -> None:
    blocks = CODE.findall((ROOT / "docs" / "how-to" / name).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        found = [each for each in undocumented(ast.parse(block)) if "socketio.testing" not in each]
        assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "from socketio.web.wsgi import LastAnswer",
        "from socketio.web import LastAnswer",
        "import socketio.engine.session",
        "from socketio import engine",
        "def late():\n    from socketio.protocol import packets",
    ],
)
def test_what_is_not_documented_is_found(code: str) -> None:
    assert list(undocumented(ast.parse(code)))


@pytest.mark.parametrize("module", SURFACE)
def test_every_name_of_the_surface_is_on_the_page(module: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"`{module}`" in page
    if module == "socketio.exceptions":  # these are in the reference of the API
        return
    missing = [
        name
        for name in sorted(public(module))
        if not re.search(rf"`(?:{re.escape(module)}\.)?{name}\b[^`\n]*`", page)
        and f"autoclass:: {module}.{name}\n" not in page
    ]
    assert missing == []


@pytest.mark.parametrize("room", ["web", "runtimes"])
def test_a_room_shows_type_checkers_what_it_has(room: str) -> None:
    module = import_module(f"socketio.{room}")
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: f"{room}.{node.module}" if node.level == 1 else node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == module._HOMES
    assert sorted(module.__all__) == sorted(seen)
    for name, home in module._HOMES.items():
        assert getattr(module, name) is getattr(import_module(f"socketio.{home}"), name)
