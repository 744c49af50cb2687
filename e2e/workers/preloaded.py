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


@sio.event
def fork_and_shout(sid: str, data: Any) -> int:
    """Send something to everybody from a child of this process, which serves clients."""
    child = os.fork()
    if child == 0:
        try:
            sio.emit("shouted", data)
            sio.manager.shutdown()  # what was emitted has left
        finally:
            os._exit(0)
    return child


def nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer what is not for Socket.IO."""
    start_response("404 Not Found", [])
    return []


app = socketio.WSGIApp(sio, nothing)
