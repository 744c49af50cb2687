"""The names of `socketio` that plugins provide, such as `socketio.RedisManager`."""

from __future__ import annotations

from collections.abc import Callable

from socketio.exceptions import PluginError, PluginImportError

from .registry import get_registry
from .types import Flavour

_MANAGERS: dict[str, tuple[str, Flavour]] = {
    "AsyncAioPikaManager": ("aiopika", "async"),
    "AsyncKafkaManager": ("kafka", "async"),
    "AsyncRedisManager": ("redis", "async"),
    "KafkaManager": ("kafka", "sync"),
    "KombuManager": ("kombu", "sync"),
    "RedisManager": ("redis", "sync"),
    "ZmqManager": ("zmq", "sync"),
}


def load(name: str) -> object:
    """Import a name that a plugin provides.

    Args:
        name: One of the client managers, or `get_tornado_handler`.

    Raises:
        PluginImportError: The plugin is missing, disabled, broken or in conflict with another
            one, or what it needs is not installed.
    """
    registry = get_registry()
    try:
        if name == "get_tornado_handler":
            # The tornado mode is an object that has the function beside what every mode has.
            return getattr(registry.load(registry.async_mode("tornado", "async")), name)
        manager, flavour = _MANAGERS[name]
        return registry.load(registry.client_manager_named(manager, flavour), flavour)
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
