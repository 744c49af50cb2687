"""Whatever arrives, decoders refuse it with their own error, soon, or give what can be sent back.

Hypothesis makes the inputs: valid messages of every kind, and what a few edits make of them. It
knows the structure from the strategies below, shrinks what it finds to a few bytes, and is in the
environment of the tests anyway; atheris, which follows coverage instead, needs clang to build and
has no wheels for half of the Pythons that we promise.

`make fuzz SECONDS=300` divides the time among the decoders, with new inputs each time.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from socketio.bus import messages as bus
from socketio.exceptions import ProtocolError
from socketio.protocol import engine, engine_client
from socketio.protocol.json_codec import default_codec
from socketio.protocol.msgpack_packet import MsgPackPacket
from socketio.protocol.packets import Decoder, Packet, encode_messages
from socketio.protocol.websocket import ServerConnection, WebSocketError, WebSocketState

SECONDS = float(os.environ.get("SOCKETIO_FUZZ_SECONDS", "30"))
SLOW = 1.0
"""Seconds of CPU time after which an input of some hundred bytes counts as one that stalls."""

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(SECONDS + 300)]

# -- structures ------------------------------------------------------------------------

texts = st.text(max_size=12) | st.sampled_from(
    ["_placeholder", "num", "__proto__", "connect", "\ud83d", "\x1e", "\0", "é", "🎉", "/", ","]
)
numbers = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([0, -1, 2**53, 2**63, 2**64, 1e308])
)
scalars = st.none() | st.booleans() | numbers | texts | st.binary(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=4)
        | st.fixed_dictionaries({"_placeholder": st.just(True), "num": st.integers(-1, 11)})
    ),
    max_leaves=12,
)
namespaces = st.sampled_from(["", "/", "/a,", "/a?b=c,", "/,", "/\ud83d,", "/" + "x" * 50 + ","])
counts = st.sampled_from(["", "0-", "1-", "2-", "10-", "11-", "-", "٣-", "1_0-", "99999999999-"])
ids = st.sampled_from(["", "0", "7", "00", "999999999999999", "9999999999999999", "٣", "-1"])


@st.composite
def packet_texts(draw: Any) -> str:
    """Return the text of a packet, nearly right."""
    kind = draw(st.sampled_from("0123456789"))
    payload = draw(json_values | st.lists(json_values, max_size=3).map(lambda rest: ["x", *rest]))
    text = json.dumps(payload) if draw(st.integers(0, 9)) else ""
    return kind + str(draw(counts)) + draw(namespaces) + draw(ids) + text


@st.composite
def packed(draw: Any) -> bytes:
    """Return a packet in msgpack, nearly right."""
    packet: dict[Any, Any] = {
        "type": draw(st.integers(-1, 7) | values),
        "nsp": draw(st.sampled_from(["/", "/a", "", "a", 1, None])),
        "data": draw(st.lists(values, max_size=3).map(lambda rest: ["x", *rest]) | values),
        "id": draw(st.none() | st.integers(-1, 2**63) | values),
        draw(scalars): draw(values),
    }
    for name in draw(st.sets(st.sampled_from(["type", "nsp", "data", "id"]), max_size=2)):
        del packet[name]
    try:
        encoded: bytes = msgpack.packb(packet, unicode_errors="surrogatepass")
    except (OverflowError, ValueError):
        encoded = b"\x80"
    if draw(st.booleans()):
        encoded += draw(
            st.sampled_from([b"", b"\xd4\0\0", b"\xc7\x0c\xff" + b"\xff" * 12, b"\xc1"])
        )
    return encoded


@st.composite
def frames(draw: Any) -> bytes:
    """Return a client's websocket frame, nearly right."""
    payload = draw(st.binary(max_size=200) | packet_texts().map(_utf8))
    first = draw(st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A]))
    if not draw(st.integers(0, 9)):
        first = draw(st.integers(0, 255))
    if first in (0x88, 0x89, 0x8A):
        payload = payload[: draw(st.integers(0, 130))]
    masked = 0x80 if draw(st.integers(0, 19)) else 0
    size = len(payload) if draw(st.integers(0, 19)) else draw(st.integers(0, 2**64 - 1))
    width = 0 if size < 126 else 2 if size < 2**16 else 8
    if not draw(st.integers(0, 19)):
        width = 8  # longer than it need be, which is an error
    short = {0: size & 0x7F, 2: 126, 8: 127}[width]
    head = bytes((first, masked | short)) + (size % 2 ** (8 * width)).to_bytes(width, "big")
    mask = draw(st.binary(min_size=4, max_size=4)) if masked else b"\0" * 4
    body = bytes(each ^ mask[index % 4] for index, each in enumerate(payload))
    return head + (mask if masked else b"") + body


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def edited(draw: Any, originals: st.SearchStrategy[bytes]) -> bytes:
    """Return what some edits make of a message: bits, insertions, cuts, repetitions, splices."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(0, 4))):
        where = draw(st.integers(0, len(data)))
        until = min(len(data), where + draw(st.integers(0, 8)))
        edit = draw(st.sampled_from(["flip", "insert", "cut", "repeat", "splice"]))
        if edit == "flip" and where < len(data):
            data[where] ^= 1 << draw(st.integers(0, 7))
        elif edit == "insert":
            data[where:where] = draw(st.binary(max_size=6))
        elif edit == "cut":
            del data[where:until]
        elif edit == "repeat":
            data[where:where] = data[where:until] * draw(st.sampled_from([1, 2, 50]))
        elif edit == "splice":
            data[where:] = draw(originals)
    return bytes(data)


def as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # halves of characters come as escapes of JSON only


# -- properties ------------------------------------------------------------------------


def same(one: Any, other: Any) -> bool:
    """Compare what was decoded twice; NaN is like NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def sent_back(packet_class: type[Packet], packet: Packet) -> None:
    """Check that a packet which was accepted can be sent, and arrives as it is."""
    decoder = Decoder(packet_class)
    again = packet_class(packet.packet_type, packet.data, packet.namespace, packet.id)
    if packet.packet_type > 4:  # whether there are attachments is found out anew
        again.packet_type -= 3
    back = None
    for message in encode_messages(again):
        back = decoder.add(message)
    assert back is not None
    assert same(back.data, packet.data), (back.data, packet.data)
    assert (back.id, back.namespace or "/") == (packet.id, _sendable(packet.namespace or "/"))


