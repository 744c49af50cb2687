"""The asyncio client manager for Apache Kafka."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Hashable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidTopicError,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    NoError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
    for_code,
)

from socketio.abc import BusDriver, MessageRefused, sharing_key
from socketio.async_pubsub_manager import AsyncPubSubManager
from socketio.runtimes import create_task

from .servers import PARTITION, Positions, check_options, options_for, parse_urls

REFUSALS = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidTopicError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)


class AsyncKafkaManager(AsyncPubSubManager):
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

    name = "aiokafka"

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
            self.connection_options, _options_of(AIOKafkaProducer), _options_of(AIOKafkaConsumer)
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
        return AsyncKafkaDriver(
            self.kafka_urls,
            self.connection_options,
            self.channel,
            self._positions,
            self.get_logger(),
        )


def _options_of(kind: type) -> frozenset[str]:
    return frozenset(inspect.signature(kind).parameters)


class AsyncKafkaDriver(BusDriver):
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

    def options_of(self, kind: type) -> dict[str, Any]:
        """Return the arguments of one of the client library's classes."""
        own = {
            "bootstrap_servers": self._servers,
            "request_timeout_ms": int(self.timeout * 1000),
            "retry_backoff_ms": 100,
            # of a producer
            "acks": "all",
            "linger_ms": 0,
            # of a consumer
            "enable_auto_commit": False,
            # For one that falls so far behind that Kafka drops what it has not read.
            "auto_offset_reset": "earliest",
            "fetch_max_wait_ms": 500,
            "fetch_min_bytes": 1,
        }
        return options_for(_options_of(kind), self._options, own)

    async def connect(self, receive: bool) -> None:
        """Connect, look the topic up, and read on where the last driver was."""
        options = self.options_of(AIOKafkaProducer)
        self._producer = AIOKafkaProducer(**options)
        try:
            await self._producer.start()
        except KafkaConnectionError:
            if "security_protocol" in options:  # else nothing could be refused
                await self._raise_refusal(options)
            raise
        await self._require_topic()
        if not receive:
            return
        self._consumer = AIOKafkaConsumer(**self.options_of(AIOKafkaConsumer))
        await self._consumer.start()
        partitions = await self._producer.partitions_for(self._topic)
        assigned = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        ends = await self._consumer.end_offsets(assigned)
        begins = await self._consumer.beginning_offsets(assigned)
        self._consumer.assign(assigned)
        for each in assigned:
            start = self._positions.start(
                each.partition, begins[each], ends[each], self._topic, self._logger
            )
            self._consumer.seek(each, start)

    async def _raise_refusal(self, options: dict[str, Any]) -> None:
        # The client library only logs why it cannot connect: have it try once more.
        known = inspect.signature(AIOKafkaConnection).parameters
        arguments = {name: value for name, value in options.items() if name in known}
        for server in self._servers:
            host, _, port = server.rpartition(":")
            connection = AIOKafkaConnection(host.strip("[]"), int(port), **arguments)
            try:
                await connection.connect()
            finally:
                connection.close()

    async def _require_topic(self) -> None:
        """Have the topic created if the broker does that, else raise what the broker says."""
        client = self._producer.client
        await client.add_topic(self._topic)
        deadline = time.monotonic() + self.timeout / 2
        while not client.cluster.partitions_for_topic(self._topic):
            if time.monotonic() > deadline:
                await self._raise_topic_error()
            await asyncio.sleep(0.1)
            await client.force_metadata_update()

    async def _raise_topic_error(self) -> None:
        # The client library keeps no error of a topic: ask for it.
        admin = AIOKafkaAdminClient(**self.options_of(AIOKafkaAdminClient))
        try:
            await admin.start()
            described = await admin.describe_topics([self._topic])
        finally:
            await admin.close()
        error = for_code(described[0]["error_code"])
        if error is NoError:
            return  # it has come into being this very moment
        raise error(f"topic {self._topic!r}: {error.message}: {error.description}")

    async def publish(self, messages: list[bytes]) -> None:
        """Publish messages, and wait until Kafka has them all."""
        send = self._producer.send
        sent = []
        refused: MessageRefused | None = None
        for index, message in enumerate(messages):
            try:
                sent.append(await send(self._topic, message, partition=PARTITION))
            except MessageSizeTooLargeError as error:
                refused = MessageRefused(index, error)
                break
        # All of them: asyncio complains of a failure that nobody looks at.
        for index, outcome in enumerate(await asyncio.gather(*sent, return_exceptions=True)):
            if isinstance(outcome, MessageSizeTooLargeError):
                raise MessageRefused(index, outcome) from outcome
            if isinstance(outcome, BaseException):
                raise outcome
        if refused is not None:
            raise refused

    async def receive(self, timeout: float) -> list[bytes]:
        """Return the next messages."""
        batches = await self._consumer.getmany(timeout_ms=int(timeout * 1000))
        messages = []
        for partition, records in batches.items():
            self._positions.note(partition.partition, records[-1].offset)
            messages += [record.value for record in records]
        return messages

    async def close(self) -> None:
        """Stop both."""
        both = [each for each in (self._producer, self._consumer) if each is not None]
        # Each waits for the broker for a while; neither must keep the other from stopping.
        for outcome in await asyncio.gather(
            *(create_task(each.stop()) for each in both), return_exceptions=True
        ):
            if isinstance(outcome, BaseException):
                raise outcome

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a broker that is away."""
        # ValueError and TypeError: the library refuses the topic's name by itself.
        return isinstance(error, (*REFUSALS, ValueError, TypeError))
