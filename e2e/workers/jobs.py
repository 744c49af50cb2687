"""Jobs of RQ that emit through managers which were made before the worker forked."""

from __future__ import annotations

import asyncio
import os

import socketio

BROKER = os.environ["WORKERS_REDIS"]
CHANNEL = os.environ["WORKERS_CHANNEL"]

manager = socketio.RedisManager(BROKER, channel=CHANNEL, write_only=True)
async_manager = socketio.AsyncRedisManager(BROKER, channel=CHANNEL, write_only=True)


def use_before_the_fork() -> None:
    """Open the connections that the children must not inherit."""
    manager.emit("parent", os.getpid())
    asyncio.run(async_manager.emit("parent", os.getpid()))


def emit(number: int) -> int:
    """Emit through the manager that was made before the fork, and end at once."""
    manager.emit("n", [number, os.getpid()])
    return os.getpid()


def emit_in_a_loop(number: int) -> int:
    """Emit in an event loop of the job's own."""
    asyncio.run(async_manager.emit("n", [number, os.getpid()]))
    return os.getpid()


def emit_through_a_new_manager(number: int) -> int:
    """Make a manager, emit, and leave it to the garbage collector."""
    socketio.RedisManager(BROKER, channel=CHANNEL, write_only=True).emit("n", [number, os.getpid()])
    return os.getpid()