def _sendable(namespace: str) -> str:
    return namespace.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def packets_in_json(data: bytes, attachments: list[bytes]) -> None:
    _packets(Packet, as_text(data), attachments)


def packets_of_the_standard_library(data: bytes, attachments: list[bytes]) -> None:
    _packets(Packet.with_json(json), as_text(data), attachments)


def _packets(packet_class: type[Packet], text: str, attachments: list[bytes]) -> None:
    decoder = Decoder(packet_class, 1000)
    try:
        packet = None
        plain = decoder.add_plain_event(text)
        if plain is None:
            packet = decoder.add(text)
            for attachment in attachments:
                if packet is None and decoder.waits_for_attachment:
                    packet = decoder.add(attachment)
    except ProtocolError:
        return
    if plain is not None:
        packet = packet_class(2, plain, "/")
        other = Decoder(packet_class, 1000).add(text)
        assert other is not None and same(other.data, plain)
    if packet is not None:
        sent_back(packet_class, packet)


def packets_in_msgpack(data: bytes, attachments: list[bytes]) -> None:
    try:
        packet = Decoder(MsgPackPacket).add(data)
    except ProtocolError:
        return
    assert packet is not None
    sent_back(MsgPackPacket, packet)


def engine_payloads(data: bytes, attachments: list[bytes]) -> None:
    text = as_text(data)
    try:
        packets = list(engine.decode_payload(text))
    except ProtocolError:
        return
    if all(isinstance(each, bytes) or _is_text(each) for _, each in packets):
        again = engine.encode_payload([engine.EnginePacket(kind, each) for kind, each in packets])
        assert list(engine.decode_payload(again)) == packets


def _is_text(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def handshakes(data: bytes, attachments: list[bytes]) -> None:
    for function, argument in (
        (engine_client.open_polling, data),
        (engine_client.open_websocket, as_text(data)),
        (engine_client.open_websocket, data),
    ):
        try:
            function(argument)  # type: ignore[operator]  # one has text or bytes, one has bytes
        except ProtocolError:
            pass
    engine_client.refusal(400, data)


def bus_messages(data: bytes, attachments: list[bytes]) -> None:
    try:
        bus.interpret(bus.parse(data, default_codec))
    except bus.BusMessageError:
        pass


def websocket_streams(data: bytes, attachments: list[bytes]) -> None:
    """Whole or in pieces, a stream means the same."""
    assert _events(data, len(data) or 1) == _events(data, 1) == _events(data, 7)


def _events(data: bytes, step: int) -> list[Any]:
    connection = ServerConnection(1000)
    found: list[Any] = []
    for start in range(0, len(data), step):
        if connection.state is WebSocketState.CLOSED:
            break
        for event in connection.receive(data[start : start + step]):
            if isinstance(event, WebSocketError):
                found.append(("error", event.code))
                return found
            if isinstance(event, str | bytes):
                found.append(event)
                assert len(event) <= 1000
            else:
                found.append((event.opcode, event.payload, event.code))
    return found


bus_objects = st.fixed_dictionaries(
    {"method": st.sampled_from(["emit", "callback", "disconnect", "enter_room", "presence"])},
    optional=dict.fromkeys(
        (
            *("event", "data", "binary", "namespace", "room", "skip_sid", "callback", "host_id"),
            *("sid", "id", "args", "seq", "node", "client", "null", "leaving", "asks", "answers"),
        ),
        json_values,
    ),
).map(lambda message: json.dumps(message).encode())
handshake_texts = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"), json_values
    ),
).map(lambda fields: b"0" + json.dumps(fields).encode())
payloads = st.lists(
    packet_texts().map(lambda text: f"4{text}")
    | st.sampled_from(["", "1", "2", "3", "6", "bAAAA", "bAA\n==", "b", "b*", "4", "0{}", "9"]),
    max_size=5,
).map(lambda parts: _utf8("\x1e".join(parts)))

TARGETS: dict[Callable[[bytes, list[bytes]], None], st.SearchStrategy[bytes]] = {
    packets_in_json: packet_texts().map(_utf8),
    packets_of_the_standard_library: packet_texts().map(_utf8),
    packets_in_msgpack: packed(),
    engine_payloads: payloads,
    handshakes: handshake_texts,
    bus_messages: bus_objects,
    websocket_streams: st.lists(frames(), max_size=4).map(b"".join),
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_decoders(target: Callable[[bytes, list[bytes]], None]) -> None:
    ends = time.monotonic() + SECONDS / len(TARGETS)
    tried = 0

    @settings(
        max_examples=300, database=None, phases=(Phase.generate, Phase.shrink), derandomize=False
    )
    @given(data=edited(TARGETS[target]), attachments=st.lists(st.binary(max_size=9), max_size=3))
    def check(data: bytes, attachments: list[bytes]) -> None:
        nonlocal tried
        tried += 1
        began = time.thread_time()
        target(data, attachments)
        assert time.thread_time() - began < SLOW

    while True:
        check()
        if time.monotonic() > ends:
            break
    print(f"{target.__name__}: {tried} inputs")
    assert tried >= 300
