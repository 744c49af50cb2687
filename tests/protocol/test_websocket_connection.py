"""One websocket without its socket: the table of states, every way to its end, the cork."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.protocol.engine import EnginePacket
from socketio.protocol.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_JOINED,
    PING,
    PONG,
    TEXT,
    TRANSITIONS,
    WORTH_A_WRITE,
    ControlFrame,
    FrameParser,
    ServerConnection,
    Step,
    WebSocketError,
    WebSocketState,
    encode_close,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(payload: bytes, opcode: int = TEXT, fin: bool = True) -> bytes:
    """Return a client's frame, masked with zeros."""
    length = len(payload)
    head = bytes(((0x80 if fin else 0) | opcode,))
    if length < 126:
        head += bytes((0x80 | length,))
    elif length < 65536:
        head += b"\xfe" + length.to_bytes(2)
    else:
        head += b"\xff" + length.to_bytes(8)
    return head + bytes(4) + payload


def opened(max_size: int = 1_000_000) -> ServerConnection:
    connection = ServerConnection(max_size)
    connection.accept()
    return connection


def read(connection: ServerConnection, data: bytes, **options: bool) -> list[str | bytes]:
    """Let a connection deal with what a read has brought; return its messages."""
    messages: list[str | bytes] = []
    for event in connection.receive(data):
        if isinstance(event, str | bytes):
            messages.append(event)
        else:
            connection.answer(event, **options)
    return messages


# -- states -----------------------------------------------------------------------------------

WAYS: dict[WebSocketState, Callable[[ServerConnection], object]] = {
    WebSocketState.OPENING: lambda connection: None,
    WebSocketState.OPEN: lambda connection: connection.accept(),
    WebSocketState.CLOSING: lambda connection: (connection.accept(), connection.close()),
    WebSocketState.CLOSED: lambda connection: connection.lose(),
}
STEPS: dict[Step, Callable[[ServerConnection], object]] = {
    Step.ACCEPT: lambda connection: connection.accept(),
    Step.CLOSE: lambda connection: connection.close(),
    Step.CLOSED_BY_CLIENT: lambda connection: connection.answer(ControlFrame(CLOSE, b"")),
    Step.FAIL: lambda connection: connection.answer(WebSocketError(1002, "broken")),
    Step.LOSE: lambda connection: connection.lose(),
}


@pytest.mark.parametrize("state", WebSocketState)
@pytest.mark.parametrize("step", Step)
def test_every_step_in_every_state(state: WebSocketState, step: Step) -> None:
    """What the table allows happens; the rest changes nothing, or is an error of the caller."""
    connection = ServerConnection(1000)
    WAYS[state](connection)
    assert connection.state is state
    wanted = TRANSITIONS[state].get(step, state)
    # Only whoever drives the connection can get these wrong, and is told; what a peer may do at
    # any time (a close that crosses ours, a frame behind the last one) is harmless.
    if step not in TRANSITIONS[state] and (
        step is Step.ACCEPT or (state is WebSocketState.OPENING and step is not Step.CLOSE)
    ):
        with pytest.raises(RuntimeError, match=f"no step of a websocket that is {state.value}"):
            STEPS[step](connection)
    else:
        STEPS[step](connection)
    assert connection.state is wanted


def test_every_state_has_its_row_and_can_end() -> None:
    assert set(TRANSITIONS) == set(WebSocketState)
    for state, row in TRANSITIONS.items():
        assert row[Step.LOSE] is WebSocketState.CLOSED, state


@pytest.mark.parametrize(
    "state", [WebSocketState.OPENING, WebSocketState.CLOSING, WebSocketState.CLOSED]
)
def test_nothing_is_sent_but_while_it_is_open(state: WebSocketState) -> None:
    connection = ServerConnection(1000)
    WAYS[state](connection)
    corked = connection.size
    with pytest.raises(ConnectionResetError, match=state.value):
        connection.send(EnginePacket(4, "too soon or too late"))
    assert connection.size == corked


# -- opening handshake ------------------------------------------------------------------------


def test_the_answer_comes_before_the_first_message() -> None:
    connection = ServerConnection(1000, KEY)
    connection.accept([("X-Own", "yes")])
    connection.send(EnginePacket(4, "hi"))
    head, _, rest = connection.take().partition(b"\r\n\r\n")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert b"X-Own: yes" in head
    assert rest == b"\x81\x034hi"


