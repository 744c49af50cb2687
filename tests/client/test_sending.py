"""What several threads send at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from socketio._sync.engine_client import EngineClient, _Connection
from socketio.client.requests_link import Link
from socketio.protocol.engine_client import Address, Handshake


class Parts(list[str | bytes]):
    """A packet and its attachment, between which another thread sends something."""

    def __init__(self, sender: threading.Thread) -> None:
        super().__init__(["51-[]", b"attachment"])
        self._sender = sender

    def __iter__(self) -> Iterator[str | bytes]:
        for part in super().__iter__():
            yield part
            if not self._sender.ident:
                self._sender.start()
                self._sender.join(0.2)  # as long as it would take where nothing prevents it


def test_nothing_comes_between_a_packet_and_its_attachments() -> None:
    handshake = Handshake(sid="1", upgrades=(), ping_interval=25, ping_timeout=20, max_payload=None)
    client = EngineClient(logger=logging.getLogger("test"))
    address = Address.of("http://localhost", "socket.io", {})
    link = Link(None, None, True, {}, 5)
    client._connection = connection = _Connection(handshake, link, address)
    client.state = "connected"
    other = threading.Thread(target=client.send, args=("2[]",))
    client.send_all(Parts(other))
    other.join(10)
    sent = [connection.outbox.next() for _ in range(3)]
    data = [packet and packet.data for packet in sent]
    assert sorted(map(str, data)) == sorted(["51-[]", "b'attachment'", "2[]"])
    assert data.index(b"attachment") == data.index("51-[]") + 1
