# Generated from socketio/_async/client_namespace.py by tools/unasync.py, do not edit.
"""Class-based namespaces of clients.

Called by clients with the events of one namespace; it knows its client and its own handlers.
"""

from __future__ import annotations

from typing import Any

from .._core.base_namespace import BaseClientNamespace
from .life_cycle import call_in_form


class ClientNamespace(BaseClientNamespace):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    Methods that take a namespace use its own when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

    def is_asyncio_based(self) -> bool:
        """Tell whether this namespace is for clients that run in an event loop."""
        return False

    def trigger_event(self, event: str, *args: Any) -> Any:
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
            return call_in_form(handler, form, args)
        result = handler(*args)
        return result

    def emit(
        self, event: str, data: Any = None, namespace: str | None = None, callback: Any = None
    ) -> None:
        """Send an event to the server; see `Client.emit`."""
        self.client.emit(event, data=data, namespace=namespace or self.namespace, callback=callback)

    def send(
        self,
        data: Any,
        room: Any = None,
        namespace: str | None = None,
        callback: Any = None,
    ) -> None:
        """Send the event `message` to the server; see `Client.emit`.

        Args:
            data: Its argument; a tuple for several.
            room: Without meaning for a client; the compatible API has it.
            namespace: The namespace; None means this one.
            callback: Called with the values of the server's ack.
        """
        self.client.send(data, namespace=namespace or self.namespace, callback=callback)

    def call(
        self,
        event: str,
        data: Any = None,
        namespace: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send an event and wait for the server's answer; see `Client.call`.

        Without a timeout this waits until the server answers or the connection ends.
        """
        return self.client.call(
            event, data=data, namespace=namespace or self.namespace, timeout=timeout
        )

    def disconnect(self) -> None:
        """Disconnect the client from all its namespaces; see `Client.disconnect`."""
        self.client.disconnect()
