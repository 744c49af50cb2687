"""The Socket.IO client.

It stands on `BaseClient` (registration, packets, state), on an engine client (one Engine.IO
session) and on a runtime (handlers, waits), and adds what waits.
"""

from __future__ import annotations

import inspect
import logging
from typing import Any, ClassVar

from .. import exceptions
from .._core.failures import failed
from .._core.logs import escaped
from .._core.pending_call import PendingCall
from ..client import asyncio_tasks as tasks
from ..client.base_client import (
    AnswerLostError,
    BaseClient,
    NotSentError,
    error_data,
    values,
)
from ..client.client_state import Attempt, ClientState, Reconnection
from ..client.termination import Terminated, async_until_terminated
from ..protocol import packets
from ..protocol.engine_client import FLUSH_TIMEOUT
from ..runtimes.asynchronous import IN_LOOP, INTERRUPTED, AsyncioRuntime, settled
from .life_cycle import call_in_form

try:
    from .engine_client import AsyncEngineClient, EngineConnectionError
except ImportError as error:
    # The class can be imported and subclassed everywhere, and made where its extra is installed.
    _missing: ImportError | None = error
else:
    _missing = None


class AsyncClient(BaseClient):
    """A Socket.IO client.

    Args:
        reconnection: Whether the client reconnects by itself when the connection is lost.
        reconnection_attempts: How many times it tries; 0: until it succeeds.
        reconnection_delay: Seconds before the first attempt; they double with each one.
        reconnection_delay_max: Seconds that a delay never exceeds.
        randomization_factor: Which fraction of a delay chance may add or take away, 0 to 1.
        logger: True to log to standard error, a logger, or False for errors only.
        serializer: `default`, `msgpack`, or a packet class.
        json: A module with `dumps` and `loads`, for this client alone.
        handle_sigint: Whether `wait()` ends the connection in an orderly way when the process is
            told to end by SIGTERM. No signal handler is installed outside of `wait()`, and none
            for SIGINT: Ctrl-C ends the program as it does any other.
        **kwargs: Arguments of the engine: `engineio_logger` (as `logger`), `request_timeout`
            (seconds for one request, 5), `http_session` (a session of the HTTP library, or a
            function that returns one), `ssl_verify` (False accepts any certificate, a path names
            the file or folder of those to trust),
            `websocket_extra_options` (further arguments of the websocket library's connect
            function), `timestamp_requests` (whether URLs carry a timestamp).

    Raises:
        TypeError: An argument that does not exist.
        ImportError: The HTTP or websocket library is not installed.
    """

    _ASYNC: ClassVar[bool] = IN_LOOP
    _runtime: AsyncioRuntime
    eio: AsyncEngineClient

    def _create_engine(
        self, logger: logging.Logger, **kwargs: Any
    ) -> tuple[AsyncioRuntime, AsyncEngineClient]:
        self._last_handlers = tasks.LastHandlers(self)
        if _missing is not None:
            raise ImportError(str(_missing), name=_missing.name) from _missing
        engine = AsyncEngineClient(
            logger=logger,
            on_open=self._engine_opened,
            on_message=self._engine_message,
            on_close=self._engine_closed,
            awaits_server=self._awaits_server,
            on_cancel=self._engine_cancelled,
            **kwargs,
        )
        return AsyncioRuntime(), engine

    # -- connecting ---------------------------------------------------------------------------

    async def connect(
        self,
        url: Any,
        headers: Any = {},  # noqa: B006  # the compatible API's default; it is never changed
        auth: Any = None,
        transports: str | list[str] | None = None,
        namespaces: str | list[str] | None = None,
        socketio_path: str = "socket.io",
        wait: bool = True,
        wait_timeout: float = 1,
        retry: bool = False,
    ) -> None:
        """Connect to a server.

        Args:
            url: The server's address, with a query string if it needs one. Like `headers` and
                `auth` it may be a function that returns the value, called for each attempt.
            headers: Headers of every request.
            auth: What the server's connect handlers get; a dict.
            transports: `polling`, `websocket` or both, in the order of use; the default is to
                begin with polling and to upgrade.
            namespaces: The namespaces to connect to; the default is all that have a handler.
            socketio_path: Where the server is served.
            wait: Whether to wait until the server has accepted every namespace.
            wait_timeout: Seconds to wait for each answer, in reconnections too.
            retry: Whether to go on trying, as a reconnection does, if no connection was made.

        Raises:
            ConnectionError: No connection was made, a namespace was refused, or the client is
                connected already. The message has what the server said.
            ValueError: A malformed `url`, `transports` or `namespaces`.
        """
        self._runtime.bind()
        self._last_handlers.begin()
        # A new connection goes before the one that a running reconnection would bring.
        await self._stop_reconnection(final=False)
        await self._wait_until_disconnected()
        if not self._move(ClientState.CONNECTING, ClientState.DISCONNECTED):
            raise exceptions.ConnectionError("Already connected")
        try:
            self._remember_connection(
                url, headers, auth, transports, namespaces, socketio_path, wait_timeout
            )
            try:
                await self._connect_once(wait, ClientState.CONNECTING)
            except exceptions.ConnectionError as error:
                if not retry or not isinstance(error.__cause__, EngineConnectionError):
                    raise
                await self._retry()
                if self._state is ClientState.DISCONNECTED:
                    raise
        except INTERRUPTED:
            await self._leave()
            raise
        finally:
            if self._state is ClientState.CONNECTING:  # it failed
                await self._close_engine()
                self._move(ClientState.DISCONNECTED, ClientState.CONNECTING)
            elif self.eio.state == "disconnected":  # disconnect() was called meanwhile
                self._move(ClientState.DISCONNECTED, ClientState.DISCONNECTING)

    async def _connect_once(self, wait: bool, state: ClientState) -> None:
        """Make one attempt to connect.

        Args:
            wait: Whether to wait for the namespaces.
            state: The client's state while it tries.

        Raises:
            ConnectionError: It failed.
        """
        url = await self._current_value(self.connection_url)
        headers = await self._current_value(self.connection_headers)
        attempt = self._begin_attempt(wait)
        try:
            await self.eio.connect(
                url,
                headers=headers,
                transports=self.connection_transports,
                engineio_path=self.socketio_path,
            )
        except EngineConnectionError as error:
            message, data = error_data(error)
            for namespace in self.connection_namespaces:
                await self._run_connect_error(namespace, data)
            raise exceptions.ConnectionError(message) from error
        if self._state is not state:
            await self._close_engine()
            raise exceptions.ConnectionError(
                "disconnect() was called before the connection was made"
            )
        if wait:
            await self._wait_for_answers(attempt)
            if not attempt.succeeded:
                why = attempt.explain()
                await self._close_engine()
                raise exceptions.ConnectionError(why)
        if not self._established(attempt, state):
            raise exceptions.ConnectionError(attempt.explain())

    async def _wait_for_answers(self, attempt: Attempt) -> None:
        """Wait for the answer of each namespace, and until its handler has ended."""
        while not attempt.answered or attempt.running_handlers:
            attempt.waiter = self._runtime.create_waiter()
            if attempt.answered and not attempt.running_handlers:
                return
            try:
                await attempt.waiter.wait(self._wait_timeout)
            except TimeoutError:
                return

    async def _current_value(self, value: Any) -> Any:
        """Return an argument of `connect()`, which may be a function."""
        return await settled(value()) if callable(value) else value

    async def _engine_opened(self) -> None:
        auth = await self._current_value(self.connection_auth)
        for namespace in self.connection_namespaces:
            messages = self._packet_messages(packets.CONNECT, namespace, auth)
            await self.eio.send_all(messages, wait=False)

    # -- reconnecting -------------------------------------------------------------------------

    async def _retry(self) -> None:
        """Reconnect after a first attempt that failed, and wait until that has ended."""
        with self._lock:
            if not self._move(ClientState.RECONNECTING, ClientState.CONNECTING):
                return
            reconnection = self._plan_reconnection()
        self._start_reconnection(reconnection)
        if reconnection.task is not None:
            await self.eio.join(reconnection.task)

    async def _reconnect(self, reconnection: Reconnection) -> None:
        """Try to connect until it succeeds, the attempts are used up, or it is taken back."""
        try:
            for attempt, delay in enumerate(self._backoff().delays(), 1):
                self.logger.info("Connection lost; attempt %d follows in %.2f s", attempt, delay)
                try:
                    await reconnection.abort.wait(delay)
                except TimeoutError:
                    pass  # the time is over and nobody has taken it back
                if reconnection.aborted or await self._reconnect_once(reconnection):
                    return
            self.logger.info("Maximum of %d attempts reached, giving up", attempt)
        finally:
            if self._state is ClientState.RECONNECTING:  # given up, or taken back in an attempt
                await self._close_engine()
            await self._reconnection_over(reconnection)

    async def _reconnect_once(self, reconnection: Reconnection) -> bool:
        """Make one attempt; return whether it is the last, whatever came of it."""
        try:
            await self._connect_once(True, ClientState.RECONNECTING)
        except (exceptions.ConnectionError, ValueError) as error:
            self.logger.warning("Reconnection failed: %s", escaped(error))
        except BaseException as error:
            failed(error, self.logger, "Reconnection failed")
        return reconnection.aborted or self._state is not ClientState.RECONNECTING

    async def _stop_reconnection(self, *, final: bool, timeout: float | None = None) -> None:
        """Take a running reconnection back.

        Args:
            final: Whether nothing follows it, which is told to the application.
            timeout: Seconds to wait for its end at most.
        """
        with self._lock:
            reconnection = self._reconnection
            if reconnection is None:
                return
            reconnection.aborted = True
            reconnection.final = final
        reconnection.abort.set(None)
        if reconnection.task is not None:
            await tasks.break_off(reconnection.task, self._close_engine)
            await self.eio.join(reconnection.task, timeout)
        await self._reconnection_over(reconnection)

    async def _reconnection_over(self, reconnection: Reconnection) -> None:
        """Leave the state of reconnecting, unless the reconnection has succeeded."""
        self._reconnection_ended(reconnection)
        if self._move(ClientState.DISCONNECTED, ClientState.RECONNECTING) and reconnection.final:
            for namespace in self.connection_namespaces:
                await self._run_final(namespace)

    # -- the end ------------------------------------------------------------------------------

    async def wait(self) -> None:
        """Wait until the connection has ended and no reconnection follows.

        It also ends, after an orderly disconnect, when the process is told to end: see
        `handle_sigint`.
        """
        try:
            with async_until_terminated(self.handle_sigint):
                await self._wait_for_end()
                await tasks.closed(self.eio)
        except Terminated as signal:
            await self._leave()
            signal.die()

    async def _wait_for_end(self, timeout: float | None = None) -> None:
        while not self._ended:
            waiter = self._runtime.create_waiter()
            with self._lock:
                if self._ended:
                    return
                self._end_waiters.append(waiter)
            await waiter.wait(timeout)

    async def _wait_until_disconnected(self) -> None:
        """Wait for the end of a disconnect that is under way, but not for its handlers."""
        while self._state is ClientState.DISCONNECTING:
            waiter = self._runtime.create_waiter()
            with self._lock:
                if self._state is not ClientState.DISCONNECTING:
                    return
                self._disconnected_waiters.append(waiter)
            await waiter.wait()

    async def _leave(self) -> None:
        """Disconnect while the process ends: the handlers get half a second."""
        self._last_handlers.leave()
        # What an attempt waits for cannot be taken back in threads: it ends with the process.
        await self._stop_reconnection(final=True, timeout=0)
        try:
            if self._move(ClientState.DISCONNECTING):
                await self._end_connection()
            if self._state is ClientState.DISCONNECTED:  # handlers of a loss may still run
                await self._wait_for_end(FLUSH_TIMEOUT)
        except TimeoutError:
            self.logger.warning("A disconnect handler did not end in time")

    async def _engine_cancelled(self) -> None:
        """Disconnect while the loop ends, which has cancelled every task."""
        self._runtime.close()  # what it keeps at hand is cancelled too, of no use to a handler
        await self._leave()
        await self._last_handlers.cut_off(FLUSH_TIMEOUT)

    async def disconnect(self) -> None:
        """Disconnect from all namespaces and end the connection, or a running reconnection.

        The disconnect handlers have run when it returns. If it is cancelled, the connection ends
        all the same.

        Raises:
            RuntimeError: The client is connected in another event loop.
        """
        self.eio.check_home()
        await self._stop_reconnection(final=True, timeout=FLUSH_TIMEOUT)
        if self._move(ClientState.DISCONNECTING):
            await tasks.finish(self._end_connection)
            if self._state is ClientState.DISCONNECTED:
                await self._wait_for_end()
        elif self.eio.state != "disconnected":
            # Another one is at work: a cancelled one too, or the server's.
            await self._wait_until_disconnected()

    async def _end_connection(self) -> None:
        """Say goodbye in every namespace, and end the connection."""
        for namespace in list(self.namespaces):
            messages = self._packet_messages(packets.DISCONNECT, namespace)
            await self.eio.send_all(messages, wait=False)
        await self._close_engine()

    async def _close_engine(self) -> None:
        await self.eio.disconnect()

    def _idle(self) -> None:
        """Let go of what the runtime keeps for the next handler."""
        self._runtime = tasks.rest(self._runtime)
        self._lane = self._runtime.create_lane()

    async def shutdown(self) -> None:
        """End the connection, or a running reconnection and wait until it has gone."""
        await self._stop_reconnection(final=True)
        await self.disconnect()

    # -- sending ------------------------------------------------------------------------------

    async def emit(
        self, event: str, data: Any = None, namespace: str | None = None, callback: Any = None
    ) -> None:
        """Send an event to the server.

        While more than 1 MiB has not left, because the server does not read, it waits until half
        of that has.

        Args:
            event: The event's name.
            data: Its argument; a tuple for several, None for none.
            namespace: The namespace; None means `/`.
            callback: Called with the values of the server's ack.

        Raises:
            BadNamespaceError: The client is not connected to the namespace.
            DisconnectedError: The connection ended before the event had left; it is a
                `BadNamespaceError` as well.
            ValueError: The name is reserved, or the data has no JSON form.
            TypeError: The data is of a type that cannot be sent.
        """
        messages, ack_id = self._event_messages(event, data, namespace, callback)
        if not await self.eio.send_all(messages):
            self._forget_ack(namespace, ack_id)
            raise NotSentError(f"the connection ended before {event!r} was sent")

    async def send(self, data: Any, namespace: str | None = None, callback: Any = None) -> None:
        """Send a `message` event; see `emit`."""
        await self.emit("message", data, namespace, callback)

    async def call(
        self, event: str, data: Any = None, namespace: str | None = None, timeout: float | None = 60
    ) -> Any:
        """Send an event and wait for the server's answer.

        Args:
            event: The event's name.
            data: Its argument; a tuple for several, None for none.
            namespace: The namespace; None means `/`.
            timeout: Seconds to wait; None: for ever.

        Returns:
            What the server answered: None, a value, or a tuple of several.

        Raises:
            TimeoutError: No answer came in time.
            DisconnectedError: The connection ended before the answer came; it is a `TimeoutError`
                as well.
            BadNamespaceError: The client is not connected to the namespace.
        """
        call = PendingCall(self._runtime.create_waiter())
        messages, ack_id = self._event_messages(event, data, namespace, call)
        try:
            # Who waits for the answer need not wait before: that is the time limit's.
            if not await self.eio.send_all(messages, wait=False):
                raise AnswerLostError(f"the connection ended before {event!r} was sent")
            return values(await call.waiter.wait(timeout))
        except TimeoutError:
            raise exceptions.TimeoutError(
                f"no answer to {event!r} came within {timeout} s"
            ) from None
        finally:
            self._forget_ack(namespace, ack_id)

    # -- handlers -----------------------------------------------------------------------------

    async def _run_event(
        self, namespace: str, ack_id: int | None, event: Any, arguments: list[Any]
    ) -> None:
        try:
            result = await self._trigger_event(event, namespace, *arguments)
        except BaseException as error:
            failed(
                error, self.logger, "the handler of %.100r [%s] failed", event, escaped(namespace)
            )
            return
        if ack_id is not None and namespace in self.namespaces:
            try:
                messages = self._packet_messages(
                    packets.ACK, namespace, packets.arguments_of(result), ack_id
                )
            except (TypeError, ValueError):
                self.logger.exception("the handler of %.100r returned what cannot be sent", event)
                return
            if not await self.eio.send_all(messages):
                self.logger.info("the ack of %r was not sent: the connection has ended", event)

    async def _run_callback(self, callback: Any, arguments: list[Any]) -> None:
        try:
            await settled(callback(*arguments))
        except BaseException as error:
            failed(error, self.logger, "the callback %r failed", callback)

    async def _run_connect(self, attempt: Attempt | None, namespace: str) -> None:
        try:
            await self._trigger_event("connect", namespace)
        except BaseException as error:
            failed(error, self.logger, "the connect handler of %s failed", escaped(namespace))
        finally:
            self._handled(attempt)

    async def _run_refusal(self, attempt: Attempt | None, namespace: str, data: Any) -> None:
        try:
            await self._run_connect_error(namespace, data)
        finally:
            self._handled(attempt)

    async def _run_connect_error(self, namespace: str, data: Any) -> None:
        try:
            await self._trigger_event("connect_error", namespace, data)
        except BaseException as error:
            failed(error, self.logger, "the connect_error handler of %s failed", escaped(namespace))

    async def _run_disconnect(self, namespace: str, reason: str, final: bool) -> None:
        try:
            with self._last_handlers.one():
                await self._trigger_event("disconnect", namespace, reason)
                if final:
                    await self._run_final(namespace)
        except BaseException as error:
            failed(error, self.logger, "the disconnect handler of %s failed", escaped(namespace))
        finally:
            self._disconnect_handled()

    async def _run_final(self, namespace: str) -> None:
        try:
            await self._trigger_event("__disconnect_final", namespace)
        except BaseException as error:
            failed(
                error,
                self.logger,
                "the __disconnect_final handler of %s failed",
                escaped(namespace),
            )

    async def _trigger_event(self, event: Any, namespace: str, *arguments: Any) -> Any:
        """Run the handler that an event belongs to and return its result.

        Programs written for python-socketio override or replace this, and call it in tests.
        """
        handler = self._table.find(namespace, event)
        if handler is not None:
            if handler.form is not None:
                return await call_in_form(
                    handler.function, handler.form, (*handler.prefix, *arguments)
                )
            result = handler.function(*handler.prefix, *arguments)
            if handler.is_coroutine or inspect.isawaitable(result):
                result = await result
            return result
        found = self._table.find_class(namespace)
        if found is not None:
            namespace_handler, before = found
            return await namespace_handler.trigger_event(event, *before, *arguments)
        return None

    # -- running things beside ----------------------------------------------------------------

    def start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a function beside the caller until it ends by itself.

        Args:
            target: The function.
            *args: Its arguments.
            **kwargs: Its arguments by name.

        Returns:
            What stands for it: an `asyncio.Task`, or an object with the `join` of a thread.
        """
        return self._runtime.start_background_task(target, *args, **kwargs)

    async def sleep(self, seconds: float = 0) -> None:
        """Wait for a number of seconds, and let others run."""
        await self._runtime.sleep(seconds)
