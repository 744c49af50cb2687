# Generated from socketio/_async/client_namespace.py by tools/unasync.py, do not edit.
"""Class-based namespaces of clients: an application's handlers as the methods of a class."""

from __future__ import annotations

from typing import Any

from .._core.base_namespace import ClientSending
from .life_cycle import DispatchingNamespace


class ClientNamespace(DispatchingNamespace, ClientSending):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    Methods that take a namespace use its own when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

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
