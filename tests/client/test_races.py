"""Threads that end a client's connection at the same time."""

from __future__ import annotations

from typing import Any

import socketio


class Overtaken:
    """A client's lock, before which another thread has ended the connection.

    Args:
        client: The client.
    """

    def __init__(self, client: socketio.Client) -> None:
        self._client = client
        self._lock: Any = client._lock

    def __enter__(self) -> None:
        self._client._lock = self._lock
        self._client._engine_closed("client disconnect")
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()


def test_a_namespace_that_the_server_ends_while_we_disconnect() -> None:
    client = socketio.Client()
    reasons: list[str] = []
    client.on("disconnect", reasons.append)
    client.namespaces = {"/": "a client"}
    client._lock = Overtaken(client)  # type: ignore[assignment]  # all that is asked of it
    client._engine_message("1")
    client._wait_for_end(10)
    assert reasons == ["client disconnect"]
    assert client.namespaces == {}
