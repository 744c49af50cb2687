# Generated from socketio/_async/simple_client.py by tools/unasync.py, do not edit.
"""The client for programs that would rather ask for events than be called with them.

It stands on a `Client`, whose events it keeps until they are asked for, and waits while that
reconnects.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, Self

from ..exceptions import BadNamespaceError, DisconnectedError, TimeoutError
from ..runtimes.synchronous import happens
from .client import Client


class SimpleClient:
    """A client of one namespace that is asked for events.

    It is a context manager, which disconnects at the end of its block.

    Args:
        *args: Arguments of `Client`.
        **kwargs: Arguments of `Client` by name.
    """

    client_class: ClassVar[type[Client]] = Client
    """The class of the client that it stands on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.client_args = args
        self.client_kwargs = kwargs
        self.client: Client | None = None
        self.namespace = "/"
        self.connected = False
        self.connected_event: Any = None
        self.input_event: Any = None
        self.input_buffer: deque[list[Any]] = deque()

    def connect(
        self,
        url: Any,
        headers: Any = {},  # noqa: B006  # the compatible API's default; it is never changed
        auth: Any = None,
        transports: str | list[str] | None = None,
        namespace: str = "/",
        socketio_path: str = "socket.io",
        wait_timeout: float = 5,
    ) -> None:
        """Connect to a server; see `Client.connect` for what is not described here.

        Args:
            url: The server's address.
            headers: Headers of every request.
            auth: What the server's connect handler gets.
            transports: `polling`, `websocket` or both.
            namespace: The namespace to connect to.
            socketio_path: Where the server is served.
            wait_timeout: Seconds to wait for the server's answer.

        Raises:
            RuntimeError: It is connected already.
            ConnectionError: No connection was made.
        """
        if self.connected or self.client is not None:
            raise RuntimeError("Already connected")
        self.namespace = namespace
        self.input_buffer.clear()
        client = self.client_class(*self.client_args, **self.client_kwargs)
        self.connected_event = client.eio.create_event()
        self.input_event = client.eio.create_event()
        client._keeps_events = True
        client.on("connect", self._connected, namespace)
        client.on("disconnect", self._disconnected, namespace)
        client.on("__disconnect_final", self._ended, namespace)
        client.on("*", self._received, namespace)
        self.client = client
        try:
            client.connect(
                url,
                headers=headers,
                auth=auth,
                transports=transports,
                namespaces=[namespace],
                socketio_path=socketio_path,
                wait_timeout=wait_timeout,
            )
        except BaseException:
            self.client = None
            self.connected = False
            raise

    # These are plain functions in both flavours, so that what they set is set in order.

    def _connected(self) -> None:
        self.connected = True
        self.connected_event.set()

    def _disconnected(self, reason: str) -> None:
        self.connected_event.clear()

    def _ended(self) -> None:
        # Whoever waits for a connection or an event wakes up to hear that none will come.
        self.connected = False
        self.connected_event.set()
        self.input_event.set()

    def _received(self, event: str, *args: Any) -> None:
        self.input_buffer.append([event, *args])
        self.input_event.set()

    @property
    def sid(self) -> str | None:
        """The id that the server gave this client, or None before there is one."""
        return self.client.get_sid(self.namespace) if self.client else None

    @property
    def transport(self) -> str:
        """The transport in use, or an empty string before there is one."""
        return (self.client.transport() if self.client else None) or ""

    def emit(self, event: str, data: Any = None) -> None:
        """Send an event to the server, after a reconnection if one is under way.

        Args:
            event: The event's name.
            data: Its argument; a tuple for several, None for none.

        Raises:
            DisconnectedError: The connection has ended.
        """
        while True:
            client = self._connected_client()
            try:
                return client.emit(event, data, namespace=self.namespace)
            except BadNamespaceError:
                self._settle()

    def call(self, event: str, data: Any = None, timeout: float | None = 60) -> Any:
        """Send an event and wait for the answer, after a reconnection if one is under way.

        If the connection is lost before the answer came, the event is sent again in the next
        one: the server may then see it twice.

        Args:
            event: The event's name.
            data: Its argument; a tuple for several, None for none.
            timeout: Seconds to wait for the answer; None: for ever.

        Returns:
            What the server answered: None, a value, or a tuple of several.

        Raises:
            TimeoutError: No answer came in time.
            DisconnectedError: The connection has ended.
        """
        while True:
            client = self._connected_client()
            try:
                return client.call(event, data, namespace=self.namespace, timeout=timeout)
            except (BadNamespaceError, DisconnectedError):
                self._settle()

    def _connected_client(self) -> Client:
        """Wait for the connection, through a reconnection if need be."""
        if self.client is None:
            raise DisconnectedError("the client is not connected; call connect() first")
        self.connected_event.wait()
        if not self.connected or self.client is None:
            raise DisconnectedError("the connection has ended; call connect() for a new one")
        return self.client

    def _settle(self) -> None:
        """Let the handler that tells of a lost connection run before trying again."""
        assert self.client is not None  # it was there for what has just failed
        self.client.sleep(0.01)

    def receive(self, timeout: float | None = None) -> list[Any]:
        """Wait for the next event.

        Args:
            timeout: Seconds to wait; None: for ever.

        Returns:
            The event's name, followed by its arguments.

        Raises:
            TimeoutError: None came in time.
            DisconnectedError: The connection has ended and all its events have been received.
        """
        while not self.input_buffer:
            if self.client is None:
                raise DisconnectedError("the client is not connected; call connect() first")
            if not self.connected:
                raise DisconnectedError("the connection has ended; call connect() for a new one")
            self.input_event.clear()
            if self.input_buffer or not self.connected:
                continue
            if not happens(self.input_event, timeout):
                raise TimeoutError(f"no event came within {timeout} s")
        event = self.input_buffer.popleft()
        if self.client is not None:
            self.client.eio.inbox.leave(len(self.input_buffer))
        return event

    def disconnect(self) -> None:
        """End the connection."""
        if self.client is not None:
            client, self.client = self.client, None
            client.disconnect()
            self.connected = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.disconnect()
