# Generated from socketio/_async/engine_client.py by tools/unasync.py, do not edit.
"""One client's connection to an Engine.IO server: handshake, upgrade, order, and its end.

It is a client of python-engineio to applications, with the connection itself rewritten: messages
arrive in order and without a task each, a payload may hold any number of packets, a POST keeps to
the server's `maxPayload`, a failed upgrade falls back to polling, what was sent before a
disconnect is flushed, and a failed connection says why.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._core.logs import escaped
from ..client import thread_tasks as tasks
from ..client.inbox import ClientInbox
from ..client.requests_link import (
    EngineConnectionError,
    EngineioClient,
    Link,
    Websocket,
    connected_clients,
)
from ..exceptions import ProtocolError
from ..protocol.engine import (
    CLOSE,
    CLOSE_PACKET,
    MESSAGE,
    NOOP,
    PING,
    PONG,
    PROBE,
    UPGRADE,
    EnginePacket,
    decode_packet,
    decode_payload,
    packet_names,
)
from ..protocol.engine_client import (
    CONNECTION_ERROR,
    FLUSH_TIMEOUT,
    MAX_REDIRECTS,
    SEND_MARK,
    Address,
    Answer,
    ClientOutbox,
    Handshake,
    choose_transports,
    open_polling,
    open_websocket,
    refusal,
)

__all__ = ["EngineClient", "EngineConnectionError"]

TURN = 64
"""How many messages are taken in a row before others have a turn."""

SPARE = tasks.at_most(0)
"""How many packets of others who sends a single one writes along; None: all."""


class _Connection:
    """One session with a server, from its handshake to its end."""

    def __init__(self, handshake: Handshake, link: Link, address: Address) -> None:
        self.handshake = handshake
        self.link = link
        self.address = address
        self.transport = "polling"
        self.outbox = ClientOutbox(handshake.max_payload)
        self.websocket: Websocket | None = None
        self.ready = False
        """Whether the transport is settled, so that what waits may be written."""
        self.reader: tasks.Task | None = None
        self.writer: tasks.Task | None = None
        self.turn = tasks.Turn()
        self.room = tasks.Crowd()
        """Those who wait until the server has taken what they sent."""
        self.pause = tasks.Crowd()
        """The reader, while it waits for the application."""
        self.pinged = self.heard = time.monotonic()
        """When the server's last ping came, and when its last packet of any kind."""
        self.home = tasks.Home()
        self.silence: tasks.SilenceTimer | None = None
        self.end_reason: str | None = None
        self.closed = False
        self.ending = tasks.Turn()
        """Taken for good by whoever ends the session."""
        self.releasing = tasks.Turn()
        """Taken for good by whoever closes what it has open."""


