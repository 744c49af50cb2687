"""ASGI applications that emit while they stop, one for each framework."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from telling import create_async_server

import socketio

sio = create_async_server()


async def stopping() -> None:
    """Emit in a hook of the framework's."""
    await sio.emit("stopping", "shutdown hook")


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Emit after the `yield`."""
    yield
    await sio.emit("stopping", "after yield")


def create_asgi_app() -> Any:
    """Return an `ASGIApp` by itself."""
    return socketio.ASGIApp(sio, on_shutdown=stopping)


def create_wrapped_fastapi() -> Any:
    """Return an `ASGIApp` around FastAPI, both with an end of their own."""
    from fastapi import FastAPI

    return socketio.ASGIApp(sio, FastAPI(lifespan=lifespan), on_shutdown=stopping)


def create_fastapi() -> Any:
    """Return a FastAPI application that the server was attached to."""
    from fastapi import FastAPI

    return sio.attach(FastAPI(lifespan=lifespan))


def create_starlette() -> Any:
    """Return a Starlette application that the server was attached to."""
    from starlette.applications import Starlette

    return sio.attach(Starlette(lifespan=lifespan))


def create_litestar() -> Any:
    """Return a Litestar application that the server was attached to."""
    from litestar import Litestar

    return sio.attach(Litestar([], lifespan=[lifespan], on_shutdown=[stopping]))


def create_quart() -> Any:
    """Return a Quart application that the server was attached to."""
    from quart import Quart

    app = Quart(__name__)
    app.after_serving(stopping)
    return sio.attach(app)


def create_django() -> Any:
    """Return Django's ASGI application, which knows no lifespan."""
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    settings.configure(SECRET_KEY="x" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True)
    return sio.attach(get_asgi_application())


urlpatterns: list[Any] = []
