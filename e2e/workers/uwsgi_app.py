"""A WSGI application under uWSGI, whose manager is made before uWSGI forks, unless it is lazy."""

from __future__ import annotations

import os
from typing import Any

import socketio

sio = socketio.Server(
    client_manager=socketio.RedisManager(
        os.environ["WORKERS_REDIS"], channel=os.environ["WORKERS_CHANNEL"]
    )
)
if "WORKERS_LAZY" in os.environ:
    sio.start()  # in no greenlet yet


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
