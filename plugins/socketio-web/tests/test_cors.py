"""A framework's CORS middleware and the server's own CORS headers."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
import pytest
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
