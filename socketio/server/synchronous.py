"""What the server of the threaded flavour has of its own; `asynchronous` is its counterpart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..plugins.types import Flavour
from .direct_sessions import DirectSessions

Method = TypeVar("Method", bound=Callable[..., Any])

FLAVOUR: Flavour = "sync"


class FlavouredServer(DirectSessions):
    """The part of `Server` that `AsyncServer` has differently."""

    flavour = FLAVOUR

    def __init__(
        self,
        client_manager: Any = None,
        logger: logging.Logger | bool = False,
        serializer: Any = "default",
        json: Any = None,
        async_handlers: bool = True,
        always_connect: bool = False,
        namespaces: list[str] | tuple[str, ...] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            client_manager=client_manager,
            logger=logger,
            serializer=serializer,
            json=json,
            async_handlers=async_handlers,
            always_connect=always_connect,
            namespaces=namespaces,
            **kwargs,
        )

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._starting = threading.Lock()  # the first requests may come at the same time

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve one request of the web server: a WSGI application."""
        return self.eio.mode.handle_request(self.eio, environ, start_response)


class AdminArguments:
    """The constructor of `InstrumentedServer`, whose arguments have an order of their own."""

    def __init__(
        self,
        sio: Any,
        auth: Any = None,
        mode: str = "development",
        read_only: bool = False,
        server_id: str | None = None,
        namespace: str = "/admin",
        server_stats_interval: float = 2,
    ) -> None:
        self._configure(sio, auth, mode, read_only, server_id, namespace, server_stats_interval)

    def _configure(self, *arguments: Any) -> None:
        """Take the arguments, in the order of `instrument`."""
        raise NotImplementedError


def in_own_loop(method: Method) -> Method:
    """Return a method as it is: any thread may call it."""
    return method


def ended(pending: Any) -> None:
    """Wait for the end of what `Runtime.start` has returned."""
    pending.join()
