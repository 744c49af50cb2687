"""A Starlette application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from contract import PREFIX, attach_all, attach_mounted, run_asgi, started, stopped
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route


class OwnMiddleware:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def add_header(event: Any) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [*event.get("headers", []), (b"x-own", b"yes")]
            await send(event)

        await self.app(scope, receive, add_header)


async def own(request: Request) -> PlainTextResponse:
    return PlainTextResponse("own page")


async def count(request: Request) -> PlainTextResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return PlainTextResponse(str(request.session["count"]))


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    started()
    yield
    stopped()


app = Starlette(
    routes=[
        Route("/own", own),
        Route("/count", count),
        Mount(PREFIX, app=attach_mounted(Starlette())),
    ],
    middleware=[Middleware(OwnMiddleware), Middleware(SessionMiddleware, secret_key="x")],
    lifespan=lifespan,
)

if __name__ == "__main__":
    run_asgi(attach_all(app))
