"""Everything this library raises on purpose."""

from __future__ import annotations

__all__ = [
    "BadNamespaceError",
    "ConnectionError",
    "ConnectionRefusedError",
    "DisconnectedError",
    "PluginError",
    "PluginImportError",
    "PluginWarning",
    "ProtocolError",
    "SocketIOError",
    "TimeoutError",
]


class SocketIOError(Exception):
    """Base of all exceptions of this library."""


class ConnectionError(SocketIOError):
    """A client could not connect, or is connected already."""


class ConnectionRefusedError(ConnectionError):
    """Raised in a connect handler to refuse the client.

    The arguments travel to the client in the CONNECT_ERROR packet (Socket.IO
    protocol, "Connection to a namespace"): the first one as the message, the
    others as its data.

    Args:
        *args: Nothing, or a message followed by any JSON-serialisable values.
    """

    error_args: dict[str, object]
    """Payload of the CONNECT_ERROR packet: ``message``, and ``data`` for further arguments."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if not args:
            self.error_args = {"message": "Connection rejected by server"}
            return
        message, *data = args
        self.error_args = {"message": str(message)}
        if data:
            self.error_args["data"] = data[0] if len(data) == 1 else tuple(data)


class TimeoutError(SocketIOError):
    """An answer did not arrive within its time limit, as in ``call()`` and ``receive()``."""


class BadNamespaceError(SocketIOError):
    """A client used a namespace that it is not connected to."""


class DisconnectedError(SocketIOError):
    """A simple client was used after its connection had ended."""


class ProtocolError(SocketIOError, ValueError):
    """The other side broke the Engine.IO or the Socket.IO protocol.

    Args:
        reason: What was wrong with what it sent.
    """

    reason: str
    """What was wrong with what the other side sent."""

    def __init__(self, reason: str = "protocol error") -> None:
        super().__init__(reason)
        self.reason = reason


class PluginError(SocketIOError):
    """Something that a plugin provides is not to be had.

    Args:
        message: What was asked for, why it is not there, and what to do about it.
        reason: ``'missing'``, ``'disabled'``, ``'broken'`` or ``'conflict'``; empty when none of
            the four fits.
    """

    reason: str
    """``'missing'``, ``'disabled'``, ``'broken'``, ``'conflict'`` or empty."""

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class PluginImportError(PluginError, ImportError):
    """A public name of ``socketio`` that a plugin provides could not be imported.

    It is an ``ImportError``, because ``from socketio import RedisManager`` is an import, and no
    ``AttributeError``, because ``hasattr(socketio, 'RedisManager')`` would hide the reason.
    """


class PluginWarning(UserWarning):
    """A plugin was left out, because it is broken or claims what another one provides."""
