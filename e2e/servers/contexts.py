"""Middleware that notes in a context variable which request it has seen, for every framework.

The handlers are to see the note: that of the request which opened the websocket, or of the POST
that brought the event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

REQUEST: ContextVar[str] = ContextVar("request", default="nobody's")
"""The transport that the request named."""


def note(query: str | bytes) -> None:
    """Note a request by its query string."""
    text = query.decode() if isinstance(query, bytes) else query
    REQUEST.set(parse_qs(text).get("transport", ["none"])[0])


def asgi(app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Return an ASGI application behind the middleware."""

    async def middleware(scope: dict[str, Any], receive: Any, send: Any) -> None:
        note(scope.get("query_string", b""))
        await app(scope, receive, send)

    return middleware


def wsgi(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Return a WSGI application behind the middleware."""

    def middleware(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        note(environ.get("QUERY_STRING", ""))
        return app(environ, start_response)

    return middleware
