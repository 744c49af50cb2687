"""A Celery application whose managers are made, and used, before the workers fork."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import celery
from celery.signals import worker_init

import socketio

BROKER = os.environ["WORKERS_REDIS"]
CHANNEL = os.environ["WORKERS_CHANNEL"]

app = celery.Celery("tasks", broker=BROKER, backend=BROKER)
app.conf.update(
    broker_connection_retry_on_startup=True, worker_hijack_root_logger=False, result_expires=60
)
manager = socketio.RedisManager(BROKER, channel=CHANNEL, write_only=True)
async_manager = socketio.AsyncRedisManager(BROKER, channel=CHANNEL, write_only=True)


@worker_init.connect
def emit_before_the_fork(**_: Any) -> None:
    """Use the connections that the children must not inherit."""
    manager.emit("parent", os.getpid())
    asyncio.run(async_manager.emit("parent", os.getpid()))


@app.task
def emit(number: int) -> int:
    """Emit through the manager that was made before the fork."""
    manager.emit("n", [number, os.getpid()])
    return os.getpid()


@app.task
def emit_in_a_loop(number: int) -> int:
    """Emit in an event loop of the task's own."""
    asyncio.run(async_manager.emit("n", [number, os.getpid()]))
    return os.getpid()


@app.task
def emit_through_a_new_manager(number: int) -> int:
    """Make a manager, emit, and leave it to the garbage collector."""
    socketio.RedisManager(BROKER, channel=CHANNEL, write_only=True).emit("n", [number, os.getpid()])
    return os.getpid()
