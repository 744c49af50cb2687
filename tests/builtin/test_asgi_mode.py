"""Requests of ASGI, and a server that has no websockets."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import uvicorn

import socketio
from socketio.web.asgi import ASGIRequest

HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport={transport} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
POLL = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def exchange(port: int, request: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_server_without_websockets(caplog: pytest.LogCaptureFixture) -> None:
    """It says so once, and polling works."""
    sio = socketio.AsyncServer(engineio_logger=logging.getLogger("test.engineio"))
    config = uvicorn.Config(
        socketio.ASGIApp(sio), host="127.0.0.1", port=0, ws="none", log_config=None
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    for _ in range(2):
        answer = await exchange(port, HANDSHAKE.format(transport="websocket"))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
            "code": 3,
            "message": "This server cannot serve websockets",
        }
    said = [record for record in caplog.records if "cannot serve here" in record.message]
    assert len(said) == 1
    assert b'0{"sid"' in await exchange(port, POLL)
    server.should_exit = True
    await asyncio.wait_for(running, 10)


async def test_a_name_with_underscores_cannot_take_the_place_of_one_with_hyphens() -> None:
    async def never(*event: object) -> None:
        raise AssertionError("nothing is received or sent")

    scope = {
        "path": "/socket.io/",
        "query_string": b"",
        "headers": [
            (b"x-real-ip", b"192.0.2.1"),
            (b"x_real_ip", b"forged"),
            (b"x_own", b"1"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ],
    }
    environ = ASGIRequest(scope, never, never).environ  # type: ignore[arg-type]  # never called
    assert environ["HTTP_X_REAL_IP"] == "192.0.2.1"
    assert environ["HTTP_X_OWN"] == "1"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


async def test_a_message_that_the_server_refuses_ends_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is left waiting on a connection on which nothing can be sent any more."""
    sio = socketio.AsyncServer()
    gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    sent: list[str] = []

    @sio.event
    async def connect(sid: str, environ: object) -> None:
        await sio.emit("large", "x" * 1000, to=sid)

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        gone.set_result(reason)

    messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    messages.put_nowait({"type": "websocket.connect"})
    messages.put_nowait({"type": "websocket.receive", "text": "40"})

    async def send(event: dict[str, object]) -> None:
        if len(str(event.get("text", ""))) > 1000:
            raise RuntimeError("a message of at most 1000 bytes, please")
        sent.append(str(event.get("text", event["type"])))

    scope = {
        "type": "websocket",
        "path": "/socket.io/",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [],
    }
    async with asyncio.timeout(10):
        await socketio.ASGIApp(sio)(scope, messages.get, send)
        assert await gone == "transport close"
    assert sent[0] == "websocket.accept"
    assert any(text.startswith("40") for text in sent)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    await sio.shutdown()
