"""The names of `socketio` that plugins provide, such as `socketio.RedisManager`."""

from __future__ import annotations

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
    try:
        if name == "get_tornado_handler":
            # The tornado mode is an object that has the function beside what every mode has.
            mode = get_registry().async_mode("tornado", "async").load()
            return getattr(mode, name)
        manager, flavour = _MANAGERS[name]
        entry = get_registry().client_manager_named(manager, flavour)
        loader = entry.load_sync if flavour == "sync" else entry.load_async
        assert loader is not None  # it was asked for in this flavour
        return loader()
    except PluginError as error:
        raise PluginImportError(
            f"cannot import name {name!r} from 'socketio': {error}", reason=error.reason
        ) from error
    except ImportError as error:
        raise PluginImportError(
            f"cannot import name {name!r} from 'socketio': its plugin is installed, but "
            f"something that it needs is not: {error}",
            reason="broken",
        ) from error
