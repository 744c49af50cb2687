"""CORS headers of answers under aiohttp, where middlewares and signals may write some as well.

Whoever else writes such headers has the last word, and is warned of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from socketio.abc import Headers

from .cors import ALLOW_ORIGIN, warn_of_two_answers

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

    from socketio.web import AsyncEngine

Signal = Callable[[web.Request, web.StreamResponse], Awaitable[object]]


class CrossOriginResponse(web.Response):
    """An answer that gets its CORS headers when all middlewares have seen it.

    Args:
        engine: Whose answer it is.
        cors: The headers.
        **arguments: What `web.Response` takes.
    """

    def __init__(self, engine: AsyncEngine, cors: Headers, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._engine = engine
        self._cors = cors

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Begin to send, with the CORS headers of whoever writes them."""
        if not self.prepared and isinstance(request, web.Request):
            other = await self._other_answer(request)
            if other is None:
                self.headers.extend(self._cors)
            else:
                warn_of_two_answers(self._engine, other)
        return await super().prepare(request)

    async def _other_answer(self, request: web.Request) -> str | None:
        """Return who else writes CORS headers into this answer."""
        if ALLOW_ORIGIN in self.headers:
            return "a middleware of the aiohttp application"
        for app in request.match_info.apps:
            for signal in app.on_response_prepare:
                if await writes_cors(signal, request):
                    return f"{_module(signal)}, with its on_response_prepare signal,"
        return None


async def writes_cors(signal: Signal, request: web.Request) -> bool:
    """Tell whether a signal of a CORS package writes headers for a request, by asking it.

    Other signals are not asked: they may do anything.
    """
    if "cors" not in _module(signal).lower():
        return False
    probe = web.Response()
    await signal(request, probe)
    return ALLOW_ORIGIN in probe.headers


def _module(function: object) -> str:
    return getattr(function, "__module__", None) or type(function).__module__
