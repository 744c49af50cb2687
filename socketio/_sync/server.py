# Generated from socketio/_async/server.py by tools/unasync.py, do not edit.
"""The Socket.IO server."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from .._core.failures import failed
from .._core.forms import Form
from .._core.logs import escaped
from .._core.pending_call import PendingCall
from ..abc.runtime import Pending
from ..engine.config import EngineConfig
from ..engine.session import Reason, Session
from ..exceptions import ConnectionError, ConnectionRefusedError, TimeoutError
from ..protocol.packets import ACK, DISCONNECT, RESERVED_EVENTS, arguments_of
from ..runtimes.synchronous import running_loop, settled, wait_in_loop
from ..server.base_manager import BaseManager
from ..server.base_server import LIFE_CYCLE, check_outgoing_event
from ..server.connecting import InsideConnectHandler, carried
from ..server.membership import CONNECTED, LEAVING, PENDING, Membership
from ..server.synchronous import FlavouredServer, ended, in_own_loop
from .engine import Engine
from .flow import Flow
from .life_cycle import call_in_form
from .manager import Manager
from .namespace import Namespace

if TYPE_CHECKING:
    from .admin import InstrumentedServer


class Server(FlavouredServer):
    """A Socket.IO server (protocol 5), mounted into an application by `attach` or a wrapper.

    Args:
        client_manager: A manager, or the URL of one such as `redis://…`, that connects this
            server with those of other processes; None keeps everything in memory.
        logger: True to log what clients, events and rooms do, a logger of your own, which does so
            if its level is INFO by now, or False for errors only.
        serializer: `'default'`, `'msgpack'` or a subclass of `socketio.packet.Packet`.
        json: An object with `dumps` and `loads` for this server's packets; None for the fastest
            one that is installed.
        async_handlers: Whether handlers of one client may overlap; they start in the order of
            its events in any case. False runs them one after another.
        always_connect: Whether clients are connected before the connect handler has run.
        namespaces: Names that clients may connect to besides those that have handlers, or `'*'`
            for any; None means `['/']`.
        plugins: Plugin modules to use without their being installed.
        engineio_logger: Like `logger`, for the transport below.
        **kwargs: Options of the engine; see `socketio.engine.config.EngineConfig`.

    Raises:
        TypeError: An argument that does not exist, or a value of a wrong type.
        ValueError: A value out of range.
        PluginError: The async mode, serializer or manager needs a plugin; the message names it.
    """

    manager: Manager
    eio: Engine

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._flow = Flow(self)

    def _create_engine(self, config: EngineConfig, logger: logging.Logger) -> Engine:
        return Engine(config, self.registry, logger)

    def _local_emit(self) -> Callable[..., None] | None:
        if type(self.manager).emit is Manager.emit:
            return self.manager.emit_here
        return None

    def _has_own_dispatch(self) -> bool:
        return type(self)._trigger_event is not _trigger_event

    def _default_manager(self) -> BaseManager:
        return Manager()

    def register_namespace(self, namespace_handler: Namespace) -> None:
        """Register a class-based namespace.

        Args:
            namespace_handler: The instance; it serves all clients of its namespace.

        Raises:
            ValueError: It is no namespace, or one of the other flavour.
        """
        self._register_namespace(namespace_handler, Namespace, "Namespace")

    # -- sending --------------------------------------------------------------------------

    def emit(
        self,
        event: str,
        data: Any = None,
        to: Any = None,
        room: Any = None,
        skip_sid: Any = None,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        ignore_queue: bool = False,
        wait: bool = False,
    ) -> None:
        """Send an event to clients.

        In a handler of the client that it goes to, this waits while more than `outbox_high_water`
        bytes wait for that client. It waits for nobody else, but gives the connections a turn, of
        10 ms at most, when so much waits for one of the clients.

        Args:
            event: The event's name.
            data: str, bytes, number, bool, None, list or dict; a tuple for several arguments,
                None for none.
            to: A client, a room or a list of these; an empty list or string is nobody, None is
                everyone in the namespace. In a connect handler its own client is one of them: it
                gets the event once it is accepted.
            room: Another name of `to`.
            skip_sid: A client, or an iterable of clients, to leave out.
            namespace: The namespace; None means `/`.
            callback: Called with the values of the ack, once for each client that answers.
            ignore_queue: Reach only clients of this process, without the message queue.
            wait: Wait for each client of this process that it goes to, as long as more than
                `outbox_high_water` bytes wait for it: for bulk that is sent in the background.

        Raises:
            ValueError: A reserved event name, or NaN in the data.
            TypeError: The data holds a value that cannot be sent.
        """
        if type(event) is not str or event in RESERVED_EVENTS:
            check_outgoing_event(event)
        loop = self.eio.loop
        if loop is not running_loop() and loop is not None and loop.is_running():
            # Another thread's loop must not touch the clients of this one.
            emitting = self.emit(
                event, data, to, room, skip_sid, namespace, callback, ignore_queue, wait
            )
            wait_in_loop(loop, emitting)
            return
        if self._logs_events:
            self._log_emit(event, room if to is None else to, namespace)
        namespace = namespace or "/"
        room = room if to is None else to
        pressed = self.pressed
        if pressed:
            self._flow.before(namespace, room, skip_sid, callback, wait)
        if self._emit_here is not None:
            # A manager that knows no other process has nothing to wait for.
            self._emit_here(event, data, namespace, room, skip_sid, callback)
        else:
            self.manager.emit(
                event,
                data,
                namespace,
                room=room,
                skip_sid=skip_sid,
                callback=callback,
                ignore_queue=ignore_queue,
            )
        if pressed:
            self._flow.after(namespace, room, skip_sid, callback, wait)

    def send(
        self,
        data: Any,
        to: Any = None,
        room: Any = None,
        skip_sid: Any = None,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        ignore_queue: bool = False,
        wait: bool = False,
    ) -> None:
        """Send the event `message`; see `emit`."""
        self.emit(
            "message",
            data=data,
            to=to,
            room=room,
            skip_sid=skip_sid,
            namespace=namespace,
            callback=callback,
            ignore_queue=ignore_queue,
            wait=wait,
        )

    @in_own_loop
    def flushed(self, sid: str, namespace: str | None = None, timeout: float | None = None) -> bool:
        """Wait until the connection of a client has taken all that was sent to it.

        What the connection has taken is on its way: in the buffers of the web server, of the
        system and of the network. That the client has got an event only its ack tells.

        Args:
            sid: The client, which is connected to this process.
            namespace: Its namespace; None means `/`.
            timeout: Seconds to wait; None waits as long as the client is there: one that takes
                nothing is closed after `stall_timeout`.

        Returns:
            False if the client is gone, and with it what waited.

        Raises:
            TimeoutError: Something still waits.
        """
        member = self.manager.table.member(namespace or "/", sid)
        return member is not None and self._flow.flushed(member.session, timeout)

    @in_own_loop
    def call(
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float | None = 60,
        ignore_queue: bool = False,
    ) -> Any:
        """Send an event to one client and wait for its ack.

        Args:
            event: The event's name.
            data: Its arguments; see `emit`.
            to: The client.
            sid: Another name of `to`.
            namespace: Its namespace; None means `/`.
            timeout: Seconds to wait; None waits for ever.
            ignore_queue: Reach only clients of this process, without the message queue.

        Returns:
            The value that the client answered; None for no value, a tuple for several.

        Raises:
            TimeoutError: No answer in time, or the client is gone.
            ValueError: No client is given: an event for everyone has no one answer.
            RuntimeError: `async_handlers=False`: the answer could not be received meanwhile.
        """
        target = to or sid
        if target is None:
            raise ValueError("Cannot use call() to broadcast.")
        if not self.async_handlers:
            raise RuntimeError("Cannot use call() when async_handlers is False.")
        acknowledged = PendingCall(self.runtime.create_waiter())
        try:
            self.emit(
                event,
                data=data,
                to=target,
                namespace=namespace,
                callback=acknowledged,
                ignore_queue=ignore_queue,
            )
            try:
                with self._reading_on(target, namespace):
                    answer = acknowledged.waiter.wait(timeout)
            except builtins.TimeoutError as error:
                raise TimeoutError(str(error) or f"no answer to {event!r} in {timeout} s") from None
        except BaseException:
            # Nobody waits any more, and not every client ever answers.
            self.manager.forget_callback(acknowledged, namespace or "/", target)
            raise
        return None if not answer else answer[0] if len(answer) == 1 else answer

    def _reading_on(self, sid: str, namespace: str | None) -> AbstractContextManager[None]:
        """Return what `with` takes around a wait for a client's answer: it is read in any case."""
        member = self.manager.table.member(namespace or "/", sid)
        return nullcontext() if member is None else member.session.awaiting()

    # -- rooms ----------------------------------------------------------------------------

    @in_own_loop
    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room.

        Args:
            sid: The client.
            room: The room, which need not exist.
            namespace: Their namespace; None means `/`.

        Raises:
            ValueError: The client is not connected, or the room is another client's own.
        """
        if self._logs_events:
            self.logger.info(
                "%s enters room %r [%s]", escaped(sid), room, escaped(namespace or "/")
            )
        self.manager.enter_room(sid, namespace or "/", room)

    @in_own_loop
    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room; harmless when it is not in it.

        Args:
            sid: The client.
            room: The room.
            namespace: Their namespace; None means `/`.
        """
        if self._logs_events:
            self.logger.info(
                "%s leaves room %r [%s]", escaped(sid), room, escaped(namespace or "/")
            )
        self.manager.leave_room(sid, namespace or "/", room)

    @in_own_loop
    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take every client out of a room.

        Args:
            room: The room.
            namespace: Its namespace; None means `/`.

        Raises:
            ValueError: The room is a client's own.
        """
        if self._logs_events:
            self.logger.info("Room %r is closed [%s]", room, escaped(namespace or "/"))
        self.manager.close_room(room, namespace or "/")

    # -- sessions -------------------------------------------------------------------------

    @in_own_loop
    def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """Return the application's data of a client, a dict that may be changed in place.

        Args:
            sid: The client.
            namespace: Its namespace; None means `/`.

        Raises:
            KeyError: The client is not connected to this process.
        """
        member = self._member(sid, namespace)
        if member.storage is None:
            member.storage = {}
        return member.storage

    @in_own_loop
    def save_session(self, sid: str, session: dict[str, Any], namespace: str | None = None) -> None:
        """Replace the application's data of a client.

        Args:
            sid: The client.
            session: The data; it lives as long as the connection.
            namespace: The client's namespace; None means `/`.

        Raises:
            KeyError: The client is not connected to this process.
        """
        self._member(sid, namespace).storage = session

    @contextmanager
    def session(self, sid: str, namespace: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the application's data of a client, and save it at the end of the block.

        There is nothing to save, and no error, when the client has left meanwhile.

        Args:
            sid: The client.
            namespace: Its namespace; None means `/`.

        Raises:
            KeyError: The client is not connected to this process when the block begins.
        """
        data = self.get_session(sid, namespace)
        yield data
        try:
            self.save_session(sid, data, namespace)
        except KeyError:
            if self.manager.table.member(namespace or "/", sid) is not None:
                raise
            self.logger.debug("%s left before its session was saved", sid)

    # -- connections ----------------------------------------------------------------------

    @in_own_loop
    def disconnect(
        self,
        sid: str,
        namespace: str | None = None,
        ignore_queue: bool = False,
        close: bool = False,
    ) -> None:
        """Disconnect a client from a namespace; its disconnect handler has run on return.

        Args:
            sid: The client; one that is gone is no error.
            namespace: The namespace; None means `/`.
            ignore_queue: Look only at clients of this process, without the message queue.
            close: Also close the transport, and with it the client's other namespaces.
        """
        namespace = namespace or "/"
        member = self.manager.table.member(namespace, sid)
        if member is None:
            if not ignore_queue:  # the manager may tell other processes
                settled(self.manager.can_disconnect(sid, namespace))
            return
        connected = member.state is CONNECTED
        leaving: Any = self._leave(member, Reason.SERVER_DISCONNECT, tell=True)
        # In a series its handler may come after the one that has called this.
        if leaving is not None and self.async_handlers:
            ended(leaving)
        if close and connected:
            member.session.end(Reason.SERVER_DISCONNECT)

    @in_own_loop
    def start(self) -> None:
        """Get ready for clients: connect the client manager to its broker.

        `ASGIApp` and the attachments of frameworks call it when the application starts, which
        then fails if the broker refuses us. Where nothing does, the first client waits for it,
        and is answered 503 after a refusal; call it yourself to know earlier. It may be called
        again: after a refusal it tries again, after `shutdown` the server serves anew.

        A broker that cannot be reached is no error: the manager goes on trying.

        Raises:
            ConnectionError: The broker refuses us: login, permission, missing topic, unknown host.
        """
        self.eio.start()
        self._start_manager()

    def _start_manager(self) -> None:
        if self.manager_initialized:
            return
        with self._starting:
            self._begin_manager()
            self.manager.start()
            self.manager_initialized = True

    @in_own_loop
    def shutdown(self) -> None:
        """Close all connections and stop; the disconnect handlers have run on return.

        Clients see a transport that closes, and reconnect when the server comes back. What waits
        to be sent has `close_timeout` seconds to leave.
        """
        self.eio.shutdown()
        deadline = self.runtime.now() + self.eio.config.close_timeout
        while self.has_clients() and self.runtime.now() < deadline:
            self.runtime.sleep(0.01)
        self.manager.shutdown()
        self.manager_initialized = self._manager_begun = False

    def instrument(
        self,
        auth: Any = None,
        mode: str = "development",
        read_only: bool = False,
        server_id: str | None = None,
        namespace: str = "/admin",
        server_stats_interval: float = 2,
    ) -> InstrumentedServer:
        """Let the official Socket.IO Admin UI watch this server.

        Args:
            auth: Who may use the Admin UI: credentials as a dict, a list of such dicts, a
                function that gets what was sent and returns whether it is right, or False for
                everyone.
            mode: `'development'` shows every client, event and room and lets the Admin UI act;
                `'production'` shows numbers only and costs less.
            read_only: Whether the Admin UI may only look.
            server_id: What this server is called there; None means the manager's id in a
                cluster, else the host's name.
            namespace: The namespace of the Admin UI.
            server_stats_interval: Seconds between two reports of the numbers.

        Returns:
            An object with `shutdown` and `uninstrument`.

        Raises:
            ValueError: `auth` is missing, or there is no such mode.
        """
        from .admin import InstrumentedServer

        return InstrumentedServer(
            self,
            auth=auth,
            mode=mode,
            read_only=read_only,
            server_id=server_id,
            namespace=namespace,
            server_stats_interval=server_stats_interval,
        )

    # -- background tasks -----------------------------------------------------------------

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function beside the handlers, in the way of the async mode.

        What a connect handler starts by this broadcasts to the connecting client too, as the
        handler itself does.

        Args:
            target: The function (a coroutine function for an asyncio server).
            *args: Its arguments.
            **kwargs: Its arguments by name.

        Returns:
            A task, or an object with the methods of `threading.Thread`.
        """
        return self.runtime.start_background_task(carried(target), *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Wait, in the way of the async mode.

        Args:
            seconds: How long; 0 lets others run once.
        """
        self.runtime.sleep(seconds)

    # -- running handlers -----------------------------------------------------------------

    def session_opened(self, session: Session) -> Any:
        """Note a new engine session; Socket.IO accepts each, its namespaces may refuse.

        Raises:
            HTTPError: The broker refuses us.
        """
        try:
            self._start_manager()
        except ConnectionError as error:
            raise self._not_ready(error) from error
        self._open(session)
        return None

    def _receive_ack(self, member: Membership, ack_id: int, data: list[Any]) -> Pending | None:
        if self.observers:
            self.observers.tell("ack_received", member.namespace, member.sid, ack_id, list(data))
        # Taken here, in the order of the client's packets: a thread that runs the callback later
        # could otherwise answer a newer question with an older, or a second, ack.
        callback = member.acks.pop(ack_id) if member.acks else None
        if callback is None:
            self.logger.debug("unknown or repeated ack %d of %s ignored", ack_id, member.sid)
        elif type(callback) is PendingCall:
            callback(*data)  # nothing of the application runs: who waits in `call` is told at once
        else:
            client = member.client
            if client.start_callback is None:  # of few clients an ack is ever asked for
                client.start_callback = self.runtime.create_ack_lane().start
            return client.start_callback(self._run_ack, callback, data)
        return None

    def _run_ack(self, callback: Callable[..., Any], data: list[Any]) -> None:
        try:
            settled(callback(*data))
        except BaseException as error:
            failed(error, self.logger, "callback of an ack failed")

    def _trigger_event(self, event: Any, namespace: str, *args: Any) -> Any:
        """Run the handler of an event, of whatever kind.

        Programs written for python-socketio override this, assign another function to it, and call
        it in tests. While none has done so, events find their handlers without it.

        Args:
            event: The event's name.
            namespace: Its namespace.
            *args: The client's id, and what the event carries.

        Returns:
            What the handler returned; `not_handled` when there is none.
        """
        handler = self.table.find(namespace, event)
        if handler is None:
            found = self.table.find_class(namespace)
            if found is None:
                return self.not_handled
            return found[0].trigger_event(event, *found[1], *args)
        arguments = (*handler.prefix, *args)
        if LIFE_CYCLE.get(event) == len(args):
            return call_in_form(handler.function, handler.form or Form(), arguments)
        return settled(handler.function(*arguments))

    def _run_event(self, member: Membership, data: list[Any], ack_id: int | None) -> None:
        """Run the handler of an event, and answer with what it returns."""
        session, namespace, sid = member.session, member.namespace, member.sid
        if session.overrun:
            return
        event = data[0]
        if self._logs_events:
            # The name is the client's, and may be as long as a message.
            self.logger.info("Received event %.100r from %s [%s]", event, sid, escaped(namespace))
        if self.observers:
            # The handler's arguments are made of this very list.
            self.observers.tell("event_received", namespace, sid, list(data))
        handler = self.table.find(namespace, event)
        try:
            if handler is None or self._dispatches or "_trigger_event" in self.__dict__:
                result = self._trigger_event(event, namespace, sid, *data[1:])
                if result is self.not_handled:
                    return
            else:  # what `_trigger_event` would do, without its call
                data[0] = sid
                result = handler.function(*handler.prefix, *data)
            if ack_id is not None:
                answer = arguments_of(result)
                if self.observers:
                    self.observers.tell("ack_sent", namespace, sid, ack_id, answer)
                if self.pressed:
                    self._flow.relief(session)
                self._send_to(session, ACK, answer, namespace, ack_id)
        except BaseException as error:
            self._handler_failed(
                session, error, "handler of %.100r in %s failed", event, escaped(namespace)
            )

    def _run_connect(self, member: Membership, auth: Any) -> None:
        """Run the connect handler, and accept or refuse the client as it says."""
        if self.always_connect:
            self._accept(member)
        refusal: dict[str, Any] | None = None
        try:
            with InsideConnectHandler(member):
                result = self._trigger_event(
                    "connect", member.namespace, member.sid, member.session.environ, auth
                )
            if result is False:
                refusal = ConnectionRefusedError().error_args
        except ConnectionRefusedError as error:
            refusal = error.error_args
        except builtins.ConnectionRefusedError:
            refusal = {"message": "Connection refused by server"}
        except GeneratorExit:
            raise  # the loop has given it up: nobody waits for an answer
        except BaseException as error:
            try:
                self._handler_failed(
                    member.session,
                    error,
                    "connect handler of %s failed, the client is refused",
                    escaped(member.namespace),
                )
            finally:
                # Whatever goes on from here, the client would wait for an answer for ever.
                self._answer_connect(member, {"message": "Internal server error"})
            return
        self._answer_connect(member, refusal)

    def _answer_connect(self, member: Membership, refusal: dict[str, Any] | None) -> None:
        """Accept a client whose connect handler has ended, or refuse it."""
        session = member.session
        if refusal is None and member.state is PENDING and member.unwanted:
            if session.closed:
                # It is gone by now: what the handler has done is to be undone.
                if member.become(LEAVING):
                    self._run_disconnect(member, session.ended or Reason.TRANSPORT_CLOSE)
                return
            refusal = ConnectionRefusedError().error_args
        if refusal is None:
            if not self.always_connect:
                self._accept(member)
            if session.closed:
                self._leave(member, session.ended or Reason.TRANSPORT_CLOSE)
            return
        if not member.is_joined:
            return  # it was accepted before its handler ran, and has left meanwhile
        # First forgotten, then told: the client may try again at once.
        self._reject(member)
        if self.always_connect:
            # A refusal after CONNECT is a plain DISCONNECT, which carries no data.
            self._send_to(session, DISCONNECT, None, member.namespace)
        else:
            self._refuse(session, member.namespace, refusal, member.sid)

    def _run_disconnect(self, member: Membership, reason: str) -> None:
        """Run the disconnect handler, then forget the client."""
        namespace, sid = member.namespace, member.sid
        try:
            self._trigger_event("disconnect", namespace, sid, reason)
        except BaseException as error:
            self._handler_failed(
                member.session, error, "disconnect handler of %s failed", escaped(namespace)
            )
        finally:
            self.manager.disconnect(sid, namespace, ignore_queue=True)
            self._forget_if_closed(member.session)


_trigger_event = Server._trigger_event
"""What a program may replace, in a subclass, in the class itself or in a server."""
