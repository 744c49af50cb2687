"""What class-based namespaces share: the names and signatures of their methods.

Nothing in here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .forms import Form, check_minimum, choose_form
from .handlers import CATCH_ALL, refuse_coroutine_function


class BaseNamespace:
    """A namespace whose handlers are methods named `on_<event>`."""

    _KIND: ClassVar[str]
    _ASYNC: ClassVar[bool] = False

    def __init__(self, namespace: str | None = None) -> None:
        self.namespace = namespace or "/"
        self._forms: dict[str, tuple[int, Form]] = {}
        """In which form each method of the life cycle is called, of how many arguments at most."""

    def is_asyncio_based(self) -> bool:
        """Tell whether this namespace is for servers or clients that run in an event loop."""
        return self._ASYNC

    def _handler(self, event: Any) -> Callable[..., Any] | None:
        method = getattr(self, f"on_{'' if event is None else event}", None)
        return method if callable(method) else None

    def _has_own_dispatch(self) -> bool:
        """Tell whether a subclass calls its methods itself, with arguments as it likes."""
        return sum("trigger_event" in vars(base) for base in type(self).__mro__) > 1

    def _check(self, event: str, counts: tuple[int, ...], names: str) -> None:
        """Note in which form a life cycle method is called.

        Raises:
            TypeError: It takes none of the possible numbers.
        """
        method = self._handler(event)
        if method is None:
            return
        self._refuse_coroutine_function(method, event)
        try:
            self._forms[event] = counts[0], choose_form(method, event, counts, names)
        except TypeError:
            if not self._has_own_dispatch():
                raise

    def _check_events(self, count: int, names: str) -> None:
        """Refuse event methods that cannot take what every event has.

        Raises:
            TypeError: There is such a method.
        """
        if self._has_own_dispatch():
            return
        for name in dir(type(self)):
            event = name.removeprefix("on_")
            if name == event or event in ("connect", "disconnect", "connect_error"):
                continue
            method = self._handler(event)
            if method is not None:
                self._refuse_coroutine_function(method, event)
                check_minimum(method, event, count, names)

    def _refuse_coroutine_function(self, method: Callable[..., Any], event: str) -> None:
        if not self.is_asyncio_based() and not self._has_own_dispatch():
            refuse_coroutine_function(method, event, f"socketio.Async{self._KIND}")


class BaseServerNamespace(BaseNamespace):
    """A server's class-based namespace."""

    _KIND = "Namespace"

    def __init__(self, namespace: str | None = None) -> None:
        super().__init__(namespace)
        self.server: Any = None

    def _set_server(self, server: Any) -> None:
        extra = 1 if self.namespace == CATCH_ALL else 0
        before = "namespace, " if extra else ""
        self._check("connect", (3 + extra, 2 + extra), f"{before}sid, environ[, auth]")
        self._check("disconnect", (2 + extra, 1 + extra), f"{before}sid[, reason]")
        self._check_events(1 + extra, f"{before}sid, *args")
        self.server = server

    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """Return the rooms of a client, its own included.

        Args:
            sid: The client.
            namespace: Its namespace; None means this one.
        """
        return self.server.rooms(sid, namespace=namespace or self.namespace)  # type: ignore[no-any-return]  # the server is typed loosely here


class BaseClientNamespace(BaseNamespace):
    """A client's class-based namespace."""

    _KIND = "ClientNamespace"

    def __init__(self, namespace: str | None = None) -> None:
        super().__init__(namespace)
        self.client: Any = None

    def _set_client(self, client: Any) -> None:
        extra = 1 if self.namespace == CATCH_ALL else 0
        before = "namespace" if extra else ""
        comma = ", " if extra else ""
        self._check("connect", (extra,), before)
        self._check("connect_error", (1 + extra, extra), f"{before}{comma}data")
        self._check("disconnect", (1 + extra, extra), f"{before}[{comma}reason]")
        self._check_events(extra, f"{before}{comma}*args")
        self.client = client


class AsyncClientSending(BaseClientNamespace):
    """The method of `AsyncClientNamespace` that has other arguments in threads."""

    async def send(self, data: Any, namespace: str | None = None, callback: Any = None) -> None:
        """Send the event `message` to the server.

        Args:
            data: Its argument; a tuple for several.
            namespace: The namespace; None means this one.
            callback: Called with the values of the server's ack.
        """
        await self.client.send(data, namespace=namespace or self.namespace, callback=callback)


class ClientSending(BaseClientNamespace):
    """The method of `ClientNamespace` that has other arguments in an event loop."""

    def send(
        self, data: Any, room: Any = None, namespace: str | None = None, callback: Any = None
    ) -> None:
        """Send the event `message` to the server.

        Args:
            data: Its argument; a tuple for several.
            room: Without meaning for a client; the compatible API has it.
            namespace: The namespace; None means this one.
            callback: Called with the values of the server's ack.
        """
        self.client.send(data, namespace=namespace or self.namespace, callback=callback)
