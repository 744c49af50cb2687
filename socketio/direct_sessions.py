"""Sessions that are driven by calls instead of a connection, as Flask-SocketIO's test client does.

Called by Flask-SocketIO under the names that python-socketio has for its insides; it knows the
server, to which it gives a session like any other with a transport that calls back. Sessions of
real connections never come here, so none of this is on their way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .abc.transport import Transport
from .base_server import BaseServer
from .engine.session import Session
from .exceptions import ProtocolError
from .protocol.engine import MESSAGE
from .protocol.engine import Packet as EnginePacket
from .protocol.packets import Packet, encode_messages


class DirectTransport(Transport):
    """Hands packets to the function that was assigned to `Server._send_eio_packet`.

    Args:
        server: The server to which it may be assigned, now or later.
        session: The session that it carries.
    """

    name = "direct"

    def __init__(self, server: BaseServer, session: Session) -> None:
        self.session = session
        self.failures: list[BaseException] = []
        """What handlers have raised since a message was handed over."""
        self._assigned = vars(server)

    def send(self, packet: EnginePacket) -> None:
        """Hand a packet over at once; it is dropped while nothing is assigned."""
        take: Callable[[str, EnginePacket], Any] | None = self._assigned.get("_send_eio_packet")
        if take is not None:
            take(self.session.sid, packet)

    def close(self) -> None:
        """Let go of the session: there is no connection."""
        self.session.release()


class DirectSessions(BaseServer):
    """The members of python-socketio's server that Flask-SocketIO's test client works with."""

    def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        """Open a session, or give the one that is open another request.

        Its handlers run in the thread that hands a message over, before that returns.
        """
        session = self._sessions.get(eio_sid)
        if session is None:
            session = self.eio.create_session(DirectTransport.name, environ)
            session.sid = eio_sid
            session.transport = DirectTransport(self, session)
            self._begin(session)
            session.client.start = _call
        session.environ = self.environ[eio_sid] = environ

    def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        """Take one message of a session.

        Raises:
            KeyError: There is no such session.
            Exception: What the message's handler has raised; a test is to fail of it.
        """
        session = self._sessions[eio_sid]
        try:
            self.message(session, data)
        except ProtocolError as error:
            session.fail(error)
        failures = _failures(session)
        if failures:
            first = failures[0]
            failures.clear()
            raise first

    def _handler_failed(
        self, session: Session, error: BaseException, message: str, *args: object
    ) -> None:
        """Keep the exception of a handler for whoever has handed its message over."""
        failures = _failures(session)
        if failures is None:
            super()._handler_failed(session, error, message, *args)
        else:
            failures.append(error)

    def _send_packet(self, eio_sid: str, pkt: Packet) -> None:
        """Send a packet to a session; it is dropped if there is none."""
        for message in encode_messages(pkt):
            self._send_eio_packet(eio_sid, EnginePacket(MESSAGE, message))

    def _send_eio_packet(self, eio_sid: str, eio_pkt: EnginePacket) -> None:
        """Send an engine packet to a session; it is dropped if there is none."""
        session = self._sessions.get(eio_sid)
        if session is not None:
            session.send(eio_pkt)


def _failures(session: Session) -> list[BaseException] | None:
    """Return where the failures of a session go; None: it is one of a real connection."""
    transport = session.transport
    return transport.failures if isinstance(transport, DirectTransport) else None


def _call(function: Callable[..., Any], *args: Any) -> None:
    """Run a handler in the caller's thread."""
    function(*args)
