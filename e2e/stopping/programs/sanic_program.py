"""A Sanic application under Sanic's own server that emits while it stops."""

from __future__ import annotations

from typing import Any

from listening import listen
from sanic import Sanic
from telling import create_async_server

sio = create_async_server()
app: Sanic[Any, Any] = Sanic("stopping", configure_logging=False)
app.config.ACCESS_LOG = False


@app.before_server_stop
async def before(_: Any) -> None:
    await sio.emit("stopping", "before_server_stop")


@app.after_server_stop
async def after(_: Any) -> None:
    await sio.emit("stopping", "after_server_stop")


if __name__ == "__main__":
    sio.attach(app).run(sock=listen(), single_process=True, motd=False)
