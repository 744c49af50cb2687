"""A WSGI application that is loaded, and whose server is started, before gunicorn forks."""

from __future__ import annotations

import os
from typing import Any

import socketio

sio = socketio.Server(
    client_manager=socketio.RedisManager(
        os.environ["WORKERS_REDIS"], channel=os.environ["WORKERS_CHANNEL"]
    )
)
sio.start()


@sio.event
def who(sid: str) -> int:
    """Tell which worker serves a client."""
    return os.getpid()


@sio.event
def shout(sid: str, data: Any) -> None:
    """Send something to everybody."""
    sio.emit("shouted", data)


def nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer what is not for Socket.IO."""
    start_response("404 Not Found", [])
    return []


app = socketio.WSGIApp(sio, nothing)
