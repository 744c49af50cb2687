"""What socketio-redis adds to socketio: declarations only, loaders import the rest when chosen."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import ClientManagerEntry, hookimpl

HOOK_API = 1

_SCHEMES = (
    "redis",
    "redis+sentinel",
    "redis+cluster",
    "rediss",
    "rediss+sentinel",
    "rediss+cluster",
    "valkey",
    "valkey+sentinel",
    "valkey+cluster",
    "valkeys",
    "valkeys+sentinel",
    "valkeys+cluster",
    "unix",
)


def load_sync() -> type:
    """Import the manager for `Server`."""
    from .manager import RedisManager

    return RedisManager


def load_async() -> type:
    """Import the manager for `AsyncServer`."""
    from .async_manager import AsyncRedisManager

    return AsyncRedisManager


@hookimpl
def socketio_client_managers() -> Iterable[ClientManagerEntry]:
    """Redis and Valkey."""
    yield ClientManagerEntry(
        name="redis", schemes=_SCHEMES, load_sync=load_sync, load_async=load_async
    )
