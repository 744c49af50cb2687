"""Mistakes that everybody makes once are refused where they are made, with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import socketio


async def waits(sid: str = "", *args: Any) -> None: ...


def plain(sid: str = "", *args: Any) -> None: ...


class AsyncMethods(socketio.Namespace):
    async def on_chat(self, sid: str) -> None: ...


class AsyncConnect(socketio.Namespace):
    async def on_connect(self, sid: str, environ: Any) -> None: ...


class AsyncClientMethods(socketio.ClientNamespace):
    async def on_chat(self, text: str) -> None: ...


class OwnDispatch(socketio.Namespace):
    def trigger_event(self, event: str, *args: Any) -> None: ...

    async def on_chat(self, sid: str) -> None: ...


def server(**options: Any) -> Any:
    return socketio.Server(**options)


def async_server(**options: Any) -> Any:
    return socketio.AsyncServer(**options)


MISTAKES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # Handlers
    (lambda: server().on("chat", waits), TypeError, "needs socketio.AsyncServer"),
    (lambda: server().on("connect", waits), TypeError, "needs socketio.AsyncServer"),
    (lambda: socketio.Client().on("chat", waits), TypeError, "needs socketio.AsyncClient"),
    (
        lambda: server().register_namespace(AsyncMethods("/chat")),
        TypeError,
        "the handler of 'chat' is a coroutine function, which needs socketio.AsyncNamespace",
    ),
    (
        lambda: server().register_namespace(AsyncConnect("/chat")),
        TypeError,
        "needs socketio.AsyncNamespace",
    ),
    (
        lambda: socketio.Client().register_namespace(AsyncClientMethods("/chat")),
        TypeError,
        "needs socketio.AsyncClientNamespace",
    ),
    (lambda: async_server().on(waits), TypeError, "write @sio.on('name'), or @sio.event"),
    (lambda: socketio.AsyncClient().on(waits), TypeError, "write @sio.on('name'), or @sio.event"),
    (lambda: server().event("chat")(plain), TypeError, "write @sio.on('chat')"),
    (lambda: socketio.Client().event("chat")(plain), TypeError, "write @sio.on('chat')"),
    (lambda: socketio.Client().emit(None), TypeError, "must be a string, got None"),
    # Namespaces
    (lambda: server().on("chat", plain, namespace="chat"), ValueError, "a slash: '/chat'"),
    (
        lambda: server().register_namespace(socketio.Namespace("chat")),
        ValueError,
        "a slash: '/chat'",
    ),
    (lambda: server(namespaces=["/", "chat"]), ValueError, "a slash: '/chat'"),
    (
        lambda: socketio.Client().connect("http://127.0.0.1:1", namespaces="chat"),
        ValueError,
        "a slash: '/chat'",
    ),
    # Options
    (lambda: server(logger="DEBUG"), TypeError, "logging.getLogger('name'), got 'DEBUG'"),
    (lambda: async_server(engineio_logger=10), TypeError, "logging.getLogger('name'), got 10"),
    (lambda: async_server(cookie=True), TypeError, "a name or a dict of attributes, got True"),
    (lambda: async_server(cors_allowed_origins=5), TypeError, "https://page.example"),
    # Applications
    (lambda: socketio.ASGIApp(server()), TypeError, "wrap that one in WSGIApp"),
    (lambda: socketio.WSGIApp(async_server()), TypeError, "wrap that one in ASGIApp"),
    (lambda: socketio.WSGIApp(None), TypeError, "WSGIApp serves a socketio.Server, got None"),
    (lambda: socketio.WSGIApp(plain, server()), TypeError, "serves a socketio.Server, got <func"),
    (lambda: socketio.ASGIApp(None), TypeError, "serves a socketio.AsyncServer, got None"),
    (
        lambda: socketio.ASGIApp(async_server(), static_files=["index.html"]),
        TypeError,
        "static_files= needs a dict of URL paths and files, got ['index.html']",
    ),
    # Background tasks
    (lambda: server().start_background_task(waits), TypeError, "of threads must be a function"),
    (lambda: server().start_background_task(None), TypeError, "of threads must be a function"),
]


@pytest.mark.parametrize(
    ("mistake", "error", "words"), MISTAKES, ids=[words[-30:] for *_, words in MISTAKES]
)
def test_is_refused(mistake: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        mistake()


def test_a_background_task_needs_an_event_loop() -> None:
    # The main thread of older Pythons has a loop that nobody runs.
    with ThreadPoolExecutor(1) as thread, pytest.raises(RuntimeError, match="on_startup="):
        thread.submit(async_server().start_background_task, waits).result()


async def test_a_background_task_is_not_called_by_its_starter() -> None:
    with pytest.raises(TypeError, match="without calling it before"):
        async_server().start_background_task(waits())


def test_a_namespace_with_a_dispatch_of_its_own_may_await_as_it_likes() -> None:
    server().register_namespace(OwnDispatch("/chat"))


@pytest.mark.parametrize("cookie", [None, False, "io", {"name": "io"}])
def test_what_a_cookie_may_be(cookie: Any) -> None:
    assert async_server(cookie=cookie).eio.config.cookie == cookie
