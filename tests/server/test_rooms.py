"""Rooms: who is forgotten is in none any more, and who reads them is disturbed by nobody."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import socketio
from socketio.testing.memory import TestClient


@pytest.fixture
def sio() -> Iterator[socketio.Server]:
    server = socketio.Server()
    yield server
    server.shutdown()


def join(sio: socketio.Server) -> str:
    return TestClient(sio).connect()


class Room:
    """A room's name that does something when it is looked up for the first time."""

    def __init__(self, do: Any) -> None:
        self._do = do

    def __hash__(self) -> int:
        do, self._do = self._do, None
        if do is not None:
            do()
        return 1


def test_a_client_that_goes_while_it_enters_a_room(sio: socketio.Server) -> None:
    sid = join(sio)
    going = threading.Thread(target=sio.manager.basic_disconnect, args=(sid, "/"))

    def let_go() -> None:
        going.start()
        going.join(0.2)  # as long as it would take where nothing prevents it

    sio.manager.basic_enter_room(sid, "/", Room(let_go))
    going.join(10)
    assert sio.manager.rooms == {}


def test_only_clients_enter(sio: socketio.Server) -> None:
    sid = join(sio)
    sio.enter_room(sid, "room")
    alone = {sid: sio.manager.eio_sid_from_sid(sid, "/")}
    assert sio.manager.rooms == {"/": {None: alone, sid: alone, "room": alone}}
    sio.disconnect(sid)
    with pytest.raises(ValueError, match="not connected"):
        sio.enter_room(sid, "room")
    assert sio.manager.rooms == {}


@pytest.mark.parametrize("to", [None, "room", [None, "room"], ["room", "other"]])
def test_broadcasts_while_clients_come_and_go(sio: socketio.Server, to: Any) -> None:
    """Every way to address clients, with and without some left out, and with callbacks."""
    stay = [join(sio) for _ in range(50)]
    for sid in stay:
        sio.enter_room(sid, "room")
    ended = threading.Event()
    failures: list[BaseException] = []

    def move() -> None:
        while not ended.is_set():
            for sid in stay[10:]:
                sio.leave_room(sid, "room")
                sio.enter_room(sid, "room")
            client = TestClient(sio)
            sio.enter_room(client.connect(), "room")
            client.drop()

    def emit() -> None:
        try:
            for _ in range(150):
                sio.emit("x", to=to, skip_sid=stay[0])
                sio.emit("x", to=to, skip_sid=stay[:2])
                sio.emit("x", to=to, callback=print)
                list(sio.manager.get_participants("/", to))
                list(sio.manager.rooms["/"])
                set(sio.manager.pending_connect)
                sio.rooms(stay[20])
        except BaseException as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        moving = [threading.Thread(target=move) for _ in range(2)]
        emitting = [threading.Thread(target=emit) for _ in range(2)]
        for thread in [*moving, *emitting]:
            thread.start()
        for thread in emitting:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
        ended.set()
    for thread in moving:
        thread.join(60)
    assert failures == []
