"""What socketio-kafka adds to socketio: declarations only, loaders import the rest when chosen."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import ClientManagerEntry, hookimpl

HOOK_API = 1


def load_sync() -> type:
    """Import the manager for `Server`."""
    from .manager import KafkaManager

    return KafkaManager


def load_async() -> type:
    """Import the manager for `AsyncServer`."""
    from .async_manager import AsyncKafkaManager

    return AsyncKafkaManager


@hookimpl
def socketio_client_managers() -> Iterable[ClientManagerEntry]:
    """Apache Kafka."""
    yield ClientManagerEntry(
        name="kafka", schemes=("kafka",), load_sync=load_sync, load_async=load_async
    )
