"""Messages between the processes of one cluster (sans-I/O).

The messages are the JSON objects that python-socketio 5.14 and later publish, so that both may
share a channel:

* ``{"method": "emit", "event", "data", "binary", "namespace", "room", "skip_sid", "callback",
  "host_id"}``; with ``binary``, ``data`` is the list of arguments with placeholders, followed by
  the base64 text of each binary value; with our own ``"null": true``, the ``[null]`` in ``data`` is
  an argument, while python-socketio publishes the same for none;
* ``{"method": "callback", "host_id", "sid", "namespace", "id", "args"}``, addressed to the
  process ``host_id``;
* ``{"method": "disconnect" | "enter_room" | "leave_room" | "close_room", "sid", "room",
  "namespace", "host_id"}``.

Ours carry a few members more, which python-socketio does not look at: ``seq``, the running number
of the publishing process, by which a second delivery is recognised; ``node``, that process, in a
callback; ``client``, who answered, in a callback; and the methods ``unanswered``, by which a
process learns that a client went away without its answer, and ``presence``, by which processes
see each other and that their own way through the broker is open.

What is received is believed only as far as its form goes: nothing of it is executed or unpickled,
and what is not of the expected form raises `BusMessageError`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..exceptions import ProtocolError
from ..protocol.json_codec import JSONCodec, take_out_binary
from ..protocol.packets import Packet, arguments_of, reconstruct_binary

Room: TypeAlias = str | int | list[str | int] | None
"""One room, several, or None for everyone."""


class BusMessageError(Exception):
    """A message of the bus is not of the expected form.

    Args:
        kind: A short name for what is wrong, under which it is counted and logged once.
        detail: What exactly was found.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


@dataclass(slots=True, kw_only=True)
class BusMessage:
    """What every message has."""

    node: str | None
    """The process that published it; None if it did not say."""

    seq: int | None
    """That process's running number; None for python-socketio's messages."""

    namespace: str = "/"


@dataclass(slots=True, kw_only=True)
class EmitMessage(BusMessage):
    """Emit an event to the clients of a room."""

    event: str
    args: list[Any]
    room: Room
    skip_sid: list[str]
    callback: tuple[Any, str, int] | None
    """Room, namespace and id under which the publisher waits for answers."""


@dataclass(slots=True, kw_only=True)
class CallbackMessage(BusMessage):
    """A client's answer to an event that another process emitted."""

    host_id: str
    """The process that waits for it."""

    room: Any
    id: int
    args: list[Any] | None
    """The answer; None when the client went away without one."""

    client: str | None
    """The client that answered; None if the publisher did not say."""


@dataclass(slots=True, kw_only=True)
class ClientMessage(BusMessage):
    """Disconnect a client, or put it into a room or out of it."""

    method: str
    sid: str
    room: str | int | None


@dataclass(slots=True, kw_only=True)
class CloseRoomMessage(BusMessage):
    """Put every client out of a room."""

    room: str | int


@dataclass(slots=True, kw_only=True)
class PresenceMessage(BusMessage):
    """Tells that a process is subscribed, or that it goes."""

    leaving: bool
    """Whether the process goes, in the clean way."""

    asks: str | None
    """A word for this very connection of the process; the others answer with it."""

    answers: list[str]
    """The words of others that it has heard: it was subscribed when they were said.

    A broker that was frozen may bring old messages; only an answer is certain to be new."""


AnyMessage: TypeAlias = (
    EmitMessage | CallbackMessage | ClientMessage | CloseRoomMessage | PresenceMessage
)


def pack_binary(args: list[Any]) -> tuple[list[Any], bool]:
    """Make a list of arguments fit for JSON.

    Returns:
        The list as it is and False; or, if there are binary values in it, a list of the
        arguments with placeholders and the base64 text of each value, and True.
    """
    if not Packet.data_is_binary(args):
        return args, False
    attachments: list[bytes] = []
    with_placeholders = take_out_binary(args, attachments)
    return [with_placeholders, *(base64.b64encode(each).decode() for each in attachments)], True


def emit_message(
    host_id: str,
    event: str,
    data: Any,
    namespace: str,
    room: Room,
    skip_sid: Any,
    callback: tuple[Any, str, int] | None,
) -> dict[str, Any]:
    """Return the message that asks other processes to emit an event."""
    args = arguments_of(data)
    # What python-socketio publishes for no argument is [null], too.
    packed, binary = pack_binary([None] if data is None else args)
    message = {
        "host_id": host_id,
        "method": "emit",
        "event": event,
        "data": packed,
        "binary": binary,
        "namespace": namespace,
        "room": room,
        "skip_sid": skip_sid,
        "callback": callback,
    }
    if args == [None]:
        message["null"] = True
    return message


