"""What socketio-kombu adds to socketio: declarations only, loaders import the rest when chosen."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import ClientManagerEntry, hookimpl

HOOK_API = 1


def load_sync() -> type:
    """Import the manager for `Server`."""
    from .manager import KombuManager

    return KombuManager


@hookimpl
def socketio_client_managers() -> Iterable[ClientManagerEntry]:
    """RabbitMQ, and what else kombu knows and no other plugin claims."""
    yield ClientManagerEntry(
        name="kombu", schemes=("amqp", "amqps", "pyamqp", "sqs"), load_sync=load_sync
    )
