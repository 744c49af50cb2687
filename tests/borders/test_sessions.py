"""The block `with sio.session(sid)`, whose client may do anything meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import socketio
from socketio.testing import AsyncTestClient, TestClient

DEADLINE = 20.0


@pytest.mark.parametrize("namespace", ["/", "/chat"])
async def test_a_client_that_leaves_in_the_block(
    namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    sio = socketio.AsyncServer()
    inside, left = asyncio.Event(), asyncio.Event()
    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @sio.on("work", namespace=namespace)
    async def work(sid: str) -> None:
        try:
            async with sio.session(sid, namespace) as session:
                session["begun"] = True
                inside.set()
                await left.wait()
            outcome.set_result("ended")
        except BaseException as error:
            outcome.set_exception(error)

    @sio.on("disconnect", namespace=namespace)
    def disconnect(sid: str, reason: str) -> None:
        left.set()

    client = AsyncTestClient(sio)
    await client.connect(namespace)
    client.emit("work", namespace=namespace)
    async with asyncio.timeout(DEADLINE):
        await inside.wait()
        client.leave(namespace)
        assert await outcome == "ended"
    with pytest.raises(KeyError):
        async with sio.session("nobody", namespace):
            pass
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    await sio.shutdown()


@pytest.mark.parametrize("namespace", ["/", "/chat"])
def test_a_client_that_leaves_in_the_block_of_a_thread(namespace: str) -> None:
    sio = socketio.Server()
    sio.on("echo", lambda sid, data: data, namespace=namespace)
    client = TestClient(sio)
    sid = client.connect(namespace)
    with sio.session(sid, namespace) as session:
        session["begun"] = True
        client.leave(namespace)
        assert sio.runtime.wait_idle(DEADLINE)
    with pytest.raises(KeyError), sio.session(sid, namespace):
        pass
    sio.shutdown()


def test_an_error_of_somebody_elses_storage_is_no_client_that_left() -> None:
    """Applications replace `save_session`; what it raises for a client that is there comes out."""

    class Stored(socketio.Server):
        def save_session(self, *arguments: Any) -> None:
            raise KeyError("the database has no such row")

    server = Stored()
    sid = TestClient(server).connect()
    with pytest.raises(KeyError, match="no such row"), server.session(sid):
        pass
    server.shutdown()
