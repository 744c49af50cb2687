"""Shows that the managers of two servers reach each other, however they got to their broker."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from socketio.testing.contracts.cluster import Flavour, Node, wait_for

FLAVOURS: tuple[Flavour, ...] = ("async", "sync")


def exchange(flavour: Flavour, create_manager: Callable[..., Any]) -> None:
    """Have a client of one server hear the other one, and answer it.

    Args:
        flavour: Of the servers.
        create_manager: Called with `channel=`, twice.
    """
    channel = f"exchange-{uuid.uuid4().hex}"
    nodes: list[Node] = []
    try:
        for _ in range(2):
            nodes.append(Node(flavour, lambda: create_manager(channel=channel)))
            manager = nodes[-1].manager
            wait_for(lambda manager=manager: manager.health().state == "connected", "a connection")  # type: ignore[misc]  # mypy cannot type a default
        client = nodes[1].client()
        client.on("ask", lambda value: [value])
        assert nodes[0].call("ask", "hello", to=client.sid, timeout=10) == ["hello"]
    finally:
        for node in nodes:
            node.stop()
