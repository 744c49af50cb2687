"""The client manager for Apache Kafka, for threads and greenlets."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Hashable
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidTopicError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NoError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
    for_code,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from socketio.abc import BusDriver, MessageRefused, sharing_key
from socketio.pubsub_manager import PubSubManager

from .servers import PARTITION, Positions, check_options, options_for, parse_urls

REFUSALS = (
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidTopicError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)


_STOP_SECONDS = 1.0
"""How long the client library's thread may take to end."""


class KafkaManager(PubSubManager):
    """Shares the clients of several processes through Apache Kafka.

    Args:
        url: Where Kafka is: `kafka://host:port`, or a list of such.
        channel: The topic; the same in all processes that belong together.
        write_only: Only emit, receive nothing: for processes without a server.
        logger: Where changes are logged; None: the server's logger.
        json: A JSON module for the messages; None: the server's.
        connection_options: Further arguments of the client library's producer and consumer, such
            as `security_protocol`, `ssl_context` and `sasl_mechanism`; each gets those it knows.
            Timeouts, acknowledgements and what makes a message are the manager's.
        secret: Signs every message, and has those ignored that are not signed with it.

    Raises:
        ValueError: The URL is none that is understood, or an option is unknown.
    """

    name = "kafka"

    def __init__(
        self,
        url: str | list[str] = "kafka://localhost:9092",
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
        self.url = url
        self.kafka_urls, login = parse_urls(url)
        self.connection_options = {**login, **(connection_options or {})}
        check_options(
            self.connection_options, KafkaProducer.DEFAULT_CONFIG, KafkaConsumer.DEFAULT_CONFIG
        )
        self._positions = Positions()

    def after_fork(self) -> None:
        """Read from where a new process does, not where the parent was; see the base class."""
        super().after_fork()
        self._positions = Positions()

    def connection_key(self) -> Hashable | None:
        """Return what tells apart what cannot share a connection; see the base class."""
        return sharing_key(*self.kafka_urls, self.channel, self.connection_options)

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet."""
        return KafkaDriver(
            self.kafka_urls,
            self.connection_options,
            self.channel,
            self._positions,
            self.get_logger(),
        )


class KafkaDriver(BusDriver):
    """A producer, and a consumer of all partitions that belongs to no group.

    Args:
        servers: The bootstrap servers.
        options: Further arguments of the client library: how to log in, TLS.
        topic: The topic.
        positions: Where the driver before this one had read to.
        logger: Where is noted what was missed.
    """

    keeps_messages = True

    def __init__(
        self,
        servers: list[str],
        options: dict[str, Any],
        topic: str,
        positions: Positions,
        logger: logging.Logger,
    ) -> None:
        self._servers = servers
        self._options = options
        self._topic = topic
        self._positions = positions
        self._logger = logger
        self._producer: Any = None
        self._consumer: Any = None

    def connect(self, receive: bool) -> None:
        """Connect, look the topic up, and read on where the last driver was."""
        self._producer = _open(KafkaProducer, **self.options_of(KafkaProducer))
        try:
            # Has the topic created if the broker does that.
            partitions = self._producer.partitions_for(self._topic)
        except KafkaTimeoutError:
            self._raise_topic_error()
            raise
        if not receive:
            return
        self._consumer = _open(KafkaConsumer, **self.options_of(KafkaConsumer))
        assigned = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        self._consumer.assign(assigned)
        ends = self._consumer.end_offsets(assigned)
        begins = self._consumer.beginning_offsets(assigned)
        for each in assigned:
            start = self._positions.start(
                each.partition, begins[each], ends[each], self._topic, self._logger
            )
            self._consumer.seek(each, start)

    def options_of(self, kind: Any) -> dict[str, Any]:
        """Return the arguments of one of the client library's classes."""
        milliseconds = int(self.timeout * 1000)
        own = {
            "bootstrap_servers": self._servers,
            "request_timeout_ms": milliseconds,
            "bootstrap_timeout_ms": milliseconds,
            "reconnect_backoff_max_ms": 1000,
            "retry_backoff_ms": 50,
            # of a producer
            "acks": "all",
            "linger_ms": 0,
            "max_block_ms": milliseconds // 2,
            "delivery_timeout_ms": milliseconds,
            # of a consumer
            "enable_auto_commit": False,
            # For one that falls so far behind that Kafka drops what it has not read.
            "auto_offset_reset": "earliest",
            "fetch_max_wait_ms": 500,
            "fetch_min_bytes": 1,
        }
        return options_for(kind.DEFAULT_CONFIG, self._options, own)

    def _raise_topic_error(self) -> None:
        # The producer only waits for the topic in vain: ask what is wrong with it.
        admin = _open(KafkaAdminClient, **self.options_of(KafkaAdminClient))
        try:
            described = admin.describe_topics([self._topic])
        finally:
            admin.close()
        error = for_code(described[0]["error_code"])
        if error is not NoError:
            raise error(f"topic {self._topic!r}: {error.message}: {error.description}")

    def publish(self, messages: list[bytes]) -> None:
        """Publish messages, and wait until Kafka has them all."""
        producer = self._producer
        sent = []
        refused: MessageRefused | None = None
        for index, message in enumerate(messages):
            try:
                sent.append(producer.send(self._topic, message, partition=PARTITION))
            except MessageSizeTooLargeError as error:
                refused = MessageRefused(index, error)
                break
        producer.flush(self.timeout)
        for index, future in enumerate(sent):
            try:
                future.get(timeout=0.01)
            except MessageSizeTooLargeError as error:
                raise MessageRefused(index, error) from error
        if refused is not None:
            raise refused

    def receive(self, timeout: float) -> list[bytes]:
        """Return the next messages."""
        messages = []
        for partition, records in self._consumer.poll(int(timeout * 1000)).items():
            self._positions.note(partition.partition, records[-1].offset)
            messages += [record.value for record in records]
        return messages

    def close(self) -> None:
        """Stop both."""
        try:
            if self._consumer is not None:
                self._consumer.close(autocommit=False)
        finally:
            if self._producer is not None:
                _discard(self._producer)

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a broker that is away."""
        # ValueError and TypeError: the library refuses the topic's name by itself.
        return isinstance(error, (*REFUSALS, ValueError, TypeError))


class _Connections(KafkaConnectionManager):  # type: ignore[misc]  # the library has no types
    """The client library's connections, which give up at once when Kafka refuses them.

    The library's own only log a refusal, and try again until their time is over. Most of the time
    they do not even see it: when a connection ends, they drop what was received just before.
    """

    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        """Return a transport that hands over what it got before it says that it is closed."""
        transport = await super()._build_transport(*args, **kwargs)
        receive = transport._sock_recv

        def receive_all() -> tuple[bytes, BaseException | None]:
            data, error = receive()
            return data, None if data else error  # the error comes again, without data

        transport._sock_recv = receive_all
        return transport

    def update_backoff(self, node_id: Any) -> float:
        """Note that a connection failed; called while the error is handled."""
        error = sys.exception()
        if error is not None and not self.bootstrapped and _is_refusal(error):
            raise error
        delay: float = super().update_backoff(node_id)
        return delay


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, REFUSALS) or isinstance(
        error.__context__, ssl.SSLCertVerificationError
    )


def _open(kind: Any, **options: Any) -> Any:
    """Return one of the client library's objects, or raise why it cannot connect.

    The library would leave sockets open then; here they are closed.
    """
    opened = []

    def create_client(**config: Any) -> KafkaNetClient:
        net = NetworkSelector(**config)
        client = KafkaNetClient(net=net, manager=_Connections(net, **config), **config)
        opened.append(client)
        return client

    try:
        return kind(**options, kafka_client=create_client)
    except BaseException:
        for client in opened:
            client.close()
        raise


def _discard(producer: KafkaProducer) -> None:
    """Stop a producer without sending what waits in it: the manager's outbox has it, too.

    Its own `close` would first wait for that, and then leave its thread running.
    """
    producer._sender.force_close()
    producer._sender.join(_STOP_SECONDS)
    producer.close(timeout=0)
