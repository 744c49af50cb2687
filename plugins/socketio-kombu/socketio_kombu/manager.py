"""The client manager for RabbitMQ, and the other brokers that kombu knows."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Hashable
from typing import Any

import kombu
from amqp.exceptions import ConsumerCancelled
from kombu.transport import get_transport_cls
from kombu.utils.url import parse_url

from socketio.abc import BusDriver, refused_for_size, sharing_key
from socketio.pubsub_manager import PubSubManager

_REFUSALS = frozenset((402, 403, 404, 405, 406, 530, 540, 541))
"""AMQP reply codes that a new attempt will not change: no access, no such vhost or exchange, an
exchange that was declared in another way, and what this server does not do, or not any more."""

_NOT_FOUND = 404
"""The reply code for what is not there; for a queue, because its node in the cluster is away."""

_QUEUE_MILLISECONDS = 300_000
"""How long the broker keeps a queue that nobody reads."""

_PREFETCH = 250
"""How many messages the broker sends ahead of those that have been dealt with."""

_TOO_LARGE = re.compile(r"message size \d+ is larger than .*max size (\d+)")
"""How RabbitMQ says why it closes a channel that has published too much at once."""


class KombuManager(PubSubManager):
    """Shares the clients of several processes through RabbitMQ, or another broker of kombu's.

    Args:
        url: Where the broker is, as `kombu.Connection` understands it.
        channel: The fanout exchange; the same in all processes that belong together.
        write_only: Only emit, receive nothing: for processes without a server.
        logger: Where changes are logged; None: the server's logger.
        json: A JSON module for the messages; None: the server's.
        connection_options: Further arguments of `kombu.Connection()`. With RabbitMQ, timeouts,
            heartbeats and confirmations are the manager's: it sets them itself.
        exchange_options: Further arguments of `kombu.Exchange()`.
        queue_options: Further arguments of `kombu.Queue()`.
        producer_options: Further arguments of `kombu.Producer()`.
        secret: Signs every message, and has those ignored that are not signed with it.

    Raises:
        ValueError: The URL is none that kombu understands, or has an option that it does not
            take; so have `connection_options`.
    """

    name = "kombu"

    def __init__(
        self,
        url: str = "amqp://guest:guest@localhost:5672//",
        channel: str = "socketio",
        write_only: bool = False,
        logger: logging.Logger | None = None,
        json: Any = None,
        connection_options: dict[str, Any] | None = None,
        exchange_options: dict[str, Any] | None = None,
        queue_options: dict[str, Any] | None = None,
        producer_options: dict[str, Any] | None = None,
        *,
        secret: str | bytes | None = None,
    ) -> None:
        super().__init__(
            channel=channel, write_only=write_only, logger=logger, json=json, secret=secret
        )
        self.url = url
        self.connection_options = dict(connection_options or {})
        self.exchange_options = dict(exchange_options or {})
        self.queue_options = dict(queue_options or {})
        self.producer_options = dict(producer_options or {})
        _check(url)
        try:
            self.create_driver().create_connection()  # type: ignore[attr-defined]  # it is our own
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"kombu does not take what the URL's query or connection_options= says: {error}"
            ) from error

    def connection_key(self) -> Hashable | None:
        """Return what tells apart what cannot share a connection; see the base class."""
        return sharing_key(
            self.url,
            self.channel,
            self.connection_options,
            self.exchange_options,
            self.queue_options,
            self.producer_options,
        )

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet."""
        return KombuDriver(
            self.url,
            self.channel,
            f"socketio.{self.host_id}",
            connection_options=self.connection_options,
            exchange_options=self.exchange_options,
            queue_options=self.queue_options,
            producer_options=self.producer_options,
        )


