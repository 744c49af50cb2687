"""Sessions that are driven by calls instead of a connection, as Flask-SocketIO's test client does.

Flask-SocketIO knows them under the names that python-socketio has for its insides. The server gets
a session like any other, with a transport that calls back. Sessions of real connections never come
here, so none of this is on their way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from ..abc.transport import Transport
from ..engine.session import Session
from ..exceptions import ProtocolError
from ..protocol.engine import MESSAGE, EnginePacket
from ..protocol.packets import Packet, encode_messages
from .base_server import BaseServer

_failures: Final[ContextVar[list[BaseException] | None]] = ContextVar(
    "socketio_direct_failures", default=None
)
"""What handlers have raised since the caller has handed a message over; None: it has not.

It belongs to the call and not to a session: the handler of one client ends another client, whose
disconnect handler fails, or no message is handed over at all.
"""


class DirectTransport(Transport):
    """Hands packets to the function that was assigned to `Server._send_eio_packet`.

    Args:
        server: The server to which it may be assigned, now or later.
        session: The session that it carries.
    """

    name = "direct"

    def __init__(self, server: BaseServer, session: Session) -> None:
        self.session = session
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
        session = self.find_session(eio_sid)
        if session is None:
            session = self.eio.create_session(DirectTransport.name, environ)
            session.sid = eio_sid
            session.transport = DirectTransport(self, session)
            self._begin(session)
            session.client.start = session.client.start_reserved = _call
            self.eio.sessions[eio_sid] = session
        session.environ = environ

    def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        """Take one message of a session.

        Raises:
            KeyError: There is no such session.
            Exception: What a handler has raised meanwhile; a test is to fail of it.
        """
        session = self.eio.session_of(eio_sid)
        failures: list[BaseException] = []
        outer = _failures.set(failures)
        try:
            self.message(session, data)
        except ProtocolError as error:
            session.fail(error)
        finally:
            _failures.reset(outer)
        if failures:
            raise failures[0]

    def _handler_failed(
        self, session: Session, error: BaseException, message: str, *args: object
    ) -> None:
        """Keep the exception of a handler for whoever has handed over what made it run."""
        failures = _failures.get()
        # By its name: the transport itself has been let go when a disconnect handler runs.
        if failures is None or session.transport_name != DirectTransport.name:
            super()._handler_failed(session, error, message, *args)
        else:
            failures.append(error)

    def _send_packet(self, eio_sid: str, pkt: Packet) -> None:
        """Send a packet to a session; it is dropped if there is none."""
        for message in encode_messages(pkt):
            self._send_eio_packet(eio_sid, EnginePacket(MESSAGE, message))

    def _send_eio_packet(self, eio_sid: str, eio_pkt: EnginePacket) -> None:
        """Send an engine packet to a session; it is dropped if there is none."""
        session = self.eio.sessions.get(eio_sid)
        if session is not None:
            session.send(eio_pkt)


def _call(function: Callable[..., Any], *args: Any) -> None:
    """Run a handler in the caller's thread."""
    function(*args)
