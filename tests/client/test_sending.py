"""What several threads send at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from socketio.engine.client import EngineClient, _Connection
from socketio.protocol.engine_client import Handshake


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
    client._connection = connection = _Connection(handshake, "websocket")
    client.state = "connected"
    other = threading.Thread(target=client.send, args=("2[]",))
    client.send_all(Parts(other))
    other.join(10)
    sent = [connection.outbox.next() for _ in range(3)]
    assert [packet and packet.data for packet in sent] == ["51-[]", b"attachment", "2[]"]
