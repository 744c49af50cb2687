"""What nothing can be attached to, and what the error says."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import socketio
from socketio.exceptions import PluginError
from socketio_web.unknown_application import looks_like_asgi, looks_like_wsgi


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


class ASGI:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class WSGI:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


async def with_option(option: int, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize("app", [asgi, ASGI(), ASGI().__call__, partial(with_option, 1)])
def test_asgi_callables(app: Any) -> None:
    assert looks_like_asgi(app)
    assert not looks_like_wsgi(app)
    assert isinstance(socketio.AsyncServer().attach(app), socketio.ASGIApp)


@pytest.mark.parametrize("app", [wsgi, WSGI(), WSGI().__call__])
def test_wsgi_callables(app: Any) -> None:
    assert looks_like_wsgi(app)
    assert not looks_like_asgi(app)
    assert isinstance(socketio.Server().attach(app), socketio.WSGIApp)


@pytest.mark.parametrize("app", [object(), 3, "module:app", lambda: None])
@pytest.mark.parametrize("server", [socketio.AsyncServer, socketio.Server])
def test_what_is_no_application(server: Any, app: Any) -> None:
    with pytest.raises(PluginError) as refused:
        server().attach(app)
    message = str(refused.value)
    assert f"cannot attach to {type(app).__module__}.{type(app).__qualname__}" in message
    assert "django (pip install 'socketio-web[django]')" in message
    assert refused.value.reason == "missing"


def test_a_wsgi_application_and_an_async_server() -> None:
    from flask import Flask

    with pytest.raises(PluginError, match=r"WSGI application, which a synchronous"):
        socketio.AsyncServer().attach(Flask("own"))


def test_an_asgi_application_and_a_synchronous_server() -> None:
    from fastapi import FastAPI

    with pytest.raises(PluginError, match=r"ASGI application, which a socketio.AsyncServer"):
        socketio.Server().attach(FastAPI())


def test_aiohttp_and_a_synchronous_server() -> None:
    from aiohttp import web

    with pytest.raises(PluginError, match=r"aiohttp.web_app.Application"):
        socketio.Server().attach(web.Application())


def test_options_go_to_the_wrapper() -> None:
    app = socketio.AsyncServer().attach(asgi, static_files={"/": "index.html"})
    assert app.static_files == {"/": "index.html"}
    with pytest.raises(TypeError, match="statik_files"):
        socketio.AsyncServer().attach(asgi, statik_files={})
