"""One table has the names that applications import; modules, plugins and errors agree with it."""

from __future__ import annotations

import ast
import runpy
from importlib import import_module
from pathlib import Path

import pytest

import socketio
from socketio import _names
from socketio.plugins import get_registry
from socketio.plugins.first_party import install_target
from socketio.plugins.types import Flavour

PACKAGE = Path(socketio.__file__).parent
TOOL = runpy.run_path(str(PACKAGE.parent / "tools" / "root_names.py"))

WITH_CODE = {"__init__", "__main__", "_environment", "_names", "_version", "exceptions"}
"""Modules in the root that are no names of the table: the package itself, and its exceptions."""

NO_PLUGIN = {"ZmqManager"}
"""Names that no plugin of this project provides; importing one says so."""


def test_the_root_holds_names_and_no_code() -> None:
    of_table = {*_names.MODULES, *_names.PLUGIN_MODULES} - _names.BY_HAND
    assert {path.stem for path in PACKAGE.glob("*.py")} == WITH_CODE | of_table
    for module in of_table:
        body = ast.parse((PACKAGE / f"{module}.py").read_text()).body
        assert {type(node) for node in body} <= {ast.Expr, ast.ImportFrom, ast.Assign}, module


def test_the_modules_of_names_are_what_the_table_says() -> None:
    for path, text in TOOL["files"](TOOL["table"]()).items():
        assert path.read_text() == text, f"{path.name}: run tools/root_names.py"


@pytest.mark.parametrize("module", sorted(_names.MODULES))
def test_a_module_has_the_same_objects_as_their_home(module: str) -> None:
    shim = import_module(f"socketio.{module}")
    for name, home in _names.MODULES[module].items():
        value = getattr(shim, name)
        assert value is getattr(import_module(f"socketio.{home}"), name)
        # What a module has made says where that was; a shim of a shim would be seen here.
        assert getattr(value, "__module__", f"socketio.{home}") == f"socketio.{home}"
    if module != "exceptions":
        assert sorted(shim.__all__) == sorted(_names.MODULES[module])


@pytest.mark.parametrize("room", sorted(_names.BY_HAND - {"exceptions"}))
def test_type_checkers_see_the_names_of_a_room(room: str) -> None:
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: (node.module or "") if node.level == 2 else f"{room}.{node.module}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == _names.MODULES[room]


def test_names_of_the_package_are_names_of_modules() -> None:
    for name, module in _names.PACKAGE.items():
        assert name in _names.MODULES[module]
    assert set(socketio.__all__) == {*_names.PACKAGE, "__version__", "exceptions"}
    assert not {*_names.PACKAGE} & _names.PLUGIN_NAMES


def test_names_of_plugin_modules_can_be_asked_for() -> None:
    asked = {name for names in _names.PLUGIN_MODULES.values() for name in names}
    # python-socketio has no module for it.
    assert asked | {"AsyncKafkaManager"} == {*_names.PLUGIN_NAMES, *_names.BESIDE_MANAGERS}
    assert set(_names.BESIDE_MANAGERS.values()) <= set(_names.MANAGERS)


@pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated")  # by kafka-python
@pytest.mark.parametrize("name", sorted(_names.MANAGERS))
def test_a_manager_is_what_a_plugin_declares(name: str) -> None:
    manager, flavour = _names.MANAGERS[name]
    assert flavour == ("async" if name.startswith("Async") else "sync")
    if name in NO_PLUGIN:
        assert not install_target("client manager", flavour, manager)
        return
    entry = get_registry().client_manager_named(manager, flavour)
    load = entry.load_async if flavour == "async" else entry.load_sync
    assert load is not None
    cls = load()
    assert cls.__name__ == name
    assert getattr(socketio, name) is cls
    # What to install without it is known as well.
    assert install_target("client manager", flavour, manager).startswith(
        cls.__module__.partition(".")[0].replace("_", "-")
    )


def test_every_manager_of_our_plugins_is_a_name_of_the_package() -> None:
    flavours: tuple[Flavour, ...] = ("async", "sync")
    named = {
        (manager, flavour)
        for manager in ("aiopika", "kafka", "kombu", "redis", "zmq")
        for flavour in flavours
        if install_target("client manager", flavour, manager)
    }
    assert named == {_names.MANAGERS[name] for name in {*_names.MANAGERS} - NO_PLUGIN}


@pytest.mark.parametrize("name", sorted(_names.OF_MODES))
def test_a_function_of_a_mode(name: str) -> None:
    mode, flavour = _names.OF_MODES[name]
    loaded = get_registry().load(get_registry().async_mode(mode, flavour))
    # Each load makes a mode of its own.
    for value in (getattr(loaded, name), getattr(socketio, name)):
        assert (value.__module__, value.__name__) == (type(loaded).__module__, name)


@pytest.mark.parametrize("name", sorted(_names.BESIDE_MANAGERS))
def test_what_a_manager_has_beside_it(name: str) -> None:
    (module,) = [key for key, names in _names.PLUGIN_MODULES.items() if name in names]
    assert getattr(import_module(f"socketio.{module}"), name).__name__ == name
