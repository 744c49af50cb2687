"""A session that ends in another thread in the very moment in which its client is accepted."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import socketio
from socketio.testing import TestClient

DEADLINE = 10.0


def test_a_client_that_goes_while_it_is_accepted_is_disconnected_and_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sio = socketio.Server()
    running, forgotten, accepted, left = (threading.Event() for _ in range(4))
    reasons: list[str] = []

    @sio.event
    def connect(sid: str, environ: Any) -> None:
        running.set()
        assert forgotten.wait(DEADLINE)

    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        reasons.append(reason)
        left.set()

    forget, accept = sio.eio.forget, sio.manager.connect

    def forget_slowly(session: Any) -> None:
        forget(session)
        forgotten.set()
        assert accepted.wait(DEADLINE)

    def accept_meanwhile(*args: Any) -> Any:
        result = accept(*args)
        accepted.set()
        return result

    monkeypatch.setattr(sio.eio, "forget", forget_slowly)
    monkeypatch.setattr(sio.manager, "connect", accept_meanwhile)
    client = TestClient(sio)
    connecting = threading.Thread(target=lambda: _refused(client))
    connecting.start()
    assert running.wait(DEADLINE)
    client.drop()
    assert left.wait(DEADLINE)
    connecting.join(DEADLINE)
    sio.shutdown()
    assert reasons == ["transport close"]
    assert not sio.manager.rooms
    assert not sio._ended


def _refused(client: TestClient) -> None:
    try:
        client.connect()
    except ConnectionError:
        pass  # the client has gone before it was told
