"""What managers that use a message broker do with what they find on their channel."""

# ruff: noqa: D102  # a test's name is its documentation

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ...bus.signature import Signer
from ...exceptions import TimeoutError
from ...protocol.depth import MAX_DEPTH
from .cluster import External, Node, wait_for
from .managers import ManagerContract
from .processes import ProcessContract


class Channel:
    """Publishes whatever it is given on a node's channel.

    Args:
        node: The node whose manager shows the way to the broker.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._driver = node.run(node.manager.create_driver)
        self._driver.timeout = 5.0
        node.run(self._driver.connect, False)

    def publish(self, *messages: bytes | dict[str, Any]) -> None:
        """Publish messages: bytes as they are, objects as JSON."""
        self._node.run(
            self._driver.publish,
            [each if isinstance(each, bytes) else json.dumps(each).encode() for each in messages],
        )

    def close(self) -> None:
        """Disconnect from the broker."""
        self._node.run(self._driver.close)


class Trap:
    """An object whose unpickling leaves a trace.

    Args:
        path: The file that would be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


def emit_message(**changes: Any) -> dict[str, Any]:
    """Return an emit message as python-socketio publishes it, with changes."""
    return {
        "method": "emit",
        "event": "x",
        "data": [1],
        "binary": False,
        "namespace": "/",
        "room": None,
        "skip_sid": None,
        "callback": None,
        "host_id": uuid.uuid4().hex,
        **changes,
    }


MALFORMED: dict[str, bytes | dict[str, Any]] = {
    "not JSON": b"hello",
    "truncated": json.dumps(emit_message()).encode()[:-10],
    "not UTF-8": b'{"method": "emit", "event": "\xff"}',
    "number": b"42",
    "list": b"[]",
    "no method": {"event": "x"},
    "method is a number": {"method": 1},
    "unknown method": {"method": "execute", "host_id": "x"},
    "event missing": {"method": "emit", "data": [1]},
    "event is an object": emit_message(event={"a": 1}),
    "reserved event": emit_message(event="connect"),
    "data missing": {"method": "emit", "event": "x"},
    "namespace is a number": emit_message(namespace=1),
    "room is an object": emit_message(room={"a": 1}),
    "rooms hold a list": emit_message(room=[["a"]]),
    "skip_sid is an object": emit_message(skip_sid={"a": 1}),
    "callback is short": emit_message(callback=["r", "/"]),
    "callback id is a text": emit_message(callback=["r", "/", "1"]),
    "binary is not a list": emit_message(binary=True, data="x"),
    "binary without arguments": emit_message(binary=True, data=[]),
    "binary is no base64": emit_message(binary=True, data=[[1], "?"]),
    "placeholder out of range": emit_message(
        binary=True, data=[[{"_placeholder": True, "num": 5}], "AA=="]
    ),
    "placeholder is negative": emit_message(
        binary=True, data=[[{"_placeholder": True, "num": -1}], "AA=="]
    ),
    "seq is a text": emit_message(seq="1"),
    "host_id is a list": emit_message(host_id=[]),
    "disconnect without sid": {"method": "disconnect", "host_id": "x"},
    "enter_room without room": {"method": "enter_room", "host_id": "x", "sid": "s"},
    "close_room of nothing": {"method": "close_room", "host_id": "x"},
    "callback without id": {"method": "callback", "host_id": "x", "sid": "s", "args": []},
    "callback without args": {"method": "callback", "host_id": "x", "sid": "s", "id": 1},
    "nested": b'{"method": "emit", "event": "x", "data": ' + b"[" * 100_000,
}
"""Messages that are no messages, by what is wrong with them."""


SECRET = "the tests' own secret"
"""Signs the messages of managers that sign."""


class SortedJSON:
    """A JSON module that sorts members and has its own idea of separators."""

    @staticmethod
    def dumps(data: Any, **options: Any) -> str:
        """Return the JSON text of a value."""
        return json.dumps(data, sort_keys=True, indent=1)

    @staticmethod
    def loads(text: str, **options: Any) -> Any:
        """Return the value of a JSON text."""
        return json.loads(text)


def _give_secret(manager: Any) -> None:
    manager.secret = SECRET


