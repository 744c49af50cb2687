"""A FastAPI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from contract import PREFIX, attach_all, attach_mounted, run_asgi, started, stopped
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    started()
    yield
    stopped()


app = FastAPI(lifespan=lifespan)
app.mount(PREFIX, attach_mounted(FastAPI()))


@app.middleware("http")
async def add_header(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    response.headers["X-Own"] = "yes"
    return response


@app.get("/own", response_class=PlainTextResponse)
async def own() -> str:
    return "own page"


if __name__ == "__main__":
    run_asgi(attach_all(app))
