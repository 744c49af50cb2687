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
    from socketio._async.polling import PollingTransport

    return PollingTransport


def _load_async_websocket() -> type:
    from socketio._async.websocket import WebSocketTransport

    return WebSocketTransport


def _load_polling() -> type:
    from socketio._sync.polling import PollingTransport

    return PollingTransport


def _load_websocket() -> type:
    from socketio._sync.websocket import WebSocketTransport

    return WebSocketTransport


@hookimpl
def socketio_transports() -> Iterable[TransportEntry]:
    """Long-polling and websocket; the in-memory transport of tests is for no client's query."""
    yield TransportEntry(name="polling", flavour="async", load_server=_load_async_polling)
    yield TransportEntry(
        name="websocket",
        flavour="async",
        load_server=_load_async_websocket,
        upgrades_from=("polling",),
    )
    yield TransportEntry(name="polling", flavour="sync", load_server=_load_polling)
    yield TransportEntry(
        name="websocket",
        flavour="sync",
        load_server=_load_websocket,
        upgrades_from=("polling",),
    )


def _load_asgi() -> object:
    from socketio.builtin.asgi_mode import ASGIMode

    return ASGIMode()


def _load_threading() -> object:
    from socketio.builtin.threading_mode import ThreadingMode

    return ThreadingMode()


@hookimpl
def socketio_async_modes() -> Iterable[AsyncModeEntry]:
    """ASGI for the asyncio flavour, threads for the other."""
    yield AsyncModeEntry(name="asgi", flavour="async", load=_load_asgi, rank=100)
    yield AsyncModeEntry(name="threading", flavour="sync", load=_load_threading, rank=900)


def _load_packet() -> type:
    from socketio.protocol.packets import Packet

    return Packet


def _load_msgpack_packet() -> type:
    from socketio.protocol.msgpack_packet import MsgPackPacket

    return MsgPackPacket


@hookimpl
def socketio_serializers() -> Iterable[SerializerEntry]:
    """JSON with attachments, and msgpack."""
    yield SerializerEntry(name="default", load=_load_packet)
    yield SerializerEntry(name="msgpack", load=_load_msgpack_packet)
