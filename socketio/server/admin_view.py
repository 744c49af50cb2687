"""What the Admin UI shows of a server, in the words of its protocol.

It describes clients, requests and counters, and knows nothing of how they are sent.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .._core.logs import log_id

SECRET_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Headers whose values are not shown: whoever has them can act as the user."""

MAX_DEPTH = 6
"""How deep values are shown; they come from clients and from applications."""


def now() -> str:
    """Return the time as JavaScript writes a date in JSON."""
    return written(time.time())


def written(seconds: float) -> str:
    """Return seconds since 1970 as JavaScript writes a date in JSON."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def shown(value: Any, depth: int = 0) -> Any:
    """Return a value that every serializer can send: bytes and objects become descriptions."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth < MAX_DEPTH:
        if isinstance(value, dict):
            return {str(key): shown(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [shown(item, depth + 1) for item in value]
    return f"<{type(value).__name__}>"


def room_name(room: Any) -> str:
    """Return what a room is called in the Admin UI, which knows strings only."""
    return room if isinstance(room, str) else str(shown(room))


def client_description(
    sid: str,
    namespace: str,
    eio_sid: str,
    transport: str,
    environ: dict[str, Any],
    rooms: list[Any],
    data: Any,
    since: float,
) -> dict[str, Any]:
    """Return a client as the Admin UI's `all_sockets` and `socket_connected` have it.

    Args:
        sid: The client.
        namespace: Its namespace.
        eio_sid: Its engine session.
        transport: The transport that carries it.
        environ: The request with which it connected.
        rooms: Its rooms.
        data: The application's data of it.
        since: When it connected, in seconds since 1970.
    """
    return {
        "id": sid,
        "clientId": log_id(eio_sid),
        "transport": transport,
        "nsp": namespace,
        "data": shown(data),
        "handshake": _handshake(environ, since),
        "rooms": [room_name(room) for room in rooms],
    }


def _handshake(environ: dict[str, Any], since: float) -> dict[str, Any]:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    # The engine's session id is what a stranger could take the connection over with.
    query = {
        name: value
        for name, value in parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
        if name != "sid"
    }
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return {
        "address": headers.get("x-forwarded-for") or str(environ.get("REMOTE_ADDR", "")),
        "headers": {
            name: "(not shown)" if name in SECRET_HEADERS else value
            for name, value in headers.items()
        },
        "query": query,
        "secure": environ.get("wsgi.url_scheme") in ("https", "wss"),
        "url": f"{path}?{urlencode(query)}" if query else path,
        "issued": round(since * 1000),
        "time": written(since),
        "xdomain": "origin" in headers,
    }


class TrafficCounts:
    """How often something happened in each second, until it is asked for. Safe from any thread."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str, str | None], int] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, sub_kind: str | None = None, count: int = 1) -> None:
        """Count something.

        Args:
            kind: `rawConnection`, `rawDisconnection`, `packetsIn`, `packetsOut`, `bytesIn` or
                `bytesOut`.
            sub_kind: Such as the reason of a disconnection.
            count: How much to add.
        """
        key = (int(time.time()) * 1000, kind, sub_kind)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + count

    def take(self) -> list[dict[str, Any]]:
        """Return the counts as `aggregatedEvents` has them, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return [
            {
                "timestamp": timestamp,
                "type": kind,
                "count": count,
                **({} if sub_kind is None else {"subType": sub_kind}),
            }
            for (timestamp, kind, sub_kind), count in counts.items()
        ]
