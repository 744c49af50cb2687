"""The asyncio client manager for RabbitMQ."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Hashable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionInternalError,
    ConnectionNotAllowed,
    ConnectionNotImplemented,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from socketio.abc import BusDriver, refused_for_size, sharing_key
from socketio.async_inbox import AsyncInbox
from socketio.async_pubsub_manager import AsyncPubSubManager

_QUEUE_MILLISECONDS = 300_000
"""How long the broker keeps a queue that nobody reads."""

_PREFETCH = 250
"""How many messages the broker sends ahead of those that have been dealt with."""

_OPTIONS = frozenset(
    ("client_properties", "connection_class", "ssl_context", "ssl_options", "timeout")
)
"""What `aio_pika.connect()` takes beside a URL; the others it ignores then."""

_QUERY_OPTIONS = frozenset(
    (
        *("auth", "cadata", "cafile", "capath", "certfile", "happy_eyeballs_delay", "heartbeat"),
        *("interleave", "keyfile", "name", "no_verify_ssl", "timeout"),
    )
)
"""What aio-pika and aiormq look for in a URL's query; they ignore the rest."""

_CANCELLED = object()
"""What lies in the inbox when RabbitMQ has cancelled our consumer."""

_TOO_LARGE = re.compile(r"message size \d+ is larger than .*max size (\d+)")
"""How RabbitMQ says why it closes a channel that has published too much at once."""


class _Connection(aio_pika.Connection):
    """One that the driver closes, and the garbage collector does not.

    Of one that was never opened, its coroutine to close it is left behind in whatever thread
    collects it.
    """

    def __del__(self) -> None:
        pass


