"""Socket.IO packets: any packet round-trips, and no input raises anything but ProtocolError."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.exceptions import ProtocolError
from socketio.msgpack_packet import MsgPackPacket
from socketio.protocol import packets
from socketio.protocol.depth import MAX_DEPTH
from socketio.protocol.packets import (
    ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    RESERVED_EVENTS,
    AckCounter,
    Decoder,
    Packet,
    encode_messages,
)

StdlibPacket = Packet.with_json(json)


class JSONWithoutOptions:
    """A module whose `dumps` takes nothing but the value."""

    @staticmethod
    def dumps(value: Any) -> str:
        return json.dumps(value)

    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text)


PACKET_CLASSES = [Packet, StdlibPacket, Packet.with_json(JSONWithoutOptions), MsgPackPacket]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
few_binaries = st.shared(st.integers(0, 9), key="binaries")
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
                lambda key: key != "_placeholder"
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda name: name not in RESERVED_EVENTS
)
namespaces = st.sampled_from(["/", "/chat", "/a/b", "/ünïcode"])
ids = st.none() | st.integers(0, 10**15 - 1)


def through_the_wire(packet: Packet) -> Packet | None:
    encoded = packet.encode()
    decoder = Decoder(type(packet))
    result = None
    for message in encoded if isinstance(encoded, list) else [encoded]:
        assert result is None, "a packet was complete before its last attachment"
        result = decoder.add(message)
    assert decoder.waits_for_attachment is None
    return result


@pytest.mark.parametrize("packet_class", PACKET_CLASSES)
@given(
    name=names,
    arguments=st.lists(values, max_size=3),
    binaries=st.lists(st.binary(max_size=20), max_size=9),
    namespace=namespaces,
    id=ids,
)
def test_any_event_round_trips(
    packet_class: type[Packet],
    name: str,
    arguments: list[Any],
    binaries: list[bytes],
    namespace: str,
    id: int | None,
) -> None:
    data = [name, *arguments, {"deep": [list(binaries)]}]
    back = through_the_wire(packet_class(EVENT, data, namespace, id))
    assert back is not None
    assert back.packet_type == (BINARY_EVENT if binaries and packet_class.uses_binary_events else 2)
    assert back.data == data
    assert back.namespace in ((namespace, None) if namespace == "/" else (namespace,))
    assert back.id == id


@given(name=names, arguments=st.lists(values, max_size=3))
def test_both_json_implementations_write_the_same_value(name: str, arguments: list[Any]) -> None:
    data = [name, *arguments]
    ours, theirs = Packet(EVENT, data).encode(), StdlibPacket(EVENT, data).encode()
    assert isinstance(ours, str) and isinstance(theirs, str)
    if "e" not in str(_floats(data)):
        assert ours == theirs
    assert json.loads(ours[1:]) == json.loads(theirs[1:])


def _floats(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    if isinstance(value, dict):
        return [f for item in value.values() for f in _floats(item)]
    if isinstance(value, list):
        return [f for item in value for f in _floats(item)]
    return []


@pytest.mark.parametrize("packet_class", PACKET_CLASSES)
@given(message=st.text() | st.binary() | st.from_regex(r"[0-6]\d*-?(/x,)?\d*[\[{].*"))
def test_no_message_raises_anything_but_a_protocol_error(
    packet_class: type[Packet], message: str | bytes
) -> None:
    decoder = Decoder(packet_class)
    try:
        packet = decoder.add(message)
    except ProtocolError:
        return
    assert packet is None or 0 <= packet.packet_type <= packets.BINARY_ACK


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (Packet(CONNECT), "0"),
        (Packet(CONNECT, {"token": "x"}), '0{"token":"x"}'),
        (Packet(CONNECT, {"sid": "a"}, "/chat"), '0/chat,{"sid":"a"}'),
        (Packet(DISCONNECT, namespace="/chat"), "1/chat,"),
        (Packet(EVENT, ["a", 1, None]), '2["a",1,null]'),
        (Packet(EVENT, ["a"], "/chat", 12), '2/chat,12["a"]'),
        (Packet(ACK, [], "/", 0), "30[]"),
        (Packet(CONNECT_ERROR, {"message": "no"}), '4{"message":"no"}'),
        (
            Packet(EVENT, ["a", b"\x01", (bytearray(b"\x02"), memoryview(b"\x03"))], "/b", 1),
            [
                '53-/b,1["a",{"_placeholder":true,"num":0},'
                '[{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]]',
                b"\x01",
                b"\x02",
                b"\x03",
            ],
        ),
        (
            Packet(ACK, [b"x"], None, 7),
            ['61-7[{"_placeholder":true,"num":0}]', b"x"],
        ),
    ],
)
def test_the_wire_is_the_specified_one(packet: Packet, encoded: object) -> None:
    """Traps 17 and 47: binary inside tuples, bytearray and memoryview are binary."""
    assert packet.encode() == encoded


@pytest.mark.parametrize(
    "message",
    [
        "",
        "7",
        "x",
        "2",
        "2{}",
        "2[]",
        "2[{}]",
        "2[null]",
        "2[true]",
        '2"x"',
        "2[1",
        "249abc",
        '2["connect"]',
        '2["disconnect","x"]',
        '2["connect_error"]',
        '2["disconnecting"]',
        '2["newListener"]',
        '2["removeListener"]',
        "3[]",
        "31{}",
        "31",
        "0[]",
        '0"x"',
        '1{"a":1}',
        "4[]",
        "5",
        '5["x"]',
        '5-["x"]',
        '5x-["x"]',
        '5-1-["x"]',
        '511-["x"]',
        '5999999999999-["x"]',
        "2" + "1" * 16 + '["x"]',
        '2["x",NaN]',
        '2["x",Infinity]',
        '2["x",1e999]',
        '2["x",' + "9" * 500 + "]",
        '2["x",' + "[" * 100_000 + "]" * 100_000 + "]",
        '50-["x",{"_placeholder":true,"num":0}]',
        b"binary",
    ],
)
def test_bad_packets_are_refused(message: str | bytes) -> None:
    """Traps 1, 4, 5, 6, 48: reserved names, ids, attachments, numbers and nesting."""
    with pytest.raises(ProtocolError):
        Decoder().add(message)


def test_a_packet_that_announces_no_attachments_is_complete() -> None:
    """Trap 5: it must not wedge the connection."""
    packet = Decoder().add('50-["x",1]')
    assert packet is not None and packet.data == ["x", 1]


@pytest.mark.parametrize("number", ["-1", "1", "true", '"0"', "null", "0.0", "99999999999"])
def test_a_placeholder_must_name_an_attachment(number: str) -> None:
    """Trap 5: no negative number, none out of range, nothing but an integer."""
    decoder = Decoder()
    assert decoder.add(f'51-["x",{{"_placeholder":true,"num":{number}}}]') is None
    with pytest.raises(ProtocolError, match="illegal attachment"):
        decoder.add(b"data")


@pytest.mark.parametrize("packet_class", [Packet, StdlibPacket])
@pytest.mark.parametrize(("opening", "end"), [("[", "]"), ('{"a":', "}")])
def test_binary_packets_nested_more_deeply_than_python_recurses(
    packet_class: type[Packet], opening: str, end: str
) -> None:
    """Trap 6: whatever the parser lets through, attachments are put into."""
    placeholder = '{"_placeholder":true,"num":0}'
    for depth in (100, MAX_DEPTH - 1, MAX_DEPTH, 500, 900, 1100, 100_000):
        decoder = Decoder(packet_class)
        try:
            assert decoder.add(f'51-["x",{opening * depth}{placeholder}{end * depth}]') is None
            packet = decoder.add(b"data")
        except ProtocolError:
            assert depth >= MAX_DEPTH
            continue
        assert packet is not None
        value = packet.data[1]
        for _ in range(depth):
            value = value[0] if opening == "[" else value["a"]
        assert value == b"data"


def test_an_error_of_the_users_json_module_is_the_clients_fault() -> None:
    """Not every module raises ValueError for what is no JSON."""

    class Strict:
        dumps = staticmethod(json.dumps)

        @staticmethod
        def loads(text: str) -> Any:
            raise LookupError("no such value")

    with pytest.raises(ProtocolError, match="no such value"):
        Decoder(Packet.with_json(Strict)).add('2["x"]')


def test_text_where_an_attachment_is_due_is_an_error() -> None:
    """Trap 5."""
    decoder = Decoder()
    decoder.add('51-["x",{"_placeholder":true,"num":0}]')
    with pytest.raises(ProtocolError, match="text message"):
        decoder.add('2["y"]')


def test_attachments_are_bounded_in_bytes() -> None:
    """Trap 5: a total byte cap over all attachments of a packet."""
    decoder = Decoder(max_bytes=10)
    decoder.add('52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    assert decoder.add(b"12345678") is None
    with pytest.raises(ProtocolError, match="more than 10 bytes"):
        decoder.add(b"abc")


def test_ten_attachments_are_allowed() -> None:
    placeholders = ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(10))
    decoder = Decoder()
    assert decoder.add(f'510-["x",{placeholders}]') is None
    results = [decoder.add(bytes([n])) for n in range(10)]
    assert results[:9] == [None] * 9
    assert results[9] is not None and results[9].data == ["x", *[bytes([n]) for n in range(10)]]


def test_prototype_names_are_plain_strings() -> None:
    """Trap 6."""
    packet = Decoder().add('2["x",{"__proto__":{"a":1},"constructor":2}]')
    assert packet is not None and packet.data[1] == {"__proto__": {"a": 1}, "constructor": 2}


def test_the_query_of_a_namespace_is_dropped() -> None:
    packet = Decoder().add("0/chat?token=x,{}")
    assert packet is not None and packet.namespace == "/chat"
    assert packet.data == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("packet_class", [Packet, StdlibPacket])
def test_nan_and_infinity_are_refused(packet_class: type[Packet], value: float) -> None:
    """Trap 48: they are no JSON, and the JavaScript client dies on them."""
    with pytest.raises(ValueError, match=r"NaN|JSON"):
        packet_class(EVENT, ["x", {"deep": [None, value]}]).encode()


@pytest.mark.parametrize("packet_class", [Packet, StdlibPacket])
def test_a_value_that_json_lacks_is_named(packet_class: type[Packet]) -> None:
    with pytest.raises(TypeError, match="type object"):
        packet_class(EVENT, ["x", object()]).encode()


class RawJSON:
    """A module that writes lone surrogates as they are."""

    @staticmethod
    def dumps(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    loads = staticmethod(json.loads)


class StrictJSON:
    """A module that neither writes nor reads lone surrogates, as orjson, ujson and others."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode()

    @staticmethod
    def loads(text: str) -> Any:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
        return value