class EngineClient(EngineioClient):
    """One client's connection to an Engine.IO server.

    Args:
        logger: Where to write; it is left as it is.
        request_timeout: Seconds for one request of the handshake, for a POST and for an upgrade.
        http_session: A session of the HTTP library, or a function that returns one, called for
            each connection. A session that was passed is not closed.
        ssl_verify: False accepts any certificate; a path to a file or folder of certificates
            trusts those.
        websocket_extra_options: Further arguments of the websocket library's connect function.
        timestamp_requests: Whether a timestamp in the query string keeps caches away.
        on_open: Called when a session is open and before anything of it is received.
        on_message: Called with each message, in order; it must not wait.
        on_close: Called once for each session that was open, with the reason.
        on_cancel: Called when a session ends because the event loop does, before it is closed.
        awaits_server: Tells whether somebody waits for an answer of the server, which is then
            read for even if handlers do not keep up.
    """

    def __init__(
        self,
        *,
        logger: logging.Logger,
        request_timeout: float = 5,
        http_session: Any = None,
        ssl_verify: bool | str | os.PathLike[str] = True,
        websocket_extra_options: Mapping[str, Any] | None = None,
        timestamp_requests: bool = True,
        on_open: Callable[[], None] | None = None,
        on_message: Callable[[str | bytes], None] | None = None,
        on_close: Callable[[str], None] | None = None,
        on_cancel: Callable[[], None] | None = None,
        awaits_server: Callable[[], bool] | None = None,
    ) -> None:
        if not isinstance(ssl_verify, bool | str | os.PathLike):
            raise TypeError(
                "ssl_verify= needs True, False, or the path of the certificates to trust, "
                f"got {ssl_verify!r}"
            )
        super().__init__(
            logger=logger,
            request_timeout=request_timeout,
            http_session=http_session,
            ssl_verify=ssl_verify,
            handle_sigint=False,
            websocket_extra_options=dict(websocket_extra_options or {}),
            timestamp_requests=timestamp_requests,
        )
        self.logger: logging.Logger
        self.http: Any
        self.state: str
        self.sid: str | None
        self.current_transport: str | None
        self._on_open = on_open
        self._on_message = on_message
        self._on_close = on_close
        self._on_cancel = on_cancel
        self._awaits_server = awaits_server
        self.inbox = ClientInbox(self._caught_up)
        """What has been received and not been dealt with, by this or an earlier connection."""
        self._connection: _Connection | None = None
        self._last: _Connection | None = None

    def connect(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        transports: str | list[str] | None = None,
        engineio_path: str = "engine.io",
    ) -> None:
        """Open a session.

        Args:
            url: The server's address, with a query string if it needs one. A redirect is
                followed, and the session stays where it leads.
            headers: Headers of every request.
            transports: `polling`, `websocket` or both, in the order of use.
            engineio_path: Where the engine is served.

        Raises:
            engineio.exceptions.ConnectionError: No session was opened; the first argument says
                why, a second one is what handlers are told instead: the server's JSON answer, or
                `CONNECTION_ERROR`.
            ValueError: A bad `url`, `headers` or `transports`, or the client is connected.
        """
        if self.state != "disconnected":
            raise ValueError("Client is not in a disconnected state")
        self.transports = choose_transports(transports)
        address = Address.of(url, engineio_path, headers or {})
        self.base_url = address.request(self.transports[0])
        self.state = "connecting"
        link = Link(
            self.http if self.external_http else None,
            self.http_factory,
            self.ssl_verify,
            self.websocket_extra_options,
            self.request_timeout,
        )
        try:
            link.open(address.url)
            self.http = link.session
            self.logger.info("Attempting %s connection to %s", self.transports[0], escaped(address))
            if self.transports[0] == "polling":
                self._connect_polling(link, address)
            else:
                self._connect_websocket(link, address)
        except BaseException:
            # Cancelled or failed: nothing of the attempt may stay open.
            self._abandon(link)
            raise

    def _abandon(self, link: Link) -> None:
        """Undo an attempt to connect."""
        connection = self._connection
        if connection is None:
            self._forget()
            tasks.finish(link.close)
        else:
            self._end(connection, self.reason.CLIENT_DISCONNECT)
            tasks.finish(self._release, connection)

    def _forget(self) -> None:
        """Be ready for another connection."""
        if not self.external_http:
            self.http = None
        self.state = "disconnected"
        self.sid = None

    def _release(self, connection: _Connection) -> None:
        """Close what a session has open; the session's handlers know of its end already."""
        if connection.home.left or not connection.releasing.take():
            return  # what is the parent's stays open
        connection.link.abort()
        try:
            if connection.websocket is not None:
                if not connection.turn.take():
                    # Who writes cannot go on, and a close frame would wait behind what they write.
                    connection.websocket.abort()
                connection.websocket.close()
        finally:
            connection.link.close()

    # -- handshake ---------------------------------------------------------------------------

    def _timestamp(self) -> str | None:
        return str(time.time()) if self.timestamp_requests else None

    def _connect_polling(self, link: Link, address: Address) -> None:
        try:
            address, handshake, packets = self._handshake(link, address)
        except ProtocolError as error:
            raise EngineConnectionError(f"Unexpected response from server: {error}") from error
        connection = _Connection(handshake, link, address)
        self._opened(connection)
        for packet in packets:
            self._receive(connection, *packet)
        if "websocket" in handshake.upgrades and "websocket" in self.transports:
            self._upgrade(connection)
        self._begin(connection)

    def _handshake(
        self, link: Link, address: Address
    ) -> tuple[Address, Handshake, list[tuple[int, str | bytes]]]:
        """Open a session by polling; return where it is, and what the server said.

        Raises:
            ProtocolError: It said no handshake.
        """
        url = address.request("polling", timestamp=self._timestamp())
        answer = self._ask(link, "GET", url, address)
        redirects = 0
        while answer.redirects:
            redirects += 1
            address = self._redirected(address, answer, redirects)
            link.follow(address.url)
            url = address.request("polling", timestamp=self._timestamp())
            answer = self._ask(link, "GET", url, address)
        if answer.status != 200:
            raise EngineConnectionError(*refusal(answer.status, answer.body))
        return address, *open_polling(answer.body)

    def _connect_websocket(self, link: Link, address: Address) -> None:
        try:
            if not link.suits_websockets(address.request("websocket"), address):
                raise ValueError(
                    "this session's kind of authentication needs an answer first, which a "
                    "websocket handshake has not: only basic authentication is supported for a "
                    "websocket: give the session's auth as (user, password) or the "
                    "'Authorization' header in headers=, or begin with polling"
                )
            url = address.request("websocket", timestamp=self._timestamp())
            websocket = link.open_websocket(url, address)
            redirects = 0
            while isinstance(websocket, Answer) and websocket.redirects:
                redirects += 1
                address = self._redirected(address, websocket, redirects)
                link.follow(address.url)
                url = address.request("websocket", timestamp=self._timestamp())
                websocket = link.open_websocket(url, address)
            if isinstance(websocket, Answer):
                raise EngineConnectionError(*refusal(websocket.status, websocket.body))
            try:
                handshake = open_websocket(websocket.receive_within(self.request_timeout))
            except BaseException:
                tasks.finish(websocket.close)
                raise
        except ProtocolError as error:
            raise EngineConnectionError(f"Unexpected response from server: {error}") from error
        except EngineConnectionError as error:
            why, *data = error.args
            raise EngineConnectionError(
                f"{CONNECTION_ERROR}: {why}", *(data or (CONNECTION_ERROR,))
            ) from error
        connection = _Connection(handshake, link, address)
        connection.transport = "websocket"
        connection.websocket = websocket
        self._opened(connection)
        self._begin(connection)

    def _redirected(self, address: Address, answer: Answer, count: int) -> Address:
        """Return where the handshake goes on after a number of redirects.

        Raises:
            ProtocolError: They go nowhere, or round and round.
        """
        if count > MAX_REDIRECTS:
            raise ProtocolError(f"the server redirects more than {MAX_REDIRECTS} times")
        address = address.follow(answer.location or "")
        self.logger.info("Redirected to %s", escaped(address))
        return address

    def _opened(self, connection: _Connection) -> None:
        handshake, transport = connection.handshake, connection.transport
        self._connection = self._last = connection
        self.base_url = connection.address.request(transport, handshake.sid)
        self.sid = handshake.sid
        self.upgrades = list(handshake.upgrades)
        self.ping_interval = handshake.ping_interval
        self.ping_timeout = handshake.ping_timeout
        self.current_transport = transport
        self.state = "connected"
        connected_clients.append(self)
        connection.silence = tasks.SilenceTimer(handshake.silence, self._silent, connection)
        self.logger.info(
            "%s connection accepted with %s", transport.capitalize(), escaped(handshake)
        )
        if self._on_open is not None:
            self._on_open()

    def _begin(self, connection: _Connection) -> None:
        """Read and write from now on."""
        if connection.websocket is not None:
            connection.websocket.limit(connection.handshake.silence, patient=True)
        connection.ready = True
        connection.reader = tasks.start(self._read, connection)
        self._flush(connection)

    def _upgrade(self, connection: _Connection) -> None:
        """Move the session to a websocket, or leave it on polling (Engine.IO 4, "Upgrade")."""
        link, address = connection.link, connection.address
        url = address.request("websocket", connection.handshake.sid, self._timestamp())
        if not link.suits_websockets(url, address):
            self.logger.info("The session's authentication keeps it on polling")
            return
        self.logger.info("Attempting WebSocket upgrade to %s", escaped(address))
        websocket = None
        try:
            opened = link.open_websocket(url, address)
            if isinstance(opened, Answer):
                raise EngineConnectionError(*refusal(opened.status, opened.body))
            websocket = opened
            websocket.send(f"{PING}{PROBE}")
            answer = websocket.receive_within(self.request_timeout)
            if answer != f"{PONG}{PROBE}":
                raise ProtocolError(f"the answer to the probe is {answer!r:.40}")
            websocket.send(str(UPGRADE))
        except (ValueError, EngineConnectionError) as error:
            # ValueError: a ProtocolError, text that is none, what a library refuses to send.
            self.logger.warning("WebSocket upgrade failed: %s", escaped(_say(error)))
        else:
            connection.websocket = websocket
            connection.transport = self.current_transport = "websocket"
            self.logger.info("WebSocket upgrade was successful")
        finally:
            if websocket is not None and connection.websocket is None:
                tasks.finish(websocket.close)

    # -- receiving ---------------------------------------------------------------------------

    def _ask(
        self, link: Link, method: str, url: str, address: Address, body: str | None = None
    ) -> Answer:
        """Make one HTTP request that is answered at once."""
        timeout = FLUSH_TIMEOUT if self.state == "disconnecting" else self.request_timeout
        try:
            return link.request(method, url, address, timeout, body)
        except EngineConnectionError as error:
            self.logger.info(
                "HTTP %s request to %s failed: %s", method, escaped(address), escaped(error)
            )
            raise

    def _request_url(self, connection: _Connection) -> str:
        return connection.address.request("polling", connection.handshake.sid, self._timestamp())

    def _read(self, connection: _Connection) -> None:
        """Read until the session ends, whoever ends it."""
        try:
            tasks.run(self._read_all, self._cancelled, connection)
        except (ValueError, EngineConnectionError) as error:
            # ValueError: a payload that is no UTF-8, or a ProtocolError.
            if not connection.closed:
                self.logger.warning("Connection lost: %s", escaped(_say(error)))
        # A read that fails while we disconnect leaves the end to whoever disconnects.
        if connection.end_reason is None:
            self._end(connection, self.reason.TRANSPORT_ERROR)
        if connection.closed:
            self._release(connection)

    def _read_all(self, connection: _Connection) -> None:
        websocket, inbox = connection.websocket, self.inbox
        count = 0
        if websocket is not None:
            while not connection.closed:
                if inbox.is_high:
                    self._pause(connection)
                message = websocket.receive()
                if isinstance(message, str):
                    self._receive(connection, *decode_packet(message))
                else:
                    self._receive(connection, MESSAGE, message)
                count += 1
                if count % TURN == 0:
                    tasks.breathe()
            return
        # After a disconnect of ours has begun there is nothing more to ask for.
        while not connection.closed and connection.end_reason is None:
            if inbox.is_high:
                self._pause(connection)
                continue
            answer = connection.link.poll(
                self._request_url(connection), connection.address, connection.handshake.silence
            )
            if answer.status != 200:
                raise EngineConnectionError(*refusal(answer.status, answer.body))
            for packet in decode_payload(answer.body.decode()):
                self._receive(connection, *packet)
                count += 1
                if count % TURN == 0:
                    tasks.breathe()

    def _pause(self, connection: _Connection) -> None:
        """Wait, without reading, until the application has caught up with what has been read.

        When a ping is due, the reader goes on until it has come: the server would take us for
        dead otherwise. While we do not read, its silence is no offence.
        """
        inbox, outbox, silence = self.inbox, connection.outbox, connection.silence
        self.logger.info("Reading pauses until the handlers have caught up")
        if silence is not None:
            silence.stop()
        try:
            while not inbox.is_low and not connection.closed:
                seconds = connection.pinged + connection.handshake.ping_interval - time.monotonic()
                if inbox.is_full:
                    seconds = connection.handshake.silence
                elif seconds <= 0:
                    return
                sent, waited = outbox.sent, connection.room.waiting
                if connection.pause.wait_until(
                    functools.partial(self._may_read, connection), seconds
                ):
                    return
                if inbox.is_full and waited and outbox.sent == sent:
                    # Handlers wait for the server to read, and nobody listens whether it lives.
                    self._lose(connection, "the server has stopped reading")
        finally:
            if silence is not None and not connection.closed:
                silence.restart()

    def _may_read(self, connection: _Connection) -> bool:
        """Tell whether a pause is over, or somebody waits for what only reading can bring."""
        inbox = self.inbox
        if inbox.is_low or connection.closed:
            return True
        return not inbox.is_full and (
            connection.room.waiting or (self._awaits_server is not None and self._awaits_server())
        )

    def _caught_up(self) -> None:
        """Let the reader go on if it waits for what has been dealt with now."""
        connection = self._connection
        if connection is not None and connection.pause.waiting and self.inbox.is_low:
            connection.pause.wake()

    def _cancelled(self, connection: _Connection) -> None:
        """Take our leave when the event loop ends, unless the session has ended before."""
        if connection.home.left:
            connection.closed = True  # a child's loop ends, and nothing of this is the child's
            return
        if not connection.closed and self._on_cancel is not None:
            self._on_cancel()
        if not connection.closed:
            self._say_goodbye(connection)
            self._end(connection, self.reason.CLIENT_DISCONNECT)

    def _receive(self, connection: _Connection, packet_type: int, data: str | bytes) -> None:
        if connection.closed:
            return
        connection.heard = time.monotonic()
        if self.logger.isEnabledFor(logging.INFO):
            self.logger.info(
                "Received packet %s data %s",
                packet_names[packet_type],
                escaped(data) if isinstance(data, str) else "<binary>",
            )
        if packet_type == MESSAGE:
            if self._on_message is not None:
                self._on_message(data)
        elif packet_type == PING:
            assert isinstance(data, str)
            connection.pinged = connection.heard
            if connection.silence is not None:
                connection.silence.restart()
            connection.outbox.add(EnginePacket(PONG, data))
            if connection.ready:
                # Whoever reads must not wait until the server does.
                tasks.start(self._flush, connection)
        elif packet_type == CLOSE:
            self._end(connection, self.reason.SERVER_DISCONNECT)
        elif packet_type != NOOP:
            raise ProtocolError(f"unexpected {packet_names[packet_type]} packet from the server")

    # -- sending -----------------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """Send one message; it is dropped if there is no session."""
        self.send_all((data,))

    def send_all(self, messages: Sequence[str | bytes], wait: bool = True) -> bool:
        """Send messages with nothing between them; they are dropped if there is no session.

        Args:
            messages: The messages.
            wait: Whether to wait while more than `SEND_MARK` bytes have not left, until half of
                these have.

        Returns:
            False if the session has ended, and they have not left.

        Raises:
            RuntimeError: The connection belongs to another process or event loop.
        """
        connection = self._connection
        if connection is None or connection.closed or self.state != "connected":
            return False
        connection.home.check()
        if self.logger.isEnabledFor(logging.INFO):
            for message in messages:
                shown = escaped(message) if isinstance(message, str) else "<binary>"
                self.logger.info("Sending packet MESSAGE data %s", shown)
        outbox, websocket = connection.outbox, connection.websocket
        if len(messages) == 1:
            packet = EnginePacket(MESSAGE, messages[0])
            cost = packet.cost
            if (
                websocket is not None
                and connection.ready
                and not outbox.packets
                and websocket.takes(cost, wait)
                and connection.turn.take()
            ):
                end = outbox.passed + 1
                outbox.passing_cost = cost
                tasks.begin(self._write, connection, SPARE, packet)
                if outbox.packets and self._take_turn(connection):  # others have added them
                    connection.writer = tasks.start(self._write_behind, connection)
                if connection.pause.waiting:
                    connection.pause.wake()  # somebody may wait for an answer now
                if outbox.passed >= end:
                    return True
                if wait and outbox.size > SEND_MARK:
                    self._wait_for_room(connection)
                return not connection.closed or outbox.passed >= end
            packets = [packet]
        else:
            packets = [EnginePacket(MESSAGE, message) for message in messages]
        end = outbox.add_all(packets)
        self._flush(connection, wait)
        if connection.pause.waiting:
            connection.pause.wake()  # somebody may wait for an answer now
        if wait and outbox.size > SEND_MARK:
            self._wait_for_room(connection)
        return not connection.closed or outbox.left >= end

    def _wait_for_room(self, connection: _Connection) -> None:
        """Wait until the server has taken enough of what was sent, or the session has ended."""
        outbox = connection.outbox
        connection.room.wait_until(lambda: outbox.size <= SEND_MARK // 2 or connection.closed)

    def check_home(self) -> None:
        """Refuse to end what belongs to another event loop; a child process lets go of it.

        Raises:
            RuntimeError: The connection is another event loop's.
        """
        connection = self._connection
        if connection is not None and not connection.home.left:
            connection.home.check()

    def _flush(self, connection: _Connection, may_wait: bool = False) -> None:
        """Write what waits, unless somebody is writing: they take ours along.

        Args:
            connection: The session.
            may_wait: Whether the caller may be made to wait a little for the server to read.
        """
        if not self._take_turn(connection):
            return
        outbox, websocket = connection.outbox, connection.websocket
        if websocket is None or not websocket.takes(outbox.size, may_wait):
            # A POST lasts a round trip, and what is emitted meanwhile shares the next one.
            connection.writer = tasks.start(self._write_behind, connection)
            return
        tasks.begin(self._write, connection, tasks.at_most(len(outbox)))
        if len(outbox) and self._take_turn(connection):  # what others have added meanwhile
            connection.writer = tasks.start(self._write_behind, connection)

    def _take_turn(self, connection: _Connection) -> bool:
        """Take the turn to write, if there is something and nobody has it."""
        # What is emitted while still connecting goes out at the end of it.
        return (
            connection.ready
            and len(connection.outbox) > 0
            and not connection.closed
            and connection.turn.take()
        )

    def _write_behind(self, connection: _Connection) -> None:
        self._write(connection)
        while self._take_turn(connection):
            self._write(connection)

    def _write(
        self,
        connection: _Connection,
        count: int | None = None,
        passing: EnginePacket | None = None,
    ) -> None:
        """Write what waits, and give the turn back.

        Args:
            connection: The session.
            count: How many packets at most; None: all of them.
            passing: One to write before them on the websocket, which has not waited.
        """
        try:
            if passing is not None and connection.websocket is not None:
                try:
                    connection.websocket.send(passing.websocket)
                finally:
                    connection.outbox.passing_cost = 0
                connection.outbox.passed += 1
                if connection.room.waiting and connection.outbox.size <= SEND_MARK // 2:
                    connection.room.wake()
            if passing is None or connection.outbox.packets:
                self._write_all(connection, count)
        except EngineConnectionError as error:
            connection.turn.give()
            self._lose(connection, _say(error))
        except BaseException as error:
            connection.turn.give()
            if not isinstance(error, tasks.Cancelled):
                # Interrupted in the middle: what others have sent still waits.
                tasks.start(self._flush, connection)
            raise
        else:
            connection.turn.give()

    def _write_all(self, connection: _Connection, count: int | None) -> None:
        outbox, websocket, room = connection.outbox, connection.websocket, connection.room
        if websocket is not None:
            while count != 0 and (packet := outbox.next()) is not None:
                websocket.send(packet.websocket)
                outbox.has_left()
                if room.waiting and outbox.size <= SEND_MARK // 2:
                    room.wake()
                if count is not None:
                    count -= 1
            return
        while len(outbox) and not connection.closed:
            answer = self._ask(
                connection.link,
                "POST",
                self._request_url(connection),
                connection.address,
                outbox.next_payload(),
            )
            if answer.status != 200:
                raise EngineConnectionError(*refusal(answer.status, answer.body))
            outbox.has_left()
            if room.waiting and outbox.size <= SEND_MARK // 2:
                room.wake()

    # -- the end -----------------------------------------------------------------------------

    def disconnect(self, abort: bool = False, reason: str | None = None) -> None:
        """End the session, after what was sent before has left.

        Args:
            abort: Do not wait for that.
            reason: What the disconnect handlers are told; `client disconnect` if not given.
        """
        connection = self._connection
        if connection is None or connection.closed:
            return
        if connection.home.left:
            self._connection = None
            self._forget()
            return
        connection.end_reason = reason or self.reason.CLIENT_DISCONNECT
        if self.state == "connected" and not abort:
            self.state = "disconnecting"
            self._say_goodbye(connection)
        self._end(connection, connection.end_reason)
        if connection.websocket is None:
            connection.link.abort()  # a poll that the server need not answer any more
        elif abort:
            connection.websocket.abort()
        if (
            connection.reader is not None
            and not tasks.stop(connection.reader, FLUSH_TIMEOUT)
            and connection.websocket is not None
        ):
            connection.websocket.abort()  # the server does not take its leave
        self._release(connection)

    def _say_goodbye(self, connection: _Connection) -> None:
        """Tell the server that the session ends, and wait a moment until that has left."""
        connection.outbox.add(CLOSE_PACKET)
        if not tasks.within(FLUSH_TIMEOUT, self._drain, connection):
            self.logger.info("The last packets did not leave within %s s", FLUSH_TIMEOUT)

    def _drain(self, connection: _Connection) -> None:
        """Wait until everything has been written."""
        if not connection.ready or not connection.turn.wait(FLUSH_TIMEOUT):
            return
        if connection.websocket is not None:
            connection.websocket.limit(FLUSH_TIMEOUT)
        self._write(connection)
        if connection.websocket is not None and not connection.closed:
            try:
                connection.websocket.leave()
            except EngineConnectionError as error:
                self._lose(connection, _say(error))

    def wait(self) -> None:
        """Wait until the last session has ended and what it had open is closed."""
        if self._last is not None:
            self.join(self._last.reader)
            self.join(self._last.writer)

    def join(self, task: Any, timeout: float | None = None) -> None:
        """Wait until a task has ended, unless it is the one that calls.

        Args:
            task: The task.
            timeout: Seconds to wait at most.
        """
        tasks.join(task, timeout)

    def _lose(self, connection: _Connection, why: str) -> None:
        """End a session whose transport has failed, whoever waits for it."""
        if not connection.closed:
            self.logger.warning("Connection lost: %s", escaped(why))
            self._end(connection, self.reason.TRANSPORT_ERROR)
        if connection.websocket is not None:
            connection.websocket.abort()
        connection.link.abort()
        tasks.interrupt(connection.reader)

    def _silent(self, connection: _Connection) -> None:
        """Give a server up that has not been heard for too long.

        A ping may be late because much comes before it.
        """
        left = connection.heard + connection.handshake.silence - time.monotonic()
        if left > 0 and connection.silence is not None:
            connection.silence.restart(left)
            return
        self._lose(connection, "the server has stopped communicating")

    def _end(self, connection: _Connection, reason: str) -> None:
        """Mark a session as ended and tell so, once.

        The reason of a disconnect that has begun goes before the one it brings about.
        """
        if not connection.ending.take():
            return
        connection.closed = True
        if connection.silence is not None:
            connection.silence.stop()
        if self._connection is connection:
            self._connection = None
            # A reconnection opens its own, while this one is still being closed.
            self._forget()
        if self in connected_clients:
            connected_clients.remove(self)
        connection.room.wake()
        connection.pause.wake()
        if self._on_close is not None:
            self._on_close(connection.end_reason or reason)


def _say(error: Exception) -> str:
    """Return an error's text, without the server's answer that may come with it."""
    return str(error.args[0]) if error.args else str(error)
