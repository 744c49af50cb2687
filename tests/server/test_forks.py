"""What a forked child has of its parent's clients: nothing; and who watches goes on watching."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os
import signal
import threading

import socketio
from socketio.testing.memory import TestClient

sio = socketio.Server(async_mode="threading")
told = []


class Watching(socketio.ServerObserver):
    def client_connected(self, namespace, sid):
        told.append(("connected", namespace, sid))

    def room_entered(self, namespace, room, sid):
        told.append(("entered", room, sid))


sio.observers.append(Watching())
leaving, may_leave = threading.Event(), threading.Event()
joining, may_join = threading.Event(), threading.Event()


@sio.on("disconnect")
def disconnect(sid, reason):
    leaving.set()
    may_leave.wait(30)


@sio.on("connect", namespace="/slow")
def connect(sid, environ):
    joining.set()
    may_join.wait(30)


client, gone, slow = TestClient(sio), TestClient(sio), TestClient(sio)
sid = client.connect()
sio.enter_room(sid, "room")
sio.emit("question", to=sid, callback=print)
gone.connect()
gone.drop()
assert leaving.wait(15)
waiting = threading.Thread(target=slow.connect, args=("/slow",))
waiting.start()
assert joining.wait(15)

manager = sio.manager


def counts():
    return [
        len(manager.rooms), len(manager.callbacks), len(manager.eio_to_sid),
        len(manager.pending_connect), len(manager.pending_disconnect), len(sio.environ),
        len(sio.rooms(sid)), len(sio.eio.sessions),
    ]


# Another thread is about to change who is where.
locks = [manager.table._lock, client.session.client.lock]
held, forked = threading.Event(), threading.Event()


def hold():
    with locks[0], locks[1]:
        held.set()
        forked.wait(30)


holding = threading.Thread(target=hold)
holding.start()
assert held.wait(15)
child = os.fork()
if child == 0:
    signal.alarm(20)  # where it waits for a lock of its parent, nobody else ends it
    print("child", counts(), flush=True)
    sio.emit("nobody is here")
    told.clear()
    mine = TestClient(sio)
    own = mine.connect()
    sio.enter_room(own, "room")
    sio.emit("hello", room="room")
    assert mine.receive() == ["hello"]
    assert told == [("connected", "/", own), ("entered", "room", own)], told
    assert client.received() == [["question"]]
    print("child", counts(), flush=True)
    os._exit(0)
status = os.waitpid(child, 0)[1]
forked.set()
holding.join(15)
print("parent", counts(), status, flush=True)
may_join.set()
may_leave.set()
waiting.join(15)
sio.shutdown()
"""


def test_a_child_has_none_of_its_parents_clients() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout.splitlines() == [
        "child [0, 0, 0, 0, 0, 0, 0, 0]",
        "child [1, 0, 1, 0, 0, 1, 0, 1]",
        "parent [2, 1, 2, 1, 1, 3, 2, 2] 0",
    ], run.stderr
