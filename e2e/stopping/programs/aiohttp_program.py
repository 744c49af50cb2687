"""An aiohttp application that emits while it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web
from listening import listen
from telling import create_async_server

sio = create_async_server()
app = web.Application()


async def on_shutdown(_: web.Application) -> None:
    await sio.emit("stopping", "on_shutdown")


async def on_cleanup(_: web.Application) -> None:
    await sio.emit("stopping", "on_cleanup")


async def context(_: web.Application) -> AsyncIterator[None]:
    yield
    await sio.emit("stopping", "after yield")


if __name__ == "__main__":
    app.cleanup_ctx.append(context)
    sio.attach(app)
    app.on_shutdown.append(on_shutdown)
    app.on_cleanup.append(on_cleanup)
    web.run_app(app, sock=listen(), print=None)