class BusContract(ProcessContract, ManagerContract):
    """Tests for managers with a driver (`socketio.abc.driver`), on top of `ManagerContract`."""

    @pytest.fixture
    def raw(self, nodes: list[Node]) -> Iterator[Channel]:
        """The channel of the nodes, for messages of any kind."""
        channel = Channel(nodes[0])
        yield channel
        channel.close()

    def test_malformed_messages_are_counted_and_ignored(
        self, nodes: list[Node], raw: Channel
    ) -> None:
        """Trap 8."""
        client = nodes[1].client()
        logged = []
        for _ in range(2):
            raw.publish(*MALFORMED.values(), emit_message(event="last"))
            assert client.until("last") == []
            warnings = nodes[1].log.messages(logging.WARNING)
            logged.append(sum("ignored a message" in text for text in warnings))
        assert nodes[1].manager.health().malformed == 2 * len(MALFORMED)
        assert 0 < logged[0] == logged[1]  # each kind once
        assert nodes[1].manager.health().state == "connected"

    def test_pickles_are_not_opened(self, nodes: list[Node], raw: Channel, tmp_path: Path) -> None:
        """Trap 8."""
        client = nodes[1].client()
        trace = tmp_path / "opened"
        raw.publish(pickle.dumps(Trap(trace)), pickle.dumps(emit_message(), protocol=0))
        raw.publish(emit_message(event="last"))
        assert client.until("last") == []
        assert not trace.exists()
        assert nodes[1].manager.health().malformed == 2

    def test_foreign_messages_are_understood(self, nodes: list[Node], raw: Channel) -> None:
        """What python-socketio publishes, and what may come one day."""
        client, other = nodes[0].client(), nodes[1].client()
        raw.publish(
            emit_message(event="a", data=[{"b": "\u00fc"}, 2]),
            emit_message(event="b", data=[[{"_placeholder": True, "num": 0}], "AAE="], binary=True),
            emit_message(event="c", skip_sid=client.sid),
            emit_message(event="d", skip_sid=[None, other.sid]),
            emit_message(event="e", room=[client.sid, "nowhere"]),
            emit_message(event="f", host_id=None, namespace=None, new_member={"x": [1]}),
            {"method": "enter_room", "sid": client.sid, "room": "r", "namespace": "/"},
            emit_message(event="g", room="r"),
            {"method": "close_room", "room": "r", "namespace": "/", "host_id": "x"},
            emit_message(event="h", room="r"),
            emit_message(event="last"),
        )
        mine = [
            ["a", {"b": "\u00fc"}, 2],
            ["b", b"\x00\x01"],
            ["d", 1],
            ["e", 1],
            ["f", 1],
            ["g", 1],
        ]
        assert client.until("last") == mine
        assert other.until("last") == [*mine[:2], ["c", 1], ["f", 1]]

    def test_a_foreign_callback_is_answered(self, nodes: list[Node], raw: Channel) -> None:
        """Trap 8: a forged answer is not taken for it."""
        client = nodes[0].client()
        client.on("ask", lambda: "yes")
        answers: list[Any] = []
        # A process that waits for answers under an id of its own, and only speaks.
        raw.publish(
            emit_message(event="ask", data=[], room=client.sid, callback=[client.sid, "/", 3])
        )
        assert client.receive()[0] == "ask"
        # A forged answer calls nothing back, whatever id it guesses.
        nodes[0].emit("ask", to=client.sid, callback=answers.append)
        for guessed in range(5):
            raw.publish(
                {
                    "method": "callback",
                    "host_id": nodes[0].manager.host_id,
                    "sid": "someone else",
                    "namespace": "/",
                    "id": guessed,
                    "args": ["forged"],
                }
            )
        wait_for(lambda: answers, "the real answer")
        raw.publish(emit_message(event="last"))
        client.until("last")
        assert answers == ["yes"]

    def test_own_messages_are_not_acted_on_again(self, nodes: list[Node], raw: Channel) -> None:
        client = nodes[0].client()
        raw.publish(emit_message(host_id=nodes[0].manager.host_id), emit_message(event="last"))
        assert client.until("last") == []

    def test_own_messages_are_known_whatever_the_json_module_makes_of_them(
        self, create_node: Callable[..., Node]
    ) -> None:
        def prepare(manager: Any) -> None:
            manager.probe_interval = 0.05
            manager.probe_timeout = 0.7

        options = {"json": SortedJSON}
        nodes = [create_node(prepare=prepare, manager_options=options) for _ in range(2)]
        clients = [node.client() for node in nodes]
        quiet_until = time.monotonic() + 1.2  # nobody says anything but our own messages
        wait_for(
            lambda: (
                time.monotonic() > quiet_until
                or any(node.manager.health().reconnects for node in nodes)
            ),
            "the end of a quiet time",
        )
        nodes[0].emit("x", 1)
        assert nodes[0].fence(clients) == [[["x", 1]], [["x", 1]]]
        assert [node.manager.health().reconnects for node in nodes] == [0, 0]

    @pytest.mark.parametrize("serializer", ["default", "msgpack"])
    def test_the_deepest_event_that_is_accepted_goes_through(
        self, create_node: Callable[..., Node], serializer: str
    ) -> None:
        deepest: Any = b"binary"
        for level in range(MAX_DEPTH - 1):
            deepest = [deepest] if level % 2 else {"a": deepest}
        nodes = [create_node(serializer=serializer) for _ in range(2)]
        clients = [node.client() for node in nodes]
        clients[1].on("ask", lambda value: value)
        nodes[0].emit("x", deepest)
        answers = nodes[0].call("ask", deepest, to=clients[1].sid)
        assert (answers == deepest, clients[1].receive() == ["x", deepest]) == (True, True)

    @pytest.mark.heavy  # some thousands of messages, as fast as the broker takes them
    def test_a_burst_waits_for_the_broker_and_loses_nothing(
        self, flavour: Any, channel: str, create_node: Callable[..., Node]
    ) -> None:
        def prepare(manager: Any) -> None:
            manager.outbox_messages = 100

        def create() -> Any:
            manager = self.create_manager(flavour, channel, write_only=True)
            prepare(manager)
            return manager

        node = create_node(prepare=prepare)
        client = create_node().client()
        outside = External(flavour, create)
        try:
            emitters: list[tuple[Any, Any]] = [
                (node, node.server.emit),
                (outside, outside.manager.emit),
            ]
            for emitter, emit in emitters:
                emitter.run(self._burst, flavour, emit)
                emitter.emit("last")
                numbers = [event[1] for event in client.until("last") if event[0] == "n"]
                assert sorted(numbers) == sorted([*range(1000), *range(1000)])
                health = emitter.manager.health()
                assert (health.dropped, health.reconnects) == (0, 0)
        finally:
            outside.stop()

    @staticmethod
    def _burst(flavour: str, emit: Callable[..., Any]) -> Any:
        """Emit in a row, and from many tasks or threads."""
        if flavour == "sync":
            with ThreadPoolExecutor(20) as pool:
                for number in range(1000):
                    emit("n", number)
                list(pool.map(lambda number: emit("n", number), range(1000)))
            return None

        async def burst() -> None:
            await asyncio.gather(*(emit("n", number) for number in range(1000)))
            for number in range(1000):
                await emit("n", number)

        return burst()

    @pytest.mark.heavy  # a hundred megabytes through the broker
    def test_large_messages_do_not_outrun_a_process_that_is_behind(
        self, flavour: Any, channel: str, create_node: Callable[..., Node]
    ) -> None:
        """Brokers cut off who is behind, or drop messages; a healthy one must not have to."""
        here, there = create_node(), create_node()
        client = there.client()
        outside = External(flavour, lambda: self.create_manager(flavour, channel, write_only=True))
        try:
            emitters: list[tuple[Any, Any]] = [
                (here, here.server.emit),
                (outside, outside.manager.emit),
            ]
            for emitter, emit in emitters:
                there.stall(1.0)
                emitter.run(self._large, flavour, emit)
                emitter.emit("last")
                numbers = [event[1] for event in client.until("last", 60) if event[0] == "n"]
                assert numbers == list(range(45))
                healths = [each.manager.health() for each in (emitter, there)]
                assert [(each.dropped, each.reconnects) for each in healths] == [(0, 0)] * 2
        finally:
            outside.stop()

    @staticmethod
    def _large(flavour: str, emit: Callable[..., Any]) -> Any:
        data = "x" * 900_000
        if flavour == "sync":
            for number in range(45):
                emit("n", (number, data))
            return None

        async def emit_all() -> None:
            for number in range(45):
                await emit("n", (number, data))

        return emit_all()

    def test_what_is_emitted_while_the_server_stops_arrives(
        self, create_node: Callable[..., Node]
    ) -> None:
        here, there = create_node(), create_node()
        here.client()
        client = there.client()
        if here.flavour == "async":

            async def leave(namespace: str, sid: str, reason: str) -> None:
                await here.server.emit("left", sid)

        else:

            def leave(namespace: str, sid: str, reason: str) -> None:  # type: ignore[misc]  # the other flavour's
                here.server.emit("left", sid)

        here.server.on("disconnect", leave, namespace="*")
        here.run(here.server.shutdown)
        here.emit("stopped")  # the application's own hook comes after us
        assert [client.receive()[0] for _ in range(2)] == ["left", "stopped"]

    def test_a_remote_call_that_times_out_is_forgotten(self, nodes: list[Node]) -> None:
        client = nodes[1].client()
        for _ in range(5):
            with pytest.raises(TimeoutError):
                nodes[0].call("ask", to=client.sid, timeout=0.01)
        assert len(nodes[0].manager.remote_acks) == 0

    def test_a_second_delivery_is_ignored(self, nodes: list[Node], raw: Channel) -> None:
        client = nodes[1].client()
        host_id = uuid.uuid4().hex
        first = emit_message(host_id=host_id, seq=7)
        late = emit_message(host_id=host_id, seq=5, event="late")
        raw.publish(first, first, late, first, late, emit_message(event="last"))
        assert client.until("last") == [["x", 1], ["late", 1]]
        assert nodes[1].manager.health().duplicates == 3

    def test_a_message_for_one_client_is_acted_on_by_its_process_only(
        self, create_node: Callable[..., Node]
    ) -> None:
        here, there, elsewhere = create_node(), create_node(), create_node()
        near, far, other = here.client(), there.client(), elsewhere.client()
        here.emit("near", to=near.sid)
        assert near.receive() == ["near"]
        here.emit("far", to=far.sid)
        assert here.fence([near, far, other]) == [[], [["far"]], []]
        # One message for the far client, one for the fence; none for the near one.
        wait_for(lambda: here.manager.health().published >= 2, "everything is published")
        health = here.manager.health()
        assert (health.published, health.outbox_messages) == (2, 0)

    # -- signed messages --------------------------------------------------------------------

    def test_a_cluster_with_a_secret_works_as_without(
        self, create_node: Callable[..., Node]
    ) -> None:
        nodes = [create_node(prepare=_give_secret), create_node(prepare=_give_secret)]
        here, there = nodes[0].client(), nodes[1].client()
        there.on("ask", lambda x: x)
        nodes[0].run(nodes[0].server.enter_room, there.sid, "r")
        nodes[0].emit("x", (1, b"\x00\xff", "\u00fc"), room="r")
        assert nodes[0].call("ask", {"a": [1]}, to=there.sid, timeout=10) == {"a": [1]}
        got = nodes[0].fence([here, there])
        assert got == [[], [["x", 1, b"\x00\xff", "\u00fc"], ["ask", {"a": [1]}]]]
        for node in nodes:
            assert (node.manager.health().state, node.manager.health().malformed) == (
                "connected",
                0,
            )

    def test_what_is_not_signed_with_the_secret_is_ignored(
        self, create_node: Callable[..., Node], channel: str
    ) -> None:
        """Trap 8: a forged message finds nobody who believes it."""
        node = create_node(prepare=_give_secret)
        client = node.client()
        raw = Channel(node)
        message = json.dumps(emit_message(host_id="x", seq=7)).encode()
        signed = Signer(SECRET, channel).sign(message)
        ignored = [
            message,
            Signer("another secret", channel).sign(message),
            Signer(SECRET, "another channel").sign(message),
            signed.replace(b'"x"', b'"y"', 1),
            signed[:-1],
            signed + b" ",
            message[:-1] + b',"signature":""}',
        ]
        last = json.dumps(emit_message(event="last")).encode()
        try:
            # Who hears a signed message may say it again; its running number tells.
            raw.publish(*ignored, *ignored, signed, signed, Signer(SECRET, channel).sign(last))
            assert client.until("last") == [["x", 1]]
        finally:
            raw.close()
        health = node.manager.health()
        assert (health.malformed, health.duplicates) == (2 * len(ignored), 1)
        warnings = node.log.messages(logging.WARNING)
        assert len([text for text in warnings if "ignored a message" in text]) == 2
        assert not any(SECRET in text for text in node.log.messages())

    def test_processes_without_the_secret_still_understand(
        self, create_node: Callable[..., Node]
    ) -> None:
        signing, plain = create_node(prepare=_give_secret), create_node()
        signed_for, unsigned_for = plain.client(), signing.client()
        signing.emit("x", 1)
        assert signed_for.receive() == ["x", 1]
        plain.emit("y", 1)
        signing.emit("last")
        assert unsigned_for.until("last") == [["x", 1]]

    def test_health_tells_what_is_going_on(self, nodes: list[Node]) -> None:
        client = nodes[1].client()
        nodes[0].emit("x")
        nodes[0].fence([client])
        # The broker's word that it has a message may come after the message itself.
        wait_for(lambda: nodes[0].manager.health().published == 2, "two published messages")
        sender, receiver = nodes[0].manager.health(), nodes[1].manager.health()
        assert (sender.state, receiver.state) == ("connected", "connected")
        assert receiver.received == 2
        assert (receiver.dropped, receiver.malformed, receiver.reconnects) == (0, 0, 0)
        assert receiver.last_error is None
        assert receiver.since > 0
        assert (receiver.connections, receiver.retries, receiver.refusals) == (1, 0, 0)
        assert (receiver.holds, receiver.held_since, receiver.dropped_at) == (0, None, None)
        assert nodes[1].server.ready()
        nodes[1].stop()
        assert not nodes[1].server.ready()
        assert nodes[1].manager.health().state == "closed"