def callback_message(
    node: str,
    callback: tuple[Any, str, int],
    host_id: str,
    client: str,
    args: Iterable[Any] | None,
) -> dict[str, Any]:
    """Return the message that brings a client's answer to the process that asked for it.

    Args:
        node: The process that publishes it.
        callback: Room, namespace and id, as they came with the event.
        host_id: The process that waits for the answer.
        client: The client that answered.
        args: The answer; None when the client went away without one.
    """
    room, namespace, ack_id = callback
    message: dict[str, Any] = {
        "method": "callback" if args is not None else "unanswered",
        "host_id": host_id,
        "sid": room,
        "namespace": namespace,
        "id": ack_id,
        "client": client,
        "node": node,
    }
    if args is not None:
        message["args"], binary = pack_binary(list(args))
        if binary:
            message["binary"] = True  # python-socketio cannot send such an answer at all
    return message


def client_message(
    host_id: str, method: str, sid: str, namespace: str, room: str | int | None = None
) -> dict[str, Any]:
    """Return the message that disconnects a client, or moves it into or out of a room."""
    message: dict[str, Any] = {"host_id": host_id, "method": method, "sid": sid}
    if method != "disconnect":
        message["room"] = room
    message["namespace"] = namespace
    return message


def close_room_message(host_id: str, room: str | int, namespace: str) -> dict[str, Any]:
    """Return the message that empties a room."""
    return {"host_id": host_id, "method": "close_room", "room": room, "namespace": namespace}


def presence_message(
    host_id: str, asks: str | None = None, answers: list[str] | None = None, leaving: bool = False
) -> dict[str, Any]:
    """Return the message that tells others, and us, that we are there; see `PresenceMessage`."""
    return {
        "host_id": host_id,
        "method": "presence",
        "leaving": leaving,
        "asks": asks,
        "answers": answers or [],
    }


def own_prefix(host_id: str) -> bytes:
    """Return how the JSON text of a process's own messages begins.

    `host_id` comes first in what we publish, so that our own messages are known when they come
    back without being parsed. No content of a message can look like it: it stands before all of
    it. Answers to another process begin with their method instead.
    """
    return b'{"host_id":"' + host_id.encode() + b'"'


def to_bytes(message: dict[str, Any], codec: JSONCodec) -> bytes:
    """Return a message's JSON text in UTF-8."""
    return codec.dumps(message, []).encode()


def parse(raw: Any, codec: JSONCodec) -> dict[str, Any]:
    """Return the JSON object of a received message.

    Args:
        raw: Its text, or the object itself (third-party managers may decode by themselves).
        codec: Parses the text.

    Raises:
        BusMessageError: It is no JSON object with a method.
    """
    if isinstance(raw, bytes | bytearray | memoryview):
        raw = bytes(raw)
        if raw[:1] == b"\x80":
            raise BusMessageError(
                "pickle", "looks like a pickle; python-socketio before 5.14 sends them, update it"
            )
        try:
            raw = raw.decode()
        except UnicodeDecodeError as error:
            raise BusMessageError("not UTF-8", str(error)) from error
    if isinstance(raw, str):
        try:
            raw = codec.loads(raw)
        except ProtocolError as error:
            raise BusMessageError("not JSON", str(error)) from error
    if not isinstance(raw, dict):
        raise BusMessageError("not an object", f"{type(raw).__name__}")
    if not isinstance(raw.get("method"), str):
        raise BusMessageError("no method", f"members {list(raw)[:10]!r}")
    return raw


def interpret(message: dict[str, Any]) -> AnyMessage:
    """Check a message's members and return it with their types.

    Raises:
        BusMessageError: Unknown method, or a member that is missing or of the wrong type.
    """
    method = message["method"]
    try:
        reader = _READERS[method]
    except KeyError:
        raise BusMessageError("unknown method", repr(method)[:80]) from None
    return reader(message)


def _read_emit(message: dict[str, Any]) -> EmitMessage:
    callback = message.get("callback")
    return EmitMessage(
        **_head(message, "host_id"),
        event=_text(message, "event"),
        args=_event_args(message),
        room=_rooms(message, "room"),
        skip_sid=_sids(message, "skip_sid"),
        callback=None if callback is None else _callback(callback),
    )


