"""What every program of these tests has: a server on Redis that says where in its end it is."""

from __future__ import annotations

import os
from typing import Any

import socketio

MANAGER = socketio.RedisManager
ASYNC_MANAGER = socketio.AsyncRedisManager
OPTIONS: dict[str, Any] = {
    "url": os.environ["STOPPING_REDIS"],
    "channel": os.environ["STOPPING_CHANNEL"],
}


def create_async_server(**options: Any) -> socketio.AsyncServer:
    """Return an asyncio server that tells of the clients it loses."""
    sio = socketio.AsyncServer(client_manager=ASYNC_MANAGER(**OPTIONS), **options)

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        await sio.sleep(0.05)  # as if it asked a database
        await sio.emit("stopping", "disconnect handler")

    return sio


def create_server(**options: Any) -> socketio.Server:
    """Return a server of threads or greenlets that tells of the clients it loses."""
    sio = socketio.Server(client_manager=MANAGER(**OPTIONS), **options)

    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        sio.sleep(0.05)  # as if it asked a database
        sio.emit("stopping", "disconnect handler")

    return sio
