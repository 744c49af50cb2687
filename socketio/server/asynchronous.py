"""What the server of the asyncio flavour has of its own; `synchronous` is its counterpart."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..plugins.types import Flavour
from ..runtimes.asyncio.tasks import wait_in_loop
from .base_server import BaseServer

Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])

FLAVOUR: Flavour = "async"


class FlavouredServer(BaseServer):
    """The part of `AsyncServer` that `Server` has differently."""

    flavour = FLAVOUR

    def __init__(
        self,
        client_manager: Any = None,
        logger: logging.Logger | bool = False,
        json: Any = None,
        async_handlers: bool = True,
        namespaces: list[str] | tuple[str, ...] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            client_manager=client_manager,
            logger=logger,
            json=json,
            async_handlers=async_handlers,
            namespaces=namespaces,
            **kwargs,
        )

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._starting = contextlib.nullcontext()

    async def handle_request(self, *args: Any, **kwargs: Any) -> Any:
        """Serve one request of the web server, in the terms of the async mode."""
        # Not through the engine's own method, whose coroutine would live as long as a websocket.
        return await self.eio.mode.handle_request(self.eio, *args, **kwargs)


class AdminArguments:
    """The constructor of `InstrumentedAsyncServer`, whose arguments have an order of their own."""

    def __init__(
        self,
        sio: Any,
        auth: Any = None,
        namespace: str = "/admin",
        read_only: bool = False,
        server_id: str | None = None,
        mode: str = "development",
        server_stats_interval: float = 2,
    ) -> None:
        self._configure(sio, auth, mode, read_only, server_id, namespace, server_stats_interval)

    def _configure(self, *arguments: Any) -> None:
        """Take the arguments, in the order of `instrument`."""
        raise NotImplementedError


def in_own_loop(method: Method) -> Method:
    """Return a method that is run in the server's event loop, whatever loop calls it.

    What is shared by clients is touched in one loop only. Who calls from another one, which runs
    in another thread, waits there until the method has ended here.
    """

    @functools.wraps(method)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        called = method(self, *args, **kwargs)
        loop = self.eio.loop
        if loop is None or loop is asyncio.get_running_loop() or not loop.is_running():
            return await called
        return await wait_in_loop(loop, called)

    return run  # type: ignore[return-value]  # it is called alike


async def ended(pending: Any) -> None:
    """Wait for the end of what `Runtime.start` has returned, whatever that ends with."""
    await asyncio.wait((pending,))