JSON_CLASSES = [
    Packet,
    StdlibPacket,
    *map(Packet.with_json, (JSONWithoutOptions, RawJSON, StrictJSON)),
]
with_surrogates = st.text(
    st.characters(categories=["Cs"]) | st.sampled_from('aé🚀\\"/ud83'), max_size=12
)


def joined(value: Any) -> Any:
    """Return a value as it arrives: two halves that stand side by side are one character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {joined(key): joined(item) for key, item in value.items()}
    return [*map(joined, value)] if isinstance(value, list) else value


@pytest.mark.parametrize("packet_class", JSON_CLASSES)
@given(
    value=st.recursive(
        with_surrogates | st.just(b"binary"),
        lambda inner: st.lists(inner) | st.dictionaries(with_surrogates, inner),
        max_leaves=5,
    )
)
def test_halves_of_characters_travel_as_escapes(packet_class: type[Packet], value: Any) -> None:
    """JavaScript cuts strings between surrogates; UTF-8 has no such thing, but JSON has."""
    sent = [value if isinstance(value, str) and value not in RESERVED_EVENTS else "x", value]
    decoder = Decoder(packet_class)
    packet = None
    for message in encode_messages(packet_class(EVENT, sent)):
        if isinstance(message, str):
            message = message.encode().decode()
        packet = decoder.add(message)
    assert packet is not None
    assert packet.data == joined(sent)


@pytest.mark.parametrize("packet_class", JSON_CLASSES)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud83d"', "\ud83d"),
        (r'"\uDE00"', "\ude00"),
        (r'"\ud83d\ud83d\ude00"', "\ud83d\U0001f600"),
        (r'"\\ud83d"', "\\ud83d"),
        (r'"\\\ud83d"', "\\\ud83d"),
        (r'{"\ud83d":[1,"\ude00!"]}', {"\ud83d": [1, "\ude00!"]}),
    ],
)
def test_every_codec_reads_the_escape(packet_class: type[Packet], text: str, value: Any) -> None:
    packet = Decoder(packet_class).add(f'2["x",{text}]')
    assert packet is not None
    assert packet.data == ["x", value]


def test_a_json_module_that_fails_for_another_reason_is_heard() -> None:
    """The text without surrogates is none of our business."""
    with pytest.raises(TypeError, match="type object"):
        Packet.with_json(StrictJSON)(EVENT, ["x", object()]).encode()
    with pytest.raises(TypeError, match="type object"):
        Packet.with_json(StrictJSON)(EVENT, ["x\ud83d", object()]).encode()
    with pytest.raises(ProtocolError):
        Decoder(Packet.with_json(StrictJSON)).add(r'2["x","\ud83d"')


@given(value=st.lists(with_surrogates) | st.dictionaries(with_surrogates, with_surrogates))
def test_halves_of_characters_in_msgpack_are_replaced(value: Any) -> None:
    """Text in msgpack is UTF-8, where U+FFFD stands for what it cannot say."""

    def arrived(item: Any) -> Any:
        if isinstance(item, str):
            return re.sub("[\ud800-\udfff]", "\ufffd", joined(item))
        if isinstance(item, dict):
            return {arrived(key): arrived(each) for key, each in item.items()}
        return [*map(arrived, item)]

    packet = Decoder(MsgPackPacket).add(MsgPackPacket(EVENT, ["x", value], "/n").encode())
    assert packet is not None
    assert packet.data == ["x", arrived(value)]


def test_a_header_has_no_escapes() -> None:
    assert Packet(EVENT, ["x"], "/half\ud83d").encode() == '2/half\ufffd,["x"]'


def test_a_serializer_that_lets_a_surrogate_through_breaks_no_connection() -> None:
    class Careless(Packet):
        __slots__ = ()

        def encode(self) -> str:
            return f"{self.packet_type}{self.data[1]}"

    assert encode_messages(Careless(EVENT, ["x", "half\ud83d"])) == ["2half\ufffd"]
    assert Careless.encode_event(["x", "half\ud83d"], "/") == "2half\ufffd"


@pytest.mark.parametrize("packet_class", [Packet, StdlibPacket])
def test_huge_integers_become_floats(packet_class: type[Packet]) -> None:
    packet = Decoder(packet_class).add(f'2["x",{2**80}]')
    assert packet is not None and packet.data[1] == float(2**80)
    assert packet_class(EVENT, ["x", 2**80]).encode() == f'2["x",{2**80}]'


def test_each_server_has_its_own_json() -> None:
    """The option is no property of the process."""

    class Shouting:
        @staticmethod
        def dumps(value: Any, **options: Any) -> str:
            return json.dumps(value, **options).upper()

        loads = staticmethod(json.loads)

    assert Packet.with_json(Shouting)(EVENT, ["abc"]).encode() == '2["ABC"]'
    assert Packet(EVENT, ["abc"]).encode() == '2["abc"]'
    with pytest.raises(TypeError, match="dumps"):
        Packet.with_json(object())  # type: ignore[arg-type]  # the point of the test


class TestMsgPack:
    def test_disconnect_has_no_data(self) -> None:
        """Trap 12: nil makes the JavaScript client fail and reconnect."""
        import msgpack

        encoded = MsgPackPacket(DISCONNECT, namespace="/chat").encode()
        assert msgpack.loads(encoded) == {"type": 1, "nsp": "/chat"}

    @pytest.mark.parametrize(
        "hook", [None, msgpack.ExtType, lambda code, data: ("mine", code, data)]
    )
    def test_undefined_is_none_wherever_it_stands(self, hook: Any) -> None:
        """JavaScript's msgpack parser writes it as an extension, in lists, objects and acks."""
        undefined, other = msgpack.ExtType(0, b"\0"), msgpack.ExtType(0, b"\1")
        data = ["x", undefined, {"key": undefined, "list": [undefined, 1]}, other]
        kind = MsgPackPacket if hook is None else MsgPackPacket.configure(ext_hook=hook)
        own = (hook or msgpack.ExtType)(0, b"\1")
        for packet_type in (EVENT, ACK):
            encoded = msgpack.dumps({"type": packet_type, "nsp": "/", "id": 1, "data": data})
            packet = Decoder(kind).add(encoded)
            assert packet is not None
            assert packet.data == ["x", None, {"key": None, "list": [None, 1]}, own]

    def test_undefined_auth_is_none(self) -> None:
        """Trap 49: JavaScript's undefined arrives as an extension object."""
        import msgpack

        encoded = msgpack.dumps({"type": 0, "nsp": "/", "data": msgpack.ExtType(0, b"\x00")})
        packet = Decoder(MsgPackPacket).add(encoded)
        assert packet is not None and packet.data is None

    @pytest.mark.parametrize(
        "packet",
        [
            [],
            {},
            {"type": 5, "nsp": "/"},
            {"type": True, "nsp": "/"},
            {"type": 2, "nsp": "chat", "data": ["x"]},
            {"type": 2, "nsp": 1, "data": ["x"]},
            {"type": 2, "nsp": "/", "data": ["connect"]},
            {"type": 2, "nsp": "/", "data": ["x"], "id": -1},
            {"type": 2, "nsp": "/", "data": ["x"], "id": "1"},
            {"type": 3, "nsp": "/", "data": []},
        ],
    )
    def test_bad_packets_are_refused(self, packet: object) -> None:
        import msgpack

        with pytest.raises(ProtocolError):
            Decoder(MsgPackPacket).add(msgpack.dumps(packet))

    def test_hooks_belong_to_the_configured_class(self) -> None:
        class Point:
            pass

        configured = MsgPackPacket.configure(dumps_default=lambda value: "point")
        back = through_the_wire(configured(EVENT, ["x", Point()]))
        assert back is not None and back.data == ["x", "point"]
        with pytest.raises(TypeError):
            MsgPackPacket(EVENT, ["x", Point()]).encode()


class TestAckCounter:
    def test_ids_start_at_zero_and_are_never_reused(self) -> None:
        """Traps 4 and 13."""
        counter = AckCounter()
        assert [counter.add("a"), counter.add("b")] == [0, 1]
        assert counter.pop(0) == "a"
        assert counter.pop(0) is None
        assert counter.pop(99) is None
        assert counter.add("c") == 2
        assert counter.add("d") == 3
        counter.discard("d")
        counter.discard("unknown")
        assert counter.clear() == ["b", "c"]
        assert len(counter) == 0