class KombuDriver(BusDriver):
    """Two connections: one that publishes, and one that consumes a queue of its own.

    Args:
        url: Where the broker is.
        channel: The fanout exchange.
        queue_name: The name of the queue; the driver before this one had the same, and what came
            meanwhile lies in it.
        connection_options: Further arguments of `kombu.Connection()`.
        exchange_options: Further arguments of `kombu.Exchange()`.
        queue_options: Further arguments of `kombu.Queue()`.
        producer_options: Further arguments of `kombu.Producer()`.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        queue_name: str,
        *,
        connection_options: dict[str, Any],
        exchange_options: dict[str, Any],
        queue_options: dict[str, Any],
        producer_options: dict[str, Any],
    ) -> None:
        self._url = url
        self._channel = channel
        self._queue_name = queue_name
        self._connection_options = connection_options
        self._exchange_options = exchange_options
        self._queue_options = queue_options
        self._producer_options = producer_options
        self._writer: Any = None
        self._reader: Any = None
        self._exchange: Any = None
        self._producer: Any = None
        self._received: list[Any] = []
        self._queue: Any = None
        self._confirmed: _Confirmations | None = None

    def connect(self, receive: bool) -> None:
        """Connect, declare the exchange, and consume a new queue."""
        options = {"type": "fanout", "durable": False, "delivery_mode": "transient"}
        self._exchange = kombu.Exchange(self._channel, **{**options, **self._exchange_options})
        self._writer = self._connection()
        # The queues of RabbitMQ stay, and take what comes.
        self.keeps_subscriptions = self._writer.transport.driver_type == "amqp"
        self._open_writer()
        if not receive:
            return
        self._reader = self._connection()
        self._subscribe()

    def _subscribe(self) -> None:
        """Declare our queue, bind it and consume it."""
        # Durable: RabbitMQ 4.3 has no other queues that outlive a connection. What is in it is
        # not: messages are transient, and the queue goes when nobody reads it any more.
        options = {
            "durable": True,
            "queue_arguments": {"x-expires": _QUEUE_MILLISECONDS, "x-queue-type": "classic"},
            **self._queue_options,
        }
        try:
            self._consume(kombu.Queue(self._queue_name, self._exchange, **options))
        except self._reader.channel_errors as error:
            if _reply_code(error) != _NOT_FOUND:
                raise
            # Its node in the cluster is away. One that ends with this connection does until then.
            self._consume(kombu.Queue("", self._exchange, durable=False, exclusive=True))

    def _consume(self, queue: kombu.Queue) -> None:
        channel = self._reader.channel()
        acknowledges = self._reader.transport.driver_type == "amqp"
        if acknowledges:
            channel.basic_qos(0, _PREFETCH, False)
        # `on_message` gets what came, undecoded: nothing that the broker says is unpickled.
        consumer = kombu.Consumer(
            channel, [queue], no_ack=not acknowledges, on_message=self._received.append
        )
        consumer.consume()
        queues: Any = consumer.queues
        self._queue = queues[0]

    def _open_writer(self) -> None:
        channel = self._writer.channel()
        self._exchange(channel).declare()
        self._producer = kombu.Producer(channel, exchange=self._exchange, **self._producer_options)
        if self._writer.transport.driver_type == "amqp":
            self._confirmed = _Confirmations(self._writer, channel)

    def create_connection(self) -> Any:
        """Return a connection of the library, not connected yet."""
        options = dict(self._connection_options)
        options.setdefault("connect_timeout", self.timeout)
        if _scheme(self._url) in ("amqp", "amqps", "pyamqp"):
            # These win over the URL's query, too.
            options["transport_options"] = {
                **(options.get("transport_options") or {}),
                "connect_timeout": self.timeout,
                "read_timeout": self.timeout,
                "write_timeout": self.timeout,
                # The library leaves it to its user to send heartbeats; the supervisor has its own.
                "heartbeat": 0,
                # A batch is confirmed as a whole; the library would wait for each message.
                "confirm_publish": False,
            }
        return kombu.Connection(self._url, **options)

    def _connection(self) -> Any:
        connection = self.create_connection()
        connection.connect()
        return connection

    def publish(self, messages: list[bytes]) -> None:
        """Publish messages; RabbitMQ confirms them all together.

        Raises:
            MessageRefused: One is larger than RabbitMQ's `max_message_size`.
        """
        try:
            self._publish(messages)
        except self._writer.channel_errors as error:
            refused = refused_for_size(messages, error, _TOO_LARGE)
            if refused is None:
                raise
            self._open_writer()  # RabbitMQ has closed the channel
            raise refused from error

    def _publish(self, messages: list[bytes]) -> None:
        publish = self._producer.publish
        for message in messages:
            # As text, which is what python-socketio's managers send and understand.
            publish(message, content_type="text/plain", content_encoding="utf-8")
        if self._confirmed is not None:
            self._confirmed.wait(len(messages), self.timeout)

    def receive(self, timeout: float) -> list[bytes]:
        """Return the next messages; those before them have been dealt with."""
        if self._received:
            last = self._received[-1]
            self._received.clear()
            if not last.acknowledged:
                last.ack(multiple=True)
        try:
            self._reader.drain_events(timeout=timeout)
        except TimeoutError:
            pass  # nothing came
        except ConsumerCancelled:
            # Somebody has deleted the queue, or it has moved: what comes from now on, we get.
            self._subscribe()
        return [_body(message) for message in self._received]

    def close(self) -> None:
        """Close both connections."""
        try:
            if self.leaving and self._queue is not None:
                queue, self._queue = self._queue, None
                queue.delete()
        finally:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.collect(socket_timeout=1)

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a broker that is away."""
        return _reply_code(error) in _REFUSALS


class _Confirmations:
    """Counts what RabbitMQ has confirmed, so that a batch waits for its last message only."""

    def __init__(self, connection: Any, channel: Any) -> None:
        self._connection = connection
        self._published = 0
        self._confirmed = 0
        """Up to which tag everything is confirmed."""
        self._early: set[int] = set()
        """What was confirmed while something before it was not."""
        self._rejected = False
        channel.confirm_select()
        channel.events["basic_ack"].add(self._ack)
        channel.events["basic_nack"].add(self._nack)

    def _ack(self, delivery_tag: int, multiple: bool) -> None:
        if multiple:
            self._confirmed = max(self._confirmed, delivery_tag)
            self._early = {tag for tag in self._early if tag > self._confirmed}
        elif delivery_tag > self._confirmed:
            self._early.add(delivery_tag)
        while self._confirmed + 1 in self._early:
            self._confirmed += 1
            self._early.discard(self._confirmed)

    def _nack(self, delivery_tag: int, multiple: bool) -> None:
        self._rejected = True

    def wait(self, count: int, timeout: float) -> None:
        self._published += count
        deadline = time.monotonic() + timeout
        while self._confirmed < self._published and not self._rejected:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"RabbitMQ confirmed no message within {timeout:g} s")
            self._connection.drain_events(timeout=left)
        if self._rejected:
            raise ConnectionError("RabbitMQ did not take a message (basic.nack)")


def _reply_code(error: BaseException) -> int | None:
    """Return the AMQP reply code of what the client library has raised, if it has one."""
    code = getattr(error, "reply_code", None)
    return code if code is not None else getattr(error, "code", None)


def _body(message: Any) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else "amqp"


def _check(url: str) -> None:
    try:
        get_transport_cls(_scheme(url))
    except KeyError:
        raise ValueError(f"kombu knows no transport for the URL scheme {_scheme(url)!r}") from None
    try:
        parse_url(url)
    except ValueError as error:
        raise ValueError(f"the broker URL cannot be understood: {error}") from None