def _read_callback(message: dict[str, Any]) -> CallbackMessage:
    return CallbackMessage(
        **_head(message, "node"),
        host_id=_text(message, "host_id"),
        room=message.get("sid"),
        id=_number(message, "id"),
        args=_args(message, "args") if message["method"] == "callback" else None,
        client=_text(message, "client") if message.get("client") is not None else None,
    )


def _read_client(message: dict[str, Any]) -> ClientMessage:
    method = message["method"]
    return ClientMessage(
        **_head(message, "host_id"),
        method=method,
        sid=_text(message, "sid"),
        room=None if method == "disconnect" else _room(message, "room"),
    )


def _read_close_room(message: dict[str, Any]) -> CloseRoomMessage:
    return CloseRoomMessage(**_head(message, "host_id"), room=_room(message, "room"))


def _read_presence(message: dict[str, Any]) -> PresenceMessage:
    answers = message.get("answers", [])
    if not isinstance(answers, list) or not all(isinstance(each, str) for each in answers):
        raise _wrong(message, "answers")
    return PresenceMessage(
        **_head(message, "host_id"),
        leaving=message.get("leaving") is True,
        asks=_text(message, "asks") if message.get("asks") is not None else None,
        answers=answers,
    )


_READERS: dict[str, Callable[[dict[str, Any]], AnyMessage]] = {
    "emit": _read_emit,
    "callback": _read_callback,
    "unanswered": _read_callback,
    "disconnect": _read_client,
    "enter_room": _read_client,
    "leave_room": _read_client,
    "close_room": _read_close_room,
    "presence": _read_presence,
}


def _wrong(message: dict[str, Any], member: str) -> BusMessageError:
    found = repr(message[member])[:80] if member in message else "nothing"
    return BusMessageError(f"bad {message['method']} message", f"{member} is {found}")


def _head(message: dict[str, Any], node_member: str) -> dict[str, Any]:
    node = message.get(node_member)
    if node is not None and not isinstance(node, str):
        raise _wrong(message, node_member)
    seq = message.get("seq")
    if seq is not None and (type(seq) is not int or not 0 <= seq < 1 << 62):
        raise _wrong(message, "seq")
    namespace = message.get("namespace")
    if namespace is None:
        namespace = "/"
    if not isinstance(namespace, str):
        raise _wrong(message, "namespace")
    return {"node": node, "seq": seq, "namespace": namespace}


def _text(message: dict[str, Any], member: str) -> str:
    value = message.get(member)
    if not isinstance(value, str) or not value:
        raise _wrong(message, member)
    return value


def _number(message: dict[str, Any], member: str) -> int:
    value = message.get(member)
    if type(value) is not int:
        raise _wrong(message, member)
    return value


def _room(message: dict[str, Any], member: str) -> str | int:
    value = message.get(member)
    if not isinstance(value, str | int):
        raise _wrong(message, member)
    return value


def _rooms(message: dict[str, Any], member: str) -> Room:
    value = message.get(member)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return value
    raise _wrong(message, member)


def _sids(message: dict[str, Any], member: str) -> list[str]:
    value = message.get(member)
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(each, str | None) for each in value):
        return [each for each in value if each is not None]
    raise _wrong(message, member)


def _callback(value: Any) -> tuple[Any, str, int]:
    if (
        not isinstance(value, list)
        or len(value) != 3
        or not isinstance(value[1], str)
        or type(value[2]) is not int
    ):
        raise BusMessageError("bad emit message", f"callback is {value!r}"[:100])
    return value[0], value[1], value[2]


def _event_args(message: dict[str, Any]) -> list[Any]:
    args = _args(message, "data")
    return [] if args == [None] and message.get("null") is not True else args


def _args(message: dict[str, Any], member: str) -> list[Any]:
    if member not in message:
        raise _wrong(message, member)
    packed = message[member]
    if not message.get("binary"):
        return packed if isinstance(packed, list) else [packed]
    if not isinstance(packed, list) or not packed or not isinstance(packed[0], list):
        raise _wrong(message, member)
    try:
        attachments = [base64.b64decode(each, validate=True) for each in packed[1:]]
        args: list[Any] = reconstruct_binary(packed[0], attachments)
    except (binascii.Error, TypeError, ValueError, RecursionError) as error:
        # ValueError also stands for a wrong placeholder and for text that is not ASCII.
        raise BusMessageError(f"bad binary in {message['method']} message", str(error)) from error
    return args