def test_the_answer_may_be_the_web_servers() -> None:
    connection = ServerConnection(1000)
    connection.accept([("X-Own", "yes")])
    assert connection.state is WebSocketState.OPEN
    assert connection.take() == b""


def test_a_header_that_cannot_be_sent_opens_nothing() -> None:
    connection = ServerConnection(1000, KEY)
    with pytest.raises(ValueError, match="line break"):
        connection.accept([("Set-Cookie", "io=\r\n")])
    assert connection.state is WebSocketState.OPENING
    assert connection.size == 0


# -- the ways to the end ----------------------------------------------------------------------


def test_the_client_closes() -> None:
    connection = opened()
    messages = []
    for event in connection.receive(frame(b"last words") + frame(b"\x03\xe9bye", CLOSE)):
        if isinstance(event, str | bytes):
            messages.append(event)
            connection.send(EnginePacket(4, "answer"))
        else:
            connection.answer(event)  # type: ignore[arg-type]  # no message
    assert messages == ["last words"]
    assert connection.take() == b"\x81\x074answer" + b"\x88\x02\x03\xe9"
    assert connection.state is WebSocketState.CLOSED
    assert connection.error is None


def test_a_close_frame_without_a_code_is_answered_by_1000() -> None:
    connection = opened()
    read(connection, frame(b"", CLOSE))
    assert connection.take() == b"\x88\x02\x03\xe8"


def test_we_close_after_what_is_corked() -> None:
    connection = opened()
    connection.send(EnginePacket(4, "before"))
    assert connection.close(1001, "going")
    assert not connection.close()
    assert connection.take() == b"\x81\x074before" + encode_close(1001, "going")
    # Until its answer the client's messages are read, and its pings are none of our business.
    assert read(connection, frame(b"still on its way") + frame(b"", PING)) == ["still on its way"]
    assert connection.state is WebSocketState.CLOSING
    read(connection, frame(b"\x03\xe9", CLOSE))
    assert connection.state is WebSocketState.CLOSED
    assert connection.take() == b""


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\xff\x80" + bytes(4), 1002), (frame(b"\xff"), 1007), (frame(b"x" * 11), 1009)],
)
def test_the_client_breaks_the_protocol(data: bytes, code: int) -> None:
    connection = opened(10)
    assert read(connection, frame(b"good") + data) == ["good"]
    assert connection.take()[2:4] == code.to_bytes(2)
    assert connection.error is not None and connection.error.code == code
    assert connection.state is WebSocketState.CLOSED
    assert read(connection, frame(b"more")) == []


def test_the_client_breaks_the_protocol_instead_of_closing() -> None:
    connection = opened(10)
    connection.close()
    connection.take()
    read(connection, frame(b"\xff"))
    assert connection.take() == b""  # one close frame is enough
    assert connection.error is not None
    assert connection.state is WebSocketState.CLOSED


def test_the_connection_is_lost() -> None:
    connection = opened()
    connection.send(EnginePacket(4, "to nobody"))
    connection.lose()
    assert connection.take() == b""
    assert connection.size == 0
    assert connection.state is WebSocketState.CLOSED


# -- pings ------------------------------------------------------------------------------------


def test_pings_are_answered_in_their_turn() -> None:
    connection = opened()
    connection.send(EnginePacket(4, "a"))
    read(connection, frame(b"one", PING) + frame(b"two", PING) + frame(b"unasked", PONG))
    assert connection.take() == b"\x81\x024a" + b"\x8a\x03one" + b"\x8a\x03two"


def test_a_client_that_does_not_read_gets_one_pong() -> None:
    connection = opened()
    for number in range(1000):
        read(connection, frame(b"%d" % number, PING), blocked=True)
    assert connection.size == 0
    connection.unblocked()
    assert connection.take() == b"\x8a\x03999"
    connection.unblocked()
    assert connection.take() == b""


def test_no_pong_follows_the_close_frame() -> None:
    connection = opened()
    read(connection, frame(b"late", PING), blocked=True)
    connection.close()
    connection.take()
    connection.unblocked()
    assert connection.take() == b""


# -- the cork ---------------------------------------------------------------------------------


def test_a_packet_is_one_frame_for_everybody() -> None:
    packet = EnginePacket(4, "x" * 1000)
    connections = [opened() for _ in range(3)]
    for connection in connections:
        connection.send(packet)
    taken = [connection.take() for connection in connections]
    assert all(data is packet.wire for data in taken)


