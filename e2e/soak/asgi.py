"""The server of the asyncio flavour as an ASGI application, with its counts."""

from __future__ import annotations

from typing import Any

from server import asynchronous, counts

import socketio

sio = asynchronous()


async def stats(scope: Any, receive: Any, send: Any) -> None:
    """Answer any other request with the counts."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": counts.stats(sio)})


app = socketio.ASGIApp(sio, stats)
