"""What the core itself declares, through the same hooks as every plugin."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import (
    AsyncModeEntry,
    SerializerEntry,
    TransportEntry,
    hookimpl,
)

HOOK_API = 1


def _load_async_polling() -> type:
    from socketio.engine.asynchronous.polling import PollingTransport

    return PollingTransport


def _load_async_websocket() -> type:
    from socketio.engine.asynchronous.websocket import WebSocketTransport

    return WebSocketTransport


def _load_async_memory() -> type:
    from socketio.testing.memory import MemoryTransport

    return MemoryTransport


@hookimpl
def socketio_transports() -> Iterable[TransportEntry]:
    """Long-polling, websocket and the in-memory transport of tests."""
    yield TransportEntry(name="polling", flavour="async", load_server=_load_async_polling)
    yield TransportEntry(
        name="websocket",
        flavour="async",
        load_server=_load_async_websocket,
        upgrades_from=("polling",),
    )
    yield TransportEntry(name="memory", flavour="async", load_server=_load_async_memory)


def _load_asgi() -> object:
    from socketio.builtin.asgi import ASGIMode

    return ASGIMode()


@hookimpl
def socketio_async_modes() -> Iterable[AsyncModeEntry]:
    """ASGI for the asyncio flavour, threads for the other."""
    yield AsyncModeEntry(name="asgi", flavour="async", load=_load_asgi, rank=100)


def _load_packet() -> type:
    from socketio.protocol.packets import Packet

    return Packet


def _load_msgpack_packet() -> type:
    from socketio.msgpack_packet import MsgPackPacket

    return MsgPackPacket


@hookimpl
def socketio_serializers() -> Iterable[SerializerEntry]:
    """JSON with attachments, and msgpack."""
    yield SerializerEntry(name="default", load=_load_packet)
    yield SerializerEntry(name="msgpack", load=_load_msgpack_packet)
