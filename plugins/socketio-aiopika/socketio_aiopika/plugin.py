"""What socketio-aiopika adds to socketio: declarations only; a loader imports the rest."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import ClientManagerEntry, hookimpl

HOOK_API = 1


def load_async() -> type:
    """Import the manager for `AsyncServer`."""
    from .manager import AsyncAioPikaManager

    return AsyncAioPikaManager


@hookimpl
def socketio_client_managers() -> Iterable[ClientManagerEntry]:
    """RabbitMQ."""
    yield ClientManagerEntry(name="aiopika", schemes=("amqp", "amqps"), load_async=load_async)
