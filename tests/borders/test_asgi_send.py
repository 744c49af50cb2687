"""A server whose `send` fails, because the client has gone or made it close the connection."""

from __future__ import annotations

from typing import Any

import pytest

import socketio

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/socket.io/",
    "query_string": b"EIO=4&transport=polling",
    "headers": [],
}


async def serve(error: BaseException, **scope: Any) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        raise error

    sio = socketio.AsyncServer()
    try:
        await socketio.ASGIApp(sio)({**SCOPE, **scope}, receive, send)
    finally:
        await sio.shutdown()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed"),
        ConnectionResetError("gone"),
        BrokenPipeError("gone"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_connection_that_is_closed_is_no_error_of_the_application(
    error: Exception,
) -> None:
    await serve(error)
    await serve(error, query_string=b"EIO=3")
    await serve(error, headers=[(b"upgrade", b"websocket")])


async def test_other_errors_of_a_server_are_its_own() -> None:
    with pytest.raises(LookupError):
        await serve(LookupError("a bug"))
