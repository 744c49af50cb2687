"""What stands in the place of connections that are gone, so that late calls find something."""

from __future__ import annotations

from typing import Any

from ..abc.http import Headers, Response
from ..abc.transport import Receiver, Transport, WebSocket
from ..protocol.engine import EnginePacket


class EndedTransport(Transport):
    """What an ended session has instead of its transport."""

    name = "none"

    def send(self, packet: EnginePacket) -> None:
        """Drop a packet that was on its way when the session ended."""

    def close(self) -> None:
        """Do nothing: it is closed."""


class EndedWebSocket(WebSocket):
    """What a transport has instead of a websocket that has been served to its end."""

    __slots__ = ()

    def accept(self, headers: Headers) -> Any:
        """Raise, because there is no client."""
        raise ConnectionResetError("the websocket is closed")

    def refuse(self, response: Response) -> Any:
        """Do nothing: it is closed."""

    def write(self, packet: EnginePacket) -> Any:
        """Raise, because there is no client."""
        raise ConnectionResetError("the websocket is closed")

    def serve(self, transport: Receiver) -> Any:
        """Do nothing: it is closed."""

    def close(self, code: int = 1000, reason: str = "") -> Any:
        """Do nothing: it is closed."""

    def abort(self) -> bool:
        """Do nothing: it is closed."""
        return True


ENDED_TRANSPORT = EndedTransport()
ENDED_WEBSOCKET = EndedWebSocket()
