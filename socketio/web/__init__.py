"""What an async mode or a transport is made of, and the applications `ASGIApp` and `WSGIApp`.

The names in here are documented for plugins (`docs/reference/plugins.md`); those that the modules
of this folder have besides are the core's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._names import lazy

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine
    from .._sync.engine import Engine
    from ..engine.cors import (
        ALLOW_ORIGIN,
        TwoCORSAnswersWarning,
        answers_cors,
        split_cors,
        warn_of_two_answers,
    )
    from ..engine.http import BAD_REQUEST, HTTPError, decode_body
    from ..protocol.engine import (
        CLOSE_PACKET,
        NOOP_PACKET,
        EnginePacket,
        decode_payload,
        encode_payload,
    )
    from ..protocol.websocket import (
        NORMAL,
        POLICY_VIOLATION,
        ServerConnection,
        WebSocketError,
        WebSocketState,
        handshake_key,
    )
    from .asgi import ASGIRequest, ASGIWebSocket, Receive, Scope, Send
    from .asgi_app import ASGIApp
    from .framed_websocket import FramedWebSocket, TransportWebSocket
    from .loop_stop import close_when_stopped
    from .raw_websocket import SocketWebSocket
    from .reading_turns import ReadingTurns
    from .server_stop import STOP_SECONDS, STOP_TICK, ServerStop, find_gunicorn
    from .uvicorn_websocket import create_asgi_websocket
    from .wsgi import Environ, StartResponse, WSGIMode, WSGIRequest, find_socket, is_tls
    from .wsgi_app import WSGIApp

_HOMES = {
    "ALLOW_ORIGIN": "engine.cors",
    "ASGIApp": "web.asgi_app",
    "ASGIRequest": "web.asgi",
    "ASGIWebSocket": "web.asgi",
    "AsyncEngine": "_async.engine",
    "BAD_REQUEST": "engine.http",
    "CLOSE_PACKET": "protocol.engine",
    "Engine": "_sync.engine",
    "EnginePacket": "protocol.engine",
    "Environ": "web.wsgi",
    "FramedWebSocket": "web.framed_websocket",
    "HTTPError": "engine.http",
    "NOOP_PACKET": "protocol.engine",
    "NORMAL": "protocol.websocket",
    "POLICY_VIOLATION": "protocol.websocket",
    "ReadingTurns": "web.reading_turns",
    "Receive": "web.asgi",
    "STOP_SECONDS": "web.server_stop",
    "STOP_TICK": "web.server_stop",
    "Scope": "web.asgi",
    "Send": "web.asgi",
    "ServerConnection": "protocol.websocket",
    "ServerStop": "web.server_stop",
    "SocketWebSocket": "web.raw_websocket",
    "StartResponse": "web.wsgi",
    "TransportWebSocket": "web.framed_websocket",
    "TwoCORSAnswersWarning": "engine.cors",
    "WSGIApp": "web.wsgi_app",
    "WSGIMode": "web.wsgi",
    "WSGIRequest": "web.wsgi",
    "WebSocketError": "protocol.websocket",
    "WebSocketState": "protocol.websocket",
    "answers_cors": "engine.cors",
    "close_when_stopped": "web.loop_stop",
    "create_asgi_websocket": "web.uvicorn_websocket",
    "decode_body": "engine.http",
    "decode_payload": "protocol.engine",
    "encode_payload": "protocol.engine",
    "find_gunicorn": "web.server_stop",
    "find_socket": "web.wsgi",
    "handshake_key": "protocol.websocket",
    "is_tls": "web.wsgi",
    "split_cors": "engine.cors",
    "warn_of_two_answers": "engine.cors",
}

__all__ = [
    "ALLOW_ORIGIN",
    "BAD_REQUEST",
    "CLOSE_PACKET",
    "NOOP_PACKET",
    "NORMAL",
    "POLICY_VIOLATION",
    "STOP_SECONDS",
    "STOP_TICK",
    "ASGIApp",
    "ASGIRequest",
    "ASGIWebSocket",
    "AsyncEngine",
    "Engine",
    "EnginePacket",
    "Environ",
    "FramedWebSocket",
    "HTTPError",
    "ReadingTurns",
    "Receive",
    "Scope",
    "Send",
    "ServerConnection",
    "ServerStop",
    "SocketWebSocket",
    "StartResponse",
    "TransportWebSocket",
    "TwoCORSAnswersWarning",
    "WSGIApp",
    "WSGIMode",
    "WSGIRequest",
    "WebSocketError",
    "WebSocketState",
    "answers_cors",
    "close_when_stopped",
    "create_asgi_websocket",
    "decode_body",
    "decode_payload",
    "encode_payload",
    "find_gunicorn",
    "find_socket",
    "handshake_key",
    "is_tls",
    "split_cors",
    "warn_of_two_answers",
]

if not TYPE_CHECKING:  # a type checker that saw this would believe in every misspelt name
    # Each is imported when it is used: a mode of ASGI needs nothing of WSGI's.
    __getattr__ = lazy(__name__, _HOMES)
