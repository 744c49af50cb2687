"""A framework's CORS middleware and the server's own CORS headers."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest
import werkzeug.test
from aiohttp import web
from sanic import Sanic
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

import socketio
from socketio_web.cors import TwoCORSAnswersWarning, answers_cors

ORIGIN = "http://page.example"
CORS = {"allow_origins": [ORIGIN], "allow_credentials": True}


async def get(app: Any, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        query = "EIO=4&transport=polling"
        return await client.get(f"/socket.io/?{query}", headers={"Origin": ORIGIN, **headers})


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(None, False), ([], False), ((), False), (ORIGIN, True), ([ORIGIN], True), ("*", True)],
)
def test_who_answers(allowed: Any, expected: bool) -> None:
    assert answers_cors(socketio.AsyncServer(cors_allowed_origins=allowed)) is expected


async def test_middleware_of_before_is_behind_the_server() -> None:
    app = Starlette(middleware=[Middleware(CORSMiddleware, **CORS)])  # type: ignore[arg-type]  # one value per name
    socketio.AsyncServer(cors_allowed_origins=[ORIGIN]).attach(app)
    answer = await get(app)
    assert answer.status_code == 200
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [ORIGIN]


async def test_middleware_of_afterwards_is_warned_of() -> None:
    app = Starlette()
    socketio.AsyncServer(cors_allowed_origins=[ORIGIN]).attach(app)
    app.add_middleware(CORSMiddleware, **CORS)  # type: ignore[arg-type]  # one value per name
    with pytest.warns(TwoCORSAnswersWarning, match=r"cors_allowed_origins=\[\]"):
        answer = await get(app)
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [ORIGIN]


async def test_the_framework_alone() -> None:
    app = Starlette()
    sio = socketio.AsyncServer(cors_allowed_origins=[], check_origin=False)
    sio.attach(app)
    app.add_middleware(CORSMiddleware, **CORS)  # type: ignore[arg-type]  # one value per name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = await get(app)
    assert answer.status_code == 200
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [ORIGIN]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


QUERY = "/socket.io/?EIO=4&transport=polling"
OTHER = "*"
"""What the other one answers, to be told from our own answer."""


async def test_middleware_around_an_asgi_application() -> None:
    sio = socketio.AsyncServer(cors_allowed_origins=[ORIGIN])
    app = CORSMiddleware(socketio.ASGIApp(sio), **CORS)
    with pytest.warns(TwoCORSAnswersWarning, match=r"CORSMiddleware, which stands before it,"):
        answer = await get(app)
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [ORIGIN]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        await get(app)


async def test_no_middleware_around_an_asgi_application() -> None:
    sio = socketio.AsyncServer(cors_allowed_origins=[ORIGIN])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = await get(socketio.ASGIApp(sio))
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [ORIGIN]


def cors_middleware(app: Callable[..., Any]) -> Callable[..., Any]:
    """Return a WSGI application whose answers go to every origin."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-CORS", "here")], *rest)

        return app(environ, start)

    return application


@pytest.mark.parametrize("wrapped", [True, False])
def test_middleware_around_a_wsgi_application(wrapped: bool) -> None:
    sio = socketio.Server(cors_allowed_origins=[ORIGIN])
    app: Any = socketio.WSGIApp(sio)
    client = werkzeug.test.Client(cors_middleware(app) if wrapped else app)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            answer = client.get(QUERY, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert [item.category for item in caught] == [TwoCORSAnswersWarning] * wrapped
    sio.shutdown()


@web.middleware
async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    response.headers["Access-Control-Allow-Origin"] = OTHER
    return response


async def signal(request: web.Request, response: web.StreamResponse) -> None:
    # As aiohttp_cors does it.
    assert "Access-Control-Allow-Origin" not in response.headers
    response.headers["Access-Control-Allow-Origin"] = OTHER


@asynccontextmanager
async def served_by_aiohttp(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]  # it runs
    await runner.cleanup()


async def allowed(url: str, expected: str) -> None:
    """Check that every answer allows one origin, once."""
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            async with http.get(url + QUERY, headers={"Origin": ORIGIN}) as answer:
                assert answer.status == 200
                assert answer.headers.getall("Access-Control-Allow-Origin") == [expected]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("how", ["middleware", "signal"])
async def test_aiohttp_answers_too(how: str, order: str) -> None:
    app = web.Application()

    def add() -> None:
        if how == "middleware":
            app.middlewares.append(middleware)
        else:
            app.on_response_prepare.append(signal)

    if order == "before":
        add()
    socketio.AsyncServer(cors_allowed_origins=[ORIGIN]).attach(app)
    if order == "after":
        add()
    async with served_by_aiohttp(app) as url:
        with pytest.warns(TwoCORSAnswersWarning, match=how) as caught:
            await allowed(url, OTHER)
    assert len(caught) == 1


async def test_aiohttp_leaves_it_to_the_server() -> None:
    async def another_signal(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Own"] = "yes"

    app = web.Application()
    app.on_response_prepare.append(another_signal)
    socketio.AsyncServer(cors_allowed_origins=[ORIGIN]).attach(app)
    async with served_by_aiohttp(app) as url:
        await allowed(url, ORIGIN)


@pytest.mark.parametrize("answers", [True, False])
async def test_sanic_answers_too(answers: bool) -> None:
    app: Any = Sanic(f"cors_{answers}", configure_logging=False)
    if answers:

        @app.on_response
        async def add(request: Any, response: Any) -> None:
            response.headers["Access-Control-Allow-Origin"] = OTHER

    sio = socketio.AsyncServer(cors_allowed_origins=[ORIGIN])
    sio.attach(app)
    app.config.ACCESS_LOG = app.config.TOUCHUP = False
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = await app.create_server(sock=listener, return_asyncio_server=True)
    await server.startup()
    await server.before_start()
    await server.after_start()
    await server.start_serving()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await allowed(url, OTHER if answers else ORIGIN)
    assert [item.category for item in caught] == [TwoCORSAnswersWarning] * answers
    await server.close()
    await server.before_stop()
    await server.after_stop()
    await asyncio.sleep(0)