class AsyncAioPikaManager(AsyncPubSubManager):
    """Shares the clients of several processes through RabbitMQ.

    Args:
        url: Where RabbitMQ is: `amqp://user:password@host:port/vhost`, or `amqps://…` for TLS.
        channel: The fanout exchange; the same in all processes that belong together.
        write_only: Only emit, receive nothing: for processes without a server.
        logger: Where changes are logged; None: the server's logger.
        json: A JSON module for the messages; None: the server's.
        connection_options: Further arguments of `aio_pika.connect()`: `ssl_context`,
            `ssl_options`, `client_properties`. The timeout and the kind of connection are the
            manager's: it sets them itself.
        secret: Signs every message, and has those ignored that are not signed with it.

    Raises:
        ValueError: The URL is no AMQP URL, or an option, of its query too, is unknown.
    """

    name = "asyncaiopika"

    def __init__(
        self,
        url: str = "amqp://guest:guest@localhost:5672//",
        channel: str = "socketio",
        write_only: bool = False,
        logger: logging.Logger | None = None,
        json: Any = None,
        *,
        connection_options: dict[str, Any] | None = None,
        secret: str | bytes | None = None,
    ) -> None:
        super().__init__(
            channel=channel, write_only=write_only, logger=logger, json=json, secret=secret
        )
        self.url = _check(url)
        self.connection_options = dict(connection_options or {})
        for name in self.connection_options.keys() - _OPTIONS:
            raise ValueError(
                f"connection_options= has {name!r}, which aio_pika.connect() does not take beside "
                f"a URL, or not from a client manager; it takes {', '.join(sorted(_OPTIONS))}"
            )

    def connection_key(self) -> Hashable | None:
        """Return what tells apart what cannot share a connection; see the base class."""
        return sharing_key(self.url, self.channel, self.connection_options)

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet."""
        return AioPikaDriver(
            self.url, self.connection_options, self.channel, f"socketio.{self.host_id}"
        )


class VirtualHostRefused(ConnectionError):
    """RabbitMQ closed the connection instead of opening the virtual host."""


class AioPikaDriver(BusDriver):
    """One connection with a channel to publish and a channel to consume.

    Args:
        url: Where RabbitMQ is.
        options: Further arguments of the client library.
        channel: The fanout exchange.
        queue: The name of the queue; the driver before this one had the same, and what came
            meanwhile lies in it.
    """

    keeps_subscriptions = True  # the queues stay, and take what comes

    def __init__(self, url: str, options: dict[str, Any], channel: str, queue: str) -> None:
        self._url = url
        self._options = options
        self._channel = channel
        self._queue_name = queue
        self._queue: AbstractQueue | None = None
        self._reader: Any = None
        """The client library's inner channel that consumes."""
        self._consumer_tag = ""
        self._last: AbstractIncomingMessage | None = None
        self._inbox = AsyncInbox()
        self._connection: AbstractConnection | None = None
        self._writer: AbstractChannel | None = None
        self._writer_error: BaseException | None = None

    def connection_arguments(self) -> dict[str, Any]:
        """Return the arguments of `aio_pika.connect()`: those given, and ours, which win."""
        return {
            **self._options,
            "timeout": self.timeout,
            # Not the robust one: the manager's supervisor connects again.
            "connection_class": _Connection,
        }

    async def connect(self, receive: bool) -> None:
        """Connect, declare the exchange, and consume a new queue."""
        try:
            self._connection = connection = await aio_pika.connect(
                self._url, **self.connection_arguments()
            )
        except InvalidFrameError as error:
            raise VirtualHostRefused(_reply_text(error) or str(error)) from error
        connection.close_callbacks.add(self._lost)
        await self._open_writer(connection)
        if not receive:
            return
        await self._subscribe()

    async def _subscribe(self) -> None:
        """Declare our queue, bind it and consume it."""
        try:
            # Durable: RabbitMQ 4.3 has no other queues that outlive a connection. What is in it is
            # not: messages are transient, and the queue goes when nobody reads it any more.
            await self._consume(
                self._queue_name,
                durable=True,
                arguments={"x-expires": _QUEUE_MILLISECONDS, "x-queue-type": "classic"},
            )
        except ChannelNotFoundEntity:
            # Its node in the cluster is away. One that ends with this connection does until then.
            await self._consume(None, exclusive=True)

    async def _consume(self, name: str | None, **options: Any) -> None:
        assert self._connection is not None  # connect() has set it
        channel = await self._connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=_PREFETCH)
        queue = await channel.declare_queue(name, **options)
        await queue.bind(self._channel)
        self._queue, self._consumer_tag = queue, await queue.consume(self._take)
        channel.close_callbacks.add(self._lost)
        self._reader = await channel.get_underlay_channel()
        # The oldest versions tell nobody; `receive` finds out a little later.
        told = getattr(self._reader, "on_consumer_cancel_callbacks", None)
        if told is not None:
            told.add(self._consumer_cancelled)

    def _consumer_cancelled(self, frame: object) -> None:
        self._inbox.put(_CANCELLED)

    async def _open_writer(self, connection: AbstractConnection) -> None:
        # Instead of a confirmation for each message, `publish` has one answer for a whole batch.
        self._writer = writer = await connection.channel(publisher_confirms=False)
        self._writer_error = None
        writer.close_callbacks.add(self._writer_lost)
        await writer.declare_exchange(self._channel, aio_pika.ExchangeType.FANOUT)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self._inbox.put(message)

    def _lost(self, sender: object, error: BaseException | None) -> None:
        self._inbox.fail(error or ConnectionError("RabbitMQ closed the connection"))

    def _writer_lost(self, sender: object, error: BaseException | None) -> None:
        if sender is self._writer:
            self._writer_error = error
        if _TOO_LARGE.search(str(error)) is None:  # else `publish` goes on with another channel
            self._lost(sender, error)

    async def publish(self, messages: list[bytes]) -> None:
        """Publish messages, and wait until RabbitMQ has dealt with the last one.

        Raises:
            MessageRefused: One is larger than RabbitMQ's `max_message_size`.
        """
        writer, connection = self._writer, self._connection
        assert writer is not None and connection is not None  # connect() has set them
        try:
            await self._publish(writer, messages)
        except AMQPError as error:
            # The channel may be found closed before anybody is told why.
            refused = refused_for_size(messages, self._writer_error or error, _TOO_LARGE)
            if refused is None:
                raise
            await self._open_writer(connection)
            raise refused from error

    async def _publish(self, writer: AbstractChannel, messages: list[bytes]) -> None:
        # One level below aio-pika's own publish, which waits for the socket after each message.
        channel = await writer.get_underlay_channel()
        for body in messages:
            await channel.basic_publish(body, exchange=self._channel, wait=False)  # type: ignore[call-arg]  # the abstract channel leaves `wait` out
        # A channel works in order: when this is answered, all before it has been routed.
        await writer.get_exchange(self._channel, ensure=True)

    async def receive(self, timeout: float) -> list[bytes]:
        """Return the next messages; those before them have been dealt with."""
        if self._last is not None:
            last, self._last = self._last, None
            await last.ack(multiple=True)
        came = await self._inbox.receive(timeout)
        if self._consumer_tag not in self._reader.consumers:
            # Somebody has deleted the queue, or it has moved: what comes from now on, we get.
            await self._subscribe()
        messages: list[AbstractIncomingMessage] = [each for each in came if each is not _CANCELLED]
        if messages:
            self._last = messages[-1]
        return [message.body for message in messages]

    async def close(self) -> None:
        """Close the connection."""
        try:
            if self.leaving and self._queue is not None:
                queue, self._queue = self._queue, None
                async with asyncio.timeout(self.timeout / 2):  # what is left is for the connection
                    await queue.cancel(self._consumer_tag)
                    await queue.delete(if_unused=False, if_empty=False)
        finally:
            if self._connection is not None:
                await self._connection.close()

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a broker that is away."""
        return isinstance(
            error,
            AuthenticationError
            | ProbableAuthenticationError
            | ChannelAccessRefused
            | ChannelLockedResource
            | ChannelNotFoundEntity
            | ChannelPreconditionFailed
            | ConnectionInternalError
            | ConnectionNotAllowed
            | ConnectionNotImplemented
            | VirtualHostRefused,
        )


def _check(url: str) -> str:
    """Return the URL with a host: `amqp://` alone is RabbitMQ on this machine.

    Raises:
        ValueError: It is no URL of an AMQP server.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("amqp", "amqps"):
        raise ValueError(f"{parts.scheme!r} is no scheme of an AMQP URL; use amqp or amqps")
    try:
        parts.port  # noqa: B018  # parsed when it is looked at
    except ValueError as error:
        raise ValueError(f"the port in the AMQP URL is not a number: {error}") from None
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _QUERY_OPTIONS:
            raise ValueError(
                f"the query of the AMQP URL has {name!r}, which the client library does not know; "
                f"it knows {', '.join(sorted(_QUERY_OPTIONS))}"
            )
    if parts.hostname:
        return url
    login, at, port = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}localhost{port}").geturl()


def _reply_text(error: InvalidFrameError) -> str:
    """Return what RabbitMQ said in the frame that aiormq did not expect.

    The exception tells only the frame's class; the frame itself is a local variable of the
    function that raised it.
    """
    traceback = error.__traceback__
    while traceback is not None:
        frame: Any = traceback.tb_frame.f_locals.get("frame")
        if hasattr(frame, "reply_text"):
            return str(frame.reply_text)
        traceback = traceback.tb_next
    return ""
