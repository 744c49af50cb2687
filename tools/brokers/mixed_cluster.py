"""Tests of a cluster of our servers and python-socketio's, for whatever broker both know."""

# ruff: noqa: D102  # a test's name is its documentation

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from socketio.testing.contracts.cluster import External, Flavour, Node, wait_for

from .peer import Peer, peer_python
from .shared import answers, test_url


class MixedCluster:
    """A subclass names the broker, the managers of both sides, and makes ours."""

    broker: ClassVar[str]
    flavour: ClassVar[Flavour]
    peer: ClassVar[tuple[str, str]]
    """The flavour of the peer's server and the name of its manager's class."""

    def create_manager(self, url: str, **options: Any) -> Any:
        """Return our manager."""
        raise NotImplementedError

    @pytest.fixture
    def channel(self) -> str:
        """A channel of this test's own."""
        return f"mixed-{uuid.uuid4().hex}"

    @pytest.fixture
    def ours(self, need: Any, channel: str) -> Iterator[Node]:
        """Our server."""
        need(self.broker, answers(self.broker), "make brokers")
        url = test_url(self.broker)
        node = Node(self.flavour, lambda: self.create_manager(url, channel=channel))
        yield node
        node.stop()

    @pytest.fixture
    def theirs(self, need: Any, ours: Node, channel: str) -> Iterator[Peer]:
        """python-socketio's server, with the clients 0 and 1."""
        python = need("python-socketio", peer_python(), "make brokers")
        peer = Peer(python, *self.peer, test_url(self.broker), channel)
        peer.sids = [None, peer.do("client")]  # type: ignore[attr-defined]  # for the tests below
        yield peer
        peer.stop()

    def test_our_messages_reach_their_clients(self, ours: Node, theirs: Peer) -> None:
        sid = theirs.sids[1]  # type: ignore[attr-defined]  # see `theirs`
        ours.emit("text", "\u00fc\u4e16")
        ours.emit("several", (1, {"a": [2, None]}, "three"))
        ours.emit("none")
        ours.emit("binary", (b"\x00\xff", {"deep": [b"\x01"]}))
        ours.emit("list", [1, 2])
        ours.emit("sid", 1, to=sid)
        ours.emit("skipped", 1, skip_sid=sid)
        ours.emit("skipped", 1, skip_sid=[sid, "someone"])
        ours.emit("nobody", 1, room="r")
        ours.run(ours.server.enter_room, sid, "r")
        ours.emit("room", 1, room="r")
        ours.emit("rooms", 1, to=["r", "s"])
        ours.run(ours.server.leave_room, sid, "r")
        ours.emit("nobody", 1, room="r")
        ours.run(ours.server.enter_room, sid, "r")
        ours.run(ours.server.close_room, "r")
        ours.emit("nobody", 1, room="r")
        ours.emit("last")
        assert theirs.until("last") == [
            ["text", "\u00fc\u4e16"],
            ["several", 1, {"a": [2, None]}, "three"],
            ["none"],
            ["binary", b"\x00\xff", {"deep": [b"\x01"]}],
            ["list", [1, 2]],
            ["sid", 1],
            ["room", 1],
            ["rooms", 1],
        ]

    def test_their_messages_reach_our_clients(self, ours: Node, theirs: Peer) -> None:
        client = ours.client()
        for action in ("emit", "external"):
            theirs.do(action, event="text", data="\u00fc\u4e16")
            theirs.do(action, event="several", data=(1, {"a": [2, None]}, "three"))
            theirs.do(action, event="none")
            theirs.do(action, event="binary", data=(b"\x00\xff", {"deep": [b"\x01"]}))
            theirs.do(action, event="list", data=[1, 2])
            theirs.do(action, event="sid", data=1, to=client.sid)
            theirs.do(action, event="skipped", data=1, skip_sid=client.sid)
            theirs.do(action, event="skipped", data=1, skip_sid=[client.sid])
            theirs.do(action, event="last")
            assert client.until("last") == [
                ["text", "\u00fc\u4e16"],
                ["several", 1, {"a": [2, None]}, "three"],
                ["none"],
                ["binary", b"\x00\xff", {"deep": [b"\x01"]}],
                ["list", [1, 2]],
                ["sid", 1],
            ]
        theirs.do("enter_room", sid=client.sid, room="r")
        theirs.do("emit", event="in", room="r")
        theirs.do("leave_room", sid=client.sid, room="r")
        theirs.do("emit", event="out", room="r")
        theirs.do("enter_room", sid=client.sid, room="r")
        theirs.do("close_room", room="r")
        theirs.do("emit", event="out", room="r")
        theirs.do("emit", event="last")
        assert client.until("last") == [["in"]]
        assert ours.manager.health().malformed == 0

    def test_acks_cross_both_ways(self, ours: Node, theirs: Peer) -> None:
        client = ours.client()
        client.on("ask", lambda *args: ("ours", *args))
        sid = theirs.sids[1]  # type: ignore[attr-defined]  # see `theirs`
        assert ours.call("ask", (1, "two"), to=sid, timeout=10) == ("peer", 1, "two")
        assert theirs.do("call", event="ask", data=(1, "two"), to=client.sid) == ["ours", 1, "two"]
        answers: list[Any] = []
        ours.emit("ask", to=sid, callback=lambda *args: answers.append(args))
        wait_for(lambda: answers, "an answer of python-socketio's client")
        assert answers == [("peer",)]

    def test_clients_are_disconnected_both_ways(self, ours: Node, theirs: Peer) -> None:
        client = ours.client()
        sid = theirs.sids[1]  # type: ignore[attr-defined]  # see `theirs`
        ours.run(ours.server.disconnect, sid)
        assert theirs.disconnected.get(timeout=10) == sid
        theirs.do("disconnect", sid=client.sid)
        assert client.disconnected.wait(10)
        wait_for(lambda: ours.disconnects, "the disconnect handler")
        assert ours.disconnects == [(client.sid, "server disconnect")]

    def test_our_external_process_reaches_their_clients(
        self, ours: Node, theirs: Peer, channel: str
    ) -> None:
        url = test_url(self.broker)
        outside = External(
            self.flavour, lambda: self.create_manager(url, channel=channel, write_only=True)
        )
        outside.emit("x", (1, b"2"))
        outside.emit("last")
        outside.stop()
        assert theirs.until("last") == [["x", 1, b"2"]]
