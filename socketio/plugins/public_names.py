"""The names of `socketio` that plugins provide, such as `socketio.RedisManager`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from socketio._names import BESIDE_MANAGERS, MANAGERS, OF_MODES
from socketio.exceptions import PluginError, PluginImportError

from .registry import get_registry
from .types import Flavour


def load(name: str) -> object:
    """Import a name that a plugin provides.

    Args:
        name: One of `MANAGERS`, `OF_MODES` or `BESIDE_MANAGERS`.

    Raises:
        PluginImportError: The plugin is missing, disabled, broken or in conflict with another
            one, or what it needs is not installed.
        AttributeError: Its manager or mode has nothing of that name.
    """
    if name in BESIDE_MANAGERS:
        manager = load(BESIDE_MANAGERS[name])
        return getattr(import_module(cast(type, manager).__module__), name)
    registry = get_registry()
    kind, flavour = cast(tuple[str, Flavour], {**MANAGERS, **OF_MODES}[name])
    try:
        if name in OF_MODES:
            # A mode is an object, which has the function beside what every mode has.
            return getattr(registry.load(registry.async_mode(kind, flavour)), name)
        return registry.load(registry.client_manager_named(kind, flavour), flavour)
    except PluginError as error:
        raise PluginImportError(
            f"cannot import name {name!r} from 'socketio': {error}", reason=error.reason
        ) from error


def of_module(module: str, *names: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module whose names plugins provide (PEP 562).

    Args:
        module: The module's name.
        *names: Which of the names above it has.
    """

    def find(name: str) -> object:
        if name in names:
            return load(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find
