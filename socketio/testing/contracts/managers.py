"""What every client manager does, whether its clients are in one process or in several."""

# ruff: noqa: D102  # a test's name is its documentation

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from ... import exceptions
from .cluster import ClusterClient, External, Flavour, Node, wait_for
from .manager_suite import ManagerSuite


class Emitting:
    """Emits numbers for as long as the block lasts, from a thread of its own.

    Args:
        node: Emits them.

    Attributes:
        sent: How many have been emitted.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._work: Future[None] | None = None
        self.sent = 0

    def __enter__(self) -> Emitting:
        self._work = self._pool.submit(self._emit)
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._pool.shutdown()
        if self._work is not None:
            self._work.result()

    def _emit(self) -> None:
        while not self._ended.wait(0.005):
            self._node.emit("n", self.sent)
            self.sent += 1

    def wait_until_seen_by(self, client: ClusterClient, count: int) -> None:
        """Wait until a client got so many numbers, and check that none is missing between them."""
        numbers = [client.receive()[1] for _ in range(count)]
        assert numbers == list(range(numbers[0], numbers[0] + count))


class ManagerContract(ManagerSuite):
    """Tests for client managers.

    A subclass supplies `create_manager`. The suite runs each test in the flavours that
    `flavours` lists.

    Example:
        class TestMyManager(ManagerContract):
            flavours = ("async",)

            def create_manager(self, flavour, channel, write_only=False, json=None):
                return MyManager(MY_URL, channel=channel, write_only=write_only, json=json)
    """

    large_bytes: ClassVar[int] = 500_000
    """How large a message the broker has to carry."""

    # -- fixtures -------------------------------------------------------------------------

    @pytest.fixture
    def nodes(self, create_node: Callable[..., Node]) -> list[Node]:
        """Two servers that share their clients."""
        return [create_node(), create_node()]

    @pytest.fixture
    def external(self, flavour: Flavour, channel: str, nodes: list[Node]) -> Iterator[Any]:
        """A process without a server; for a manager of one process, the server itself."""
        if self.processes == 1:
            yield nodes[0]
            return
        outside = External(flavour, lambda: self.create_manager(flavour, channel, write_only=True))
        yield outside
        outside.stop()

    # -- emitting -------------------------------------------------------------------------

    def test_everyone_gets_an_event_once(self, nodes: list[Node]) -> None:
        clients = [nodes[0].client(), nodes[0].client(), nodes[1].client()]
        nodes[0].emit("news", {"a": 1})
        assert nodes[0].fence(clients) == [[["news", {"a": 1}]]] * 3

    def test_a_broadcast_in_a_connect_handler_reaches_its_client_too(
        self, nodes: list[Node]
    ) -> None:
        members = [nodes[0].client(), nodes[1].client()]
        server = nodes[0].server

        def connect(sid: str, environ: Any) -> None:
            server.emit("state", 1)
            server.emit("yours", 2, to=sid)
            server.emit("state", 3, skip_sid=members[0].sid)
            server.emit("state", 4, skip_sid=[sid])

        async def connect_async(sid: str, environ: Any) -> None:
            await server.emit("state", 1)
            await server.emit("yours", 2, to=sid)
            await server.emit("state", 3, skip_sid=members[0].sid)
            await server.emit("state", 4, skip_sid=[sid])

        server.on("connect", connect_async if nodes[0].flavour == "async" else connect)
        newcomer = nodes[0].client()
        assert nodes[0].fence([*members, newcomer]) == [
            [["state", 1], ["state", 4]],
            [["state", 1], ["state", 3], ["state", 4]],
            [["state", 1], ["yours", 2], ["state", 3]],
        ]

    def test_a_room_is_the_same_one_everywhere(self, nodes: list[Node]) -> None:
        here, there, outside = nodes[0].client(), nodes[1].client(), nodes[1].client()
        nodes[0].run(nodes[0].server.enter_room, here.sid, "r")
        nodes[1].run(nodes[1].server.enter_room, there.sid, "r")
        nodes[0].emit("x", 1, room="r")
        nodes[0].emit("y", 2, to=["r", "nowhere"])
        got = nodes[0].fence([here, there, outside])
        assert got == [[["x", 1], ["y", 2]], [["x", 1], ["y", 2]], []]

    def test_a_client_of_another_process_is_reached(self, nodes: list[Node]) -> None:
        here, there = nodes[0].client(), nodes[1].client()
        nodes[0].emit("x", "for you", to=there.sid)
        assert nodes[0].fence([here, there]) == [[], [["x", "for you"]]]

    @pytest.mark.parametrize("collection", [list, tuple, set], ids=["list", "tuple", "set"])
    def test_skipped_clients_get_nothing(self, nodes: list[Node], collection: type) -> None:
        a, b, c = nodes[0].client(), nodes[1].client(), nodes[1].client()
        nodes[0].emit("x", 1, skip_sid=b.sid)
        nodes[0].emit("y", 1, skip_sid=collection([a.sid, b.sid]))
        assert nodes[0].fence([a, b, c]) == [[["x", 1]], [], [["x", 1], ["y", 1]]]

    @pytest.mark.parametrize("nobody", ["", [], ()], ids=["text", "list", "tuple"])
    def test_an_empty_address_is_nobody(self, nodes: list[Node], nobody: Any) -> None:
        """Trap 3."""
        clients = [nodes[0].client(), nodes[1].client()]
        nodes[0].emit("x", 1, to=nobody)
        assert nodes[0].fence(clients) == [[], []]

    def test_namespaces_are_apart(self, nodes: list[Node]) -> None:
        default, other = nodes[1].client(), nodes[1].client("/other")
        nodes[0].emit("x", 1, namespace="/other")
        assert nodes[0].fence([default, other]) == [[], [["x", 1]]]

    @pytest.mark.parametrize(
        ("data", "args"),
        [
            (None, []),
            ((), []),
            ((None,), [None]),
            ("text", ["text"]),
            ((1, "two", {"three": 3}), [1, "two", {"three": 3}]),
            ([1, [2, []], None], [[1, [2, []], None]]),
            ("\u00e4\u4e16\U0001f600\u2028\x00", ["\u00e4\u4e16\U0001f600\u2028\x00"]),
            (b"\x00\xff\x80", [b"\x00\xff\x80"]),
            (({"a": [b"1", {"b": bytearray(b"2")}]}, b""), [{"a": [b"1", {"b": b"2"}]}, b""]),
            ({"_placeholder": True, "num": 0}, [{"_placeholder": True, "num": 0}]),
            ((True, 1.5, -(2**53)), [True, 1.5, -(2**53)]),
        ],
    )
    def test_data_arrives_as_it_was(self, nodes: list[Node], data: Any, args: list[Any]) -> None:
        here, there = nodes[0].client(), nodes[1].client()
        nodes[0].emit("x", data)
        assert nodes[0].fence([here, there]) == [[["x", *args]]] * 2

    def test_large_messages_arrive(self, nodes: list[Node]) -> None:
        there = nodes[1].client()
        text = "\u00fc" * (self.large_bytes // 2)
        binary = bytes(range(256)) * (self.large_bytes * 3 // 4 // 256)
        nodes[0].emit("text", text)
        nodes[0].emit("binary", binary)
        ((first, second),) = nodes[0].fence([there])
        assert (first[0], len(first[1]), first[1] == text) == ("text", len(text), True)
        assert (second[0], len(second[1]), second[1] == binary) == ("binary", len(binary), True)

    def test_events_of_one_process_keep_their_order(self, nodes: list[Node]) -> None:
        here, there = nodes[0].client(), nodes[1].client()
        for number in range(500):
            nodes[0].emit("n", number)
        expected = [["n", number] for number in range(500)]
        assert nodes[0].fence([here, there]) == [expected, expected]

    def test_ignore_queue_stays_in_the_process(self, nodes: list[Node]) -> None:
        here, there = nodes[0].client(), nodes[1].client()
        nodes[0].emit("x", 1, ignore_queue=True)
        expected = [["x", 1]]
        assert nodes[0].fence([here, there]) == [expected, expected if self.processes == 1 else []]

    # -- without a server -----------------------------------------------------------------

    def test_a_process_without_a_server_emits(self, nodes: list[Node], external: Any) -> None:
        a, b = nodes[0].client(), nodes[1].client()
        nodes[1].run(nodes[1].server.enter_room, b.sid, "r")
        external.emit("all", (1, b"2"))
        external.emit("room", 1, room="r")
        external.emit("sid", 1, to=a.sid)
        external.emit("skip", 1, skip_sid=a.sid)
        external.emit("last", 1)
        assert a.until("last") == [["all", 1, b"2"], ["sid", 1]]
        assert b.until("last") == [["all", 1, b"2"], ["room", 1], ["skip", 1]]

    def test_a_process_without_a_server_has_no_callbacks(
        self, flavour: Flavour, external: Any
    ) -> None:
        if self.processes == 1:
            return  # there is no such process
        with pytest.raises(RuntimeError, match="context of a server"):
            external.emit("x", 1, to="someone", callback=lambda: None)

    def test_a_process_without_a_server_moves_and_disconnects(
        self, nodes: list[Node], external: Any
    ) -> None:
        manager = external.manager
        client = nodes[1].client()
        external.run(manager.enter_room, client.sid, "/", "r")
        wait_for(lambda: "r" in nodes[1].server.rooms(client.sid), "the client is in the room")
        external.run(manager.leave_room, client.sid, "/", "r")
        wait_for(lambda: "r" not in nodes[1].server.rooms(client.sid), "the client left the room")
        if self.processes > 1:  # a manager of one process only forgets a client that has gone
            external.run(manager.disconnect, client.sid, "/")
            assert client.disconnected.wait(10)

    # -- acks -----------------------------------------------------------------------------

    def test_a_callback_gets_the_answer_of_another_processes_client(
        self, nodes: list[Node]
    ) -> None:
        client = nodes[1].client()
        client.on("ask", lambda x: (x + 1, {"b": [True, None]}))
        answers: list[tuple[Any, ...]] = []
        nodes[0].emit("ask", 1, to=client.sid, callback=lambda *args: answers.append(args))
        wait_for(lambda: answers, "the answer")
        assert answers == [(2, {"b": [True, None]})]

    def test_call_returns_the_answer_of_another_processes_client(self, nodes: list[Node]) -> None:
        client = nodes[1].client()
        client.on("none", lambda: ())
        client.on("one", lambda x: x)
        client.on("two", lambda x: (x, [x]))
        client.on("binary", lambda x: {"got": x})
        assert nodes[0].call("none", to=client.sid, timeout=10) is None
        assert nodes[0].call("one", "\u00e9", to=client.sid, timeout=10) == "\u00e9"
        assert nodes[0].call("two", 2, to=client.sid, timeout=10) == (2, [2])
        assert nodes[0].call("binary", b"\x00\xff", to=client.sid, timeout=10) == {
            "got": b"\x00\xff"
        }

    def test_call_of_a_client_of_the_same_process(self, nodes: list[Node]) -> None:
        client = nodes[0].client()
        client.on("one", lambda x: x)
        assert nodes[0].call("one", 7, to=client.sid, timeout=10) == 7

    def test_call_of_nobody_fails(self, nodes: list[Node]) -> None:
        with pytest.raises(exceptions.TimeoutError):
            nodes[0].call("x", to="nobody", timeout=0.2)

    def test_call_fails_when_the_client_goes(self, nodes: list[Node]) -> None:
        """Trap 33."""
        client = nodes[1].client()
        client.leave_at("slow")
        began = time.monotonic()
        with pytest.raises(exceptions.TimeoutError):
            nodes[0].call("slow", to=client.sid, timeout=30)
        assert time.monotonic() - began < 10

    def test_a_room_callback_gets_each_answer(self, nodes: list[Node]) -> None:
        """Trap 33."""
        clients = [nodes[0].client(), nodes[1].client(), nodes[1].client()]
        for client in clients:
            client.on("who", lambda client=client: client.sid)
            client.node.run(client.node.server.enter_room, client.sid, "r")
        answers: list[str] = []
        nodes[0].emit("who", to="r", callback=answers.append)
        wait_for(lambda: len(answers) >= 3, "three answers")
        nodes[0].fence(clients)
        assert sorted(answers) == sorted(client.sid for client in clients)

    def test_a_callback_needs_an_address(self, nodes: list[Node]) -> None:
        """Trap 33."""
        if self.processes == 1:
            return  # in one process everyone can answer
        with pytest.raises(ValueError, match="room"):
            nodes[0].emit("x", 1, callback=lambda: None)

    # -- clients of other processes -------------------------------------------------------

    def test_a_client_of_another_process_is_disconnected(self, nodes: list[Node]) -> None:
        client, other = nodes[1].client(), nodes[1].client()
        nodes[0].run(nodes[0].server.disconnect, client.sid)
        assert client.disconnected.wait(10)
        wait_for(lambda: nodes[1].disconnects, "the disconnect handler")
        nodes[0].fence([other])
        assert nodes[1].disconnects == [(client.sid, "server disconnect")]
        assert not other.disconnected.is_set()

    def test_rooms_of_a_client_of_another_process(self, nodes: list[Node]) -> None:
        client, other = nodes[1].client(), nodes[0].client()
        nodes[0].run(nodes[0].server.enter_room, client.sid, "r")
        nodes[0].emit("in", room="r")
        nodes[0].run(nodes[0].server.leave_room, client.sid, "r")
        nodes[0].emit("out", room="r")
        assert nodes[0].fence([client, other]) == [[["in"]], []]

    def test_a_room_is_closed_everywhere(self, nodes: list[Node]) -> None:
        clients = [nodes[0].client(), nodes[1].client()]
        for client in clients:
            client.node.run(client.node.server.enter_room, client.sid, "r")
        nodes[0].run(nodes[0].server.close_room, "r")
        nodes[0].emit("x", room="r")
        assert nodes[0].fence(clients) == [[], []]
        for client in clients:
            assert "r" not in client.node.server.rooms(client.sid)

    # -- servers of different kinds ---------------------------------------------------------

    def test_each_server_has_its_serializer_and_json(
        self, create_node: Callable[..., Node]
    ) -> None:
        class Shouting:
            """JSON that marks what it has written."""

            @staticmethod
            def dumps(value: Any, **options: Any) -> str:
                return json.dumps(value, **options)

            loads = staticmethod(json.loads)

        if self.processes == 1:
            return  # there is one server only
        created = [
            create_node(serializer="msgpack"),
            create_node(json=Shouting),
            create_node(),
        ]
        clients = [node.client() for node in created]
        data = {"a": [1, "\u00fc", b"\x00"], "n": None}
        for node in created:
            node.emit("x", (data, 2))
            assert node.fence(clients) == [[["x", data, 2]]] * 3
        for client in clients:
            client.on("ask", lambda x: x)
            for node in created:
                assert node.call("ask", b"\x01", to=client.sid, timeout=10) == b"\x01"

    # -- life -----------------------------------------------------------------------------

    def test_a_server_that_stops_does_not_disturb_the_others(
        self, create_node: Callable[..., Node]
    ) -> None:
        if self.processes == 1:
            return  # there is one server only
        staying, leaving = create_node(), create_node()
        client = staying.client()
        leaving.client()
        leaving.emit("goodbye")
        began = time.monotonic()
        leaving.stop()
        assert time.monotonic() - began < 5
        joining = create_node()
        joining.emit("hello")
        assert joining.fence([client]) == [[["goodbye"], ["hello"]]]

    def test_servers_join_and_leave_under_load(self, create_node: Callable[..., Node]) -> None:
        if self.processes == 1:
            return  # there is one server only
        sender, receiver = create_node(), create_node()
        client = receiver.client()
        with Emitting(sender) as emitting:
            for _ in range(2):
                passers_by = [create_node(), create_node()]
                guests = [node.client() for node in passers_by]
                for guest in guests:
                    emitting.wait_until_seen_by(guest, 20)
                for node in passers_by:
                    node.stop()
        (events,) = sender.fence([client])
        assert [event[1] for event in events] == list(range(emitting.sent))

    def test_a_slow_consumer_gets_everything(self, nodes: list[Node]) -> None:
        """A process that cannot keep up for a while holds up nobody, and loses nothing."""
        slow, quick = nodes[1].client(), nodes[0].client()
        if self.processes > 1:
            nodes[1].stall(0.5)
        for number in range(1000):
            nodes[0].emit("n", [number, "x" * 200])
        assert len(nodes[0].fence([quick])[0]) == 1000
        numbers = [event[1][0] for event in nodes[0].fence([slow])[0] if event[0] == "n"]
        assert numbers == list(range(1000))
