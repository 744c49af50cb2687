"""The choice of the packet class for a server or a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugins import PluginRegistry
from ..protocol.packets import Packet


def packet_class_for(
    serializer: object, json: Any, get_registry: Callable[[], PluginRegistry]
) -> type[Packet]:
    """Return the packet class that the `serializer` and `json` arguments ask for.

    Args:
        serializer: The name of one that a plugin provides, or a packet class.
        json: A JSON module for this server or client alone, or None.
        get_registry: Returns what knows the plugins; called for a name only, as it may read files.

    Raises:
        PluginError: No plugin provides the name.
        TypeError: `serializer` is neither a name nor a packet class.
    """
    if isinstance(serializer, str):
        registry = get_registry()
        serializer = registry.load_class(registry.serializer(serializer), Packet)
    if not (isinstance(serializer, type) and issubclass(serializer, Packet)):
        raise TypeError(
            "serializer= needs a name such as 'default' or 'msgpack', or a subclass of "
            f"socketio.packet.Packet, got {serializer!r}"
        )
    return serializer.with_json(json)
