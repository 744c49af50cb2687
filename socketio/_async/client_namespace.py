"""Class-based namespaces of clients.

Called by clients with the events of one namespace; it knows its client and its own handlers.
"""

from __future__ import annotations

from typing import Any

from .._core.base_namespace import BaseClientNamespace
from .life_cycle import call_in_form


class AsyncClientNamespace(BaseClientNamespace):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    Methods that take a namespace use its own when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

    def is_asyncio_based(self) -> bool:
        """Tell whether this namespace is for clients that run in an event loop."""
        # async: begin
        return True
        # async: end
        # sync: return False

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Call the method that handles an event; override it to dispatch in another way.

        Args:
            event: The event's name.
            *args: The namespace (for `*` only), and what the event carries.

        Returns:
            What the method returned; None when there is no such method.
        """
        handler = self._handler(event)
        if handler is None:
            return None
        form = self._forms.get(event)
        if form is not None:
            return await call_in_form(handler, form, args)
        result = handler(*args)
        if hasattr(result, "__await__"):  # async: only
            result = await result  # async: only
        return result

    async def emit(
        self, event: str, data: Any = None, namespace: str | None = None, callback: Any = None
    ) -> None:
        """Send an event to the server; see `AsyncClient.emit`."""
        await self.client.emit(
            event, data=data, namespace=namespace or self.namespace, callback=callback
        )

    # async: begin
    async def send(self, data: Any, namespace: str | None = None, callback: Any = None) -> None:
        """Send the event `message` to the server; see `AsyncClient.emit`."""
        await self.client.send(data, namespace=namespace or self.namespace, callback=callback)

    # async: end
    # sync: def send(
    # sync:     self,
    # sync:     data: Any,
    # sync:     room: Any = None,
    # sync:     namespace: str | None = None,
    # sync:     callback: Any = None,
    # sync: ) -> None:
    # sync:     """Send the event `message` to the server; see `Client.emit`.
    # sync:
    # sync:     Args:
    # sync:         data: Its argument; a tuple for several.
    # sync:         room: Without meaning for a client; the compatible API has it.
    # sync:         namespace: The namespace; None means this one.
    # sync:         callback: Called with the values of the server's ack.
    # sync:     """
    # sync:     self.client.send(data, namespace=namespace or self.namespace, callback=callback)

    async def call(
        self,
        event: str,
        data: Any = None,
        namespace: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send an event and wait for the server's answer; see `AsyncClient.call`.

        Without a timeout this waits until the server answers or the connection ends.
        """
        return await self.client.call(
            event, data=data, namespace=namespace or self.namespace, timeout=timeout
        )

    async def disconnect(self) -> None:
        """Disconnect the client from all its namespaces; see `AsyncClient.disconnect`."""
        await self.client.disconnect()
