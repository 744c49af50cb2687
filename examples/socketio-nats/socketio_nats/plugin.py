"""What this plugin adds to socketio: declarations only, the loader imports the rest when chosen."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import ClientManagerEntry, hookimpl

HOOK_API = 1


def load_async() -> type:
    from .manager import AsyncNatsManager

    return AsyncNatsManager


@hookimpl
def socketio_client_managers() -> Iterable[ClientManagerEntry]:
    yield ClientManagerEntry(name="nats", schemes=("nats", "tls"), load_async=load_async)
