"""RFC 6455, sans-I/O: what a client may send, in whatever pieces it arrives."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.protocol import websocket
from socketio.protocol.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    BrokenStream,
    ControlFrame,
    FrameParser,
    WebSocketError,
    answer_handshake,
    encode_close,
    encode_control,
    encode_frame,
    handshake_key,
    unmask,
)

MASK = b"\x37\xfa\x21\x3d"


def client_frame(
    payload: bytes,
    opcode: int = TEXT,
    fin: bool = True,
    mask: bytes = MASK,
    length: int | None = None,
    size: int | None = None,
) -> bytes:
    """A masked frame; `length` and `size` (0, 2 or 8 bytes) forge its header."""
    announced = len(payload) if length is None else length
    if size is None:
        size = 0 if announced < 126 else 2 if announced < 65536 else 8
    head = bytes(
        ((0x80 if fin else 0) | opcode, 0x80 | {0: announced & 0x7F, 2: 126, 8: 127}[size])
    )
    if size:
        head += announced.to_bytes(size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    position = 0
    for cut in sorted(cut % (len(data) + 1) for cut in cuts):
        yield data[position:cut]
        position = cut
    yield data[position:]


def plain(received: list[Any]) -> list[Any]:
    """What was received, control frames as tuples."""
    return [
        (item.opcode, item.payload, item.code) if isinstance(item, ControlFrame) else item
        for item in received
    ]


def feed(data: bytes, max_size: int = 1000) -> list[Any]:
    return plain(FrameParser(max_size).feed(data))


def refused(data: bytes, max_size: int = 1000) -> int:
    with pytest.raises(BrokenStream) as caught:
        FrameParser(max_size).feed(data)
    return caught.value.code


# -- messages ---------------------------------------------------------------------------------

messages = st.lists(
    st.one_of(
        st.text(max_size=300),
        st.binary(max_size=300),
        st.builds(
            lambda size: b"\xa5" * size, st.sampled_from([125, 126, 999, 1000, 65535, 65536])
        ),
    ),
    max_size=5,
)


@given(messages, st.lists(st.integers(min_value=0, max_value=200_000), max_size=6))
def test_messages_arrive_in_whatever_pieces(sent: list[str | bytes], cuts: list[int]) -> None:
    wire = b"".join(
        client_frame(item.encode(), TEXT) if isinstance(item, str) else client_frame(item, BINARY)
        for item in sent
    )
    parser = FrameParser(1_000_000)
    received = [item for piece in pieces(wire, cuts) for item in parser.feed(piece)]
    assert received == sent


@given(
    st.text(max_size=200),
    st.lists(st.integers(min_value=0, max_value=200), max_size=5),
    st.lists(st.integers(min_value=0, max_value=2000), max_size=5),
)
def test_fragments_with_control_frames_in_between(
    text: str, cuts: list[int], wire_cuts: list[int]
) -> None:
    fragments = list(pieces(text.encode(), cuts))
    wire = b""
    for index, fragment in enumerate(fragments):
        opcode = TEXT if index == 0 else CONTINUATION
        wire += client_frame(fragment, opcode, fin=index == len(fragments) - 1)
        if index < len(fragments) - 1:
            wire += client_frame(b"%d" % index, PING)
    parser = FrameParser(1_000_000)
    received = plain([item for piece in pieces(wire, wire_cuts) for item in parser.feed(piece)])
    pings = [(PING, b"%d" % index, NO_STATUS) for index in range(len(fragments) - 1)]
    assert received == [*pings, text]


def test_a_binary_message_in_fragments_and_what_follows() -> None:
    wire = client_frame(b"ab", BINARY, fin=False) + client_frame(b"", CONTINUATION, fin=False)
    wire += client_frame(b"cd", CONTINUATION) + client_frame(b"next")
    assert feed(wire) == [b"abcd", "next"]


def test_empty_messages() -> None:
    assert feed(client_frame(b"") + client_frame(b"", BINARY)) == ["", b""]


@given(st.binary(min_size=1, max_size=3000), st.binary(min_size=4, max_size=4))
def test_unmask(payload: bytes, mask: bytes) -> None:
    expected = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    assert unmask(payload, mask) == expected


@pytest.mark.parametrize("size", [999, 1000, 1001, 4099])
def test_unmask_without_the_compiled_function(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(websocket, "_apply_mask", None)
    payload = os.urandom(size)
    assert unmask(unmask(payload, MASK), MASK) == payload
    assert unmask(payload, MASK) != payload


# -- control frames ---------------------------------------------------------------------------


def test_control_frames() -> None:
    wire = client_frame(b"hi", PING) + client_frame(b"x" * 125, PONG)
    assert feed(wire) == [(PING, b"hi", NO_STATUS), (PONG, b"x" * 125, NO_STATUS)]


def test_close() -> None:
    assert feed(client_frame(b"", CLOSE)) == [(CLOSE, b"", NO_STATUS)]
    reason = "auf Wiedersehen ✓".encode()
    assert feed(client_frame(b"\x03\xe8" + reason, CLOSE)) == [(CLOSE, reason, 1000)]


def test_nothing_after_close_is_read() -> None:
    parser = FrameParser(100)
    received = parser.feed(client_frame(b"", CLOSE) + client_frame(b"late") + b"\xff")
    assert len(received) == 1
    assert parser.closed
    assert parser.feed(client_frame(b"later")) == []
    assert parser.feed(b"\xff\xff\xff") == []


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999])
def test_close_codes_that_are_allowed(code: int) -> None:
    assert feed(client_frame(code.to_bytes(2), CLOSE)) == [(CLOSE, b"", code)]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_close_codes_that_are_not(code: int) -> None:
    assert refused(client_frame(code.to_bytes(2), CLOSE)) == 1002


# -- offences ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (client_frame(b"x", TEXT | 0x40), 1002),  # a reserved bit
        (client_frame(b"x", TEXT | 0x10), 1002),
        (client_frame(b"x", 0x3), 1002),  # an unknown opcode
        (client_frame(b"x", 0x7), 1002),
        (client_frame(b"", 0xB), 1002),
        (client_frame(b"", 0xF), 1002),
        (client_frame(b"x", PING, fin=False), 1002),  # a control frame in fragments
        (client_frame(b"x" * 126, PING), 1002),  # and one that is too long
        (client_frame(b"x" * 126, CLOSE), 1002),
        (client_frame(b"x", CONTINUATION), 1002),  # of nothing
        (client_frame(b"x", TEXT, fin=False) + client_frame(b"y"), 1002),  # one inside another
        (client_frame(b"x", size=2), 1002),  # a length written too long
        (client_frame(b"x" * 200, size=8), 1002),
        (client_frame(b"", length=1 << 63, size=8), 1002),
        (client_frame(b"\x03", CLOSE), 1002),  # half a code
        (client_frame(b"\xff\xfe"), 1007),  # no UTF-8
        (client_frame(b"\xe2\x82"), 1007),  # cut off in a character
        (client_frame(b"\xed\xa0\x80"), 1007),  # half of a surrogate pair
        (client_frame(b"\x03\xe8\xff", CLOSE), 1007),
        (client_frame(b"\xe2", fin=False) + client_frame(b"\x82", CONTINUATION), 1007),
        (client_frame(b"x" * 1001), 1009),
        (client_frame(b"", length=1 << 40, size=8), 1009),  # by its announcement
        (client_frame(b"x" * 600, fin=False) + client_frame(b"x" * 401, CONTINUATION), 1009),
    ],
)
def test_offences_and_their_close_codes(wire: bytes, code: int) -> None:
    assert refused(wire) == code
    assert refused(client_frame(b"fine") + wire) == code


def test_what_came_before_the_offence_is_not_lost() -> None:
    parser = FrameParser(10)
    with pytest.raises(BrokenStream) as caught:
        parser.feed(client_frame(b"one") + client_frame(b"two", BINARY) + client_frame(b"x" * 11))
    assert caught.value.received == ["one", b"two"]
    assert caught.value.code == 1009
    assert parser.feed(client_frame(b"more")) == []


def test_the_limit_counts_bytes_and_is_no_less_than_it_says() -> None:
    assert feed(client_frame("é".encode() * 5), max_size=10) == ["é" * 5]
    assert refused(client_frame("é".encode() * 5 + b"x"), max_size=10) == 1009
    # Each message has the whole of it.
    assert feed(client_frame(b"x" * 10) * 3, max_size=10) == ["x" * 10] * 3


def test_too_much_is_refused_before_any_of_it_is_there() -> None:
    parser = FrameParser(1000)
    with pytest.raises(BrokenStream) as caught:
        parser.feed(client_frame(b"", BINARY, length=1001, size=2)[:8])
    assert caught.value.code == 1009


def test_fragments_without_content_take_no_memory() -> None:
    parser = FrameParser(1000)
    assert parser.feed(client_frame(b"be", fin=False)) == []
    empty = client_frame(b"", CONTINUATION, fin=False) * 10_000
    tracemalloc.start()
    try:
        for _ in range(10):
            assert parser.feed(empty) == []
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
    assert parser.feed(client_frame(b"gun", CONTINUATION)) == ["begun"]


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0, max_value=200), max_size=4))
def test_no_bytes_raise_anything_else(data: bytes, cuts: list[int]) -> None:
    parser = FrameParser(100)
    codes = []
    for piece in pieces(data, cuts):
        try:
            for item in parser.feed(piece):
                assert isinstance(item, str | bytes | ControlFrame)
        except WebSocketError as error:
            codes.append(error.code)
    assert codes in ([], [1002], [1007], [1009])


# -- sending ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_frames_are_sent_with_the_shortest_header(size: int, head: bytes) -> None:
    assert encode_frame(b"x" * size) == head + b"x" * size


def test_text_is_sent_as_utf_8() -> None:
    assert encode_frame("é✓") == b"\x81\x05" + "é✓".encode()
    assert encode_frame("é" * 100)[:4] == b"\x81\x7e\x00\xc8"


def test_control_frames_are_sent() -> None:
    assert encode_control(PONG, b"hi") == b"\x8a\x02hi"
    assert encode_close() == b"\x88\x02\x03\xe8"
    assert encode_close(1009, "too much") == b"\x88\x0a\x03\xf1too much"
    assert encode_close(NO_STATUS) == b"\x88\x00"
    with pytest.raises(ValueError, match="125"):
        encode_control(PING, b"x" * 126)


def test_a_long_reason_is_cut_between_characters() -> None:
    frame = encode_close(1000, "é" * 100)
    assert len(frame) == 2 + 2 + 122
    assert frame[4:].decode() == "é" * 61


# -- opening handshake ------------------------------------------------------------------------

REQUEST = {
    "connection": "keep-alive, Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_the_example_of_the_rfc() -> None:
    answer = answer_handshake(handshake_key(REQUEST.get), [("Set-Cookie", "io=1")])
    lines = answer.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in lines
    assert "Set-Cookie: io=1" in lines
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connection", "keep-alive"),
        ("connection", None),
        ("sec-websocket-version", "8"),
        ("sec-websocket-version", None),
        ("sec-websocket-key", None),
        ("sec-websocket-key", "short"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ"),
        ("sec-websocket-key", "!!!!IHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZXg="),
    ],
)
def test_no_valid_opening_handshake(name: str, value: str | None) -> None:
    with pytest.raises(WebSocketError):
        handshake_key({**REQUEST, name: value}.get)


def test_a_header_cannot_smuggle_another_one() -> None:
    with pytest.raises(ValueError, match="line break"):
        answer_handshake("dGhlIHNhbXBsZSBub25jZQ==", [("Set-Cookie", "a\r\nX-Evil: 1")])
