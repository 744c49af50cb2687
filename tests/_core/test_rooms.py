"""The room table: who is forgotten is in no room any more, whatever other threads do."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import socketio
from socketio._core.rooms import RoomTable
from socketio.engine import Engine


def test_only_known_clients_enter() -> None:
    table = RoomTable()
    table.add_client("/", "sid", "eio")
    assert table.enter_known("/", "sid", "room")
    assert table.members("/", "room") == {"sid": "eio"}
    table.remove_client("/", "sid")
    assert not table.enter_known("/", "sid", "room")
    assert table.rooms == {}


def test_a_client_that_goes_while_it_enters_a_room(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = socketio.Manager()
    server: Any = type("Server", (), {"eio": Engine()})
    manager.set_server(server)
    sid = manager.pre_connect("eio", "/")
    assert sid is not None
    manager.connect("eio", "/")
    going = threading.Thread(target=manager.basic_disconnect, args=(sid, "/"))
    look_up = manager.table.eio_sid

    def look_up_and_let_go(namespace: str, client: str) -> str | None:
        found = look_up(namespace, client)
        if client == sid and not going.ident:
            going.start()
            going.join(0.2)  # as long as it would take where nothing prevents it
        return found

    monkeypatch.setattr(manager.table, "eio_sid", look_up_and_let_go)
    manager.basic_enter_room(sid, "/", "room")
    going.join(10)
    assert manager.rooms == {}
