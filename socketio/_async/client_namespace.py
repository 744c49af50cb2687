"""Class-based namespaces of clients: an application's handlers as the methods of a class."""

from __future__ import annotations

from typing import Any

from .._core.base_namespace import AsyncClientSending
from .life_cycle import DispatchingNamespace


class AsyncClientNamespace(DispatchingNamespace, AsyncClientSending):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    Methods that take a namespace use its own when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

    async def emit(
        self, event: str, data: Any = None, namespace: str | None = None, callback: Any = None
    ) -> None:
        """Send an event to the server; see `AsyncClient.emit`."""
        await self.client.emit(
            event, data=data, namespace=namespace or self.namespace, callback=callback
        )

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
