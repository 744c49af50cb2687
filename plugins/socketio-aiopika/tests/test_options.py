"""What the manager depends on is set by it, whatever the application gives."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import aio_pika
import pytest
import yarl
from brokers import answers, test_url

from socketio import AsyncAioPikaManager


def test_our_options_win() -> None:
    given = {"client_properties": {"me": "I"}}
    options = {"timeout": 0.1, "connection_class": aio_pika.RobustConnection, **given}
    driver: Any = AsyncAioPikaManager(connection_options=options).create_driver()
    driver.timeout = 3.0
    arguments = driver.connection_arguments()
    kind = arguments.pop("connection_class")
    assert issubclass(kind, aio_pika.Connection)
    assert not issubclass(kind, aio_pika.RobustConnection)
    assert arguments == {"timeout": 3.0, **given}


@pytest.mark.filterwarnings("error")
async def test_a_connection_that_never_opened_leaves_no_coroutine_behind() -> None:
    """It is collected wherever the collector runs, where nobody can await anything."""
    driver: Any = AsyncAioPikaManager().create_driver()
    made = [driver.connection_arguments()["connection_class"](yarl.URL("amqp://127.0.0.1:1/"))]
    unraisable: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        await asyncio.to_thread(made.clear)
        await asyncio.to_thread(gc.collect)
    finally:
        sys.unraisablehook = hook
    assert unraisable == []


@pytest.mark.parametrize("name", ["nonsense", "loop", "kwargs", "login", "heartbeat"])
def test_an_unknown_option_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        AsyncAioPikaManager(connection_options={name: 1})


@pytest.mark.parametrize("name", ["nonsense", "socket_timeout", "decode_responses"])
def test_an_unknown_option_in_the_url_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'") as raised:
        AsyncAioPikaManager(f"amqp://me:secret@h/?heartbeat=10&{name}=1")
    assert "secret" not in str(raised.value)


async def test_a_timeout_in_the_url_changes_nothing(need) -> None:
    need("rabbitmq", answers("rabbitmq"), "make brokers")
    url = f"{test_url('rabbitmq')}?timeout=0&heartbeat=5&name=mine"
    manager = AsyncAioPikaManager(url, write_only=True)
    await manager.emit("x", 1)
    assert manager.health().published == 1
    await manager.shutdown()