def test_what_is_sent_leaves_together_and_in_order() -> None:
    connection = opened()
    packets = [EnginePacket(4, f"{number}") for number in range(10)]
    sizes = [connection.send(packet) for packet in packets]
    assert sizes == [len(packets[0].wire) * (number + 1) for number in range(10)]
    assert connection.take() == b"".join(packet.wire for packet in packets)
    assert connection.size == 0
    assert connection.take() == b""


class Socket:
    """Takes a part of what it is given, and counts what had to be copied for that."""

    def __init__(self, takes: list[int]) -> None:
        self.takes = takes
        self.copied = 0
        self.written: list[bytes] = []
        self._seen: set[int] = set()
        self._alive: list[Any] = []

    def drain(self, connection: ServerConnection, known: set[int]) -> int:
        """Write all, and return how many writes that took."""
        writes = 0
        while connection.size:
            data = connection.take_some()
            source = data.obj if isinstance(data, memoryview) else data
            if id(source) not in known and id(source) not in self._seen:
                self._seen.add(id(source))
                self._alive.append(source)
                self.copied += len(data)
            count = min(self.takes[writes % len(self.takes)], len(data))
            self.written.append(bytes(data[:count]))
            connection.put_back(data, count)
            writes += 1
        return writes


@given(
    st.lists(st.sampled_from([0, 5, 100, 5000, 20_000, 300_000]), min_size=1, max_size=30),
    st.lists(st.integers(min_value=1, max_value=400_000), min_size=1, max_size=4),
)
def test_a_socket_that_takes_parts_gets_everything_in_order(
    sizes: list[int], takes: list[int]
) -> None:
    connection = opened()
    packets = [EnginePacket(4, bytes([number % 251]) * size) for number, size in enumerate(sizes)]
    for packet in packets:
        connection.send(packet)
    takes = [max(take, sum(sizes) // 200) for take in takes]
    socket = Socket(takes)
    socket.drain(connection, set())
    assert b"".join(socket.written) == b"".join(packet.wire for packet in packets)
    assert connection.size == 0
    assert connection.take_some() == b""


@pytest.mark.parametrize("size", [100, 60_000, 10_000_000])
def test_writing_what_waits_copies_each_byte_at_most_once(size: int) -> None:
    """However little a socket takes at a time, and however much waits."""
    total = 10_000_000
    packets = [EnginePacket(4, b"x" * size) for _ in range(total // size)]
    connection = opened()
    for packet in packets:
        connection.send(packet)
    socket = Socket([WORTH_A_WRITE])
    writes = socket.drain(connection, {id(packet.wire) for packet in packets})
    assert sum(map(len, socket.written)) == sum(len(packet.wire) for packet in packets)
    # A piece that is joined anew, with what follows it, is small beside what it is joined to.
    assert socket.copied <= total * (1 + WORTH_A_WRITE / MAX_JOINED) * 1.05
    assert writes <= total / WORTH_A_WRITE * 1.1
    if size > MAX_JOINED:
        assert socket.copied == 0


def test_what_was_refused_is_offered_again_and_no_shorter() -> None:
    """OpenSSL demands that of a write that could not be done."""
    connection = opened()
    for _ in range(3):
        connection.send(EnginePacket(4, b"x" * 100))
    data = connection.take_some()
    connection.put_back(data, 0)
    connection.send(EnginePacket(4, b"y" * MAX_JOINED))
    again = connection.take_some()
    assert len(again) >= len(data)
    assert bytes(again[: len(data)]) == data


# -- memory of what is incomplete -------------------------------------------------------------


def grown(feed: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        feed()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_message_of_tiny_fragments_takes_its_own_size() -> None:
    parser = FrameParser(1_000_000)
    parser.feed(frame(b"ab", BINARY, fin=False))
    fragments = frame(b"cd", CONTINUATION, fin=False) * 1000

    def feed() -> None:
        for _ in range(100):
            assert parser.feed(fragments) == []

    assert grown(feed) < 2 * 200_000
    [message] = parser.feed(frame(b"ef", CONTINUATION))
    assert message == b"ab" + b"cd" * 100_000 + b"ef"


def test_a_frame_that_drips_in_takes_its_own_size() -> None:
    parser = FrameParser(1_000_000)
    data = frame(b"x" * 200_000, BINARY)

    def feed() -> None:
        for start in range(0, len(data) - 2, 2):
            assert parser.feed(data[start : start + 2]) == []

    assert grown(feed) < 2 * 200_000
    assert parser.feed(data[-2:]) == [b"x" * 200_000]
