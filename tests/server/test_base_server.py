"""What servers of both flavours share, where threads get into each other's way."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import socketio
from socketio.testing import TestClient

DEADLINE = 10.0


class MeddlingManager(socketio.Manager):
    """Lets the connect handler end in the moment in which its client is to be disconnected."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()
        self.accepted = threading.Event()

    def connect(self, eio_sid: str, namespace: str) -> str | None:
        sid = super().connect(eio_sid, namespace)
        self.accepted.set()
        return sid

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        self.may_end.set()
        self.accepted.wait(0.2)  # as long as it would take where nothing prevents it
        return super().pre_disconnect(sid, namespace)


def test_a_disconnect_while_the_connect_handler_ends_is_not_lost() -> None:
    manager = MeddlingManager()
    sio = socketio.Server(client_manager=manager)
    connecting: list[str] = []
    begun = threading.Event()

    @sio.event
    def connect(sid: str, environ: dict[str, Any]) -> None:
        connecting.append(sid)
        begun.set()
        manager.may_end.wait(DEADLINE)

    def join() -> None:
        # On a busy machine the handler may end too late, and its client is refused.
        with contextlib.suppress(ConnectionRefusedError):
            TestClient(sio).connect()

    joining = threading.Thread(target=join)
    joining.start()
    assert begun.wait(DEADLINE)
    sio.disconnect(connecting[0])
    joining.join(DEADLINE)
    end = time.monotonic() + DEADLINE
    while sio.rooms(connecting[0]) or manager.pending_disconnect:
        assert time.monotonic() < end
        sio.sleep(0.01)
    sio.shutdown()
