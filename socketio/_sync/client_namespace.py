# Generated from socketio/_async/client_namespace.py by tools/unasync.py, do not edit.
"""Class-based namespaces of clients.

Called by clients with the events of one namespace; it knows its client and its own handlers.
"""

from __future__ import annotations

from typing import Any

from .._core.base_namespace import ClientSending
from ..runtimes.synchronous import IN_LOOP
from .life_cycle import call_in_form


class ClientNamespace(ClientSending):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    Methods that take a namespace use its own when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

    _ASYNC = IN_LOOP

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
