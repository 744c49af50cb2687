"""The client manager for Apache Kafka, for threads and greenlets."""

from __future__ import annotations

import logging
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

from socketio.abc.driver import BusDriver, MessageRefused
from socketio.pubsub_manager import PubSubManager

from .servers import PARTITION, Positions, parse_urls

REFUSALS = (
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidTopicError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)


class KafkaManager(PubSubManager):
    """Shares the clients of several processes through Apache Kafka.

    Args:
        url: Where Kafka is: `kafka://host:port`, or a list of such.
        channel: The topic; the same in all processes that belong together.
        write_only: Only emit, receive nothing: for processes without a server.
        logger: Where changes are logged; None: the server's logger.
        json: A JSON module for the messages; None: the server's.

    Raises:
        ValueError: The URL is none that is understood.
    """

    name = "kafka"

    def __init__(
        self,
        url: str | list[str] = "kafka://localhost:9092",
        channel: str = "socketio",
        write_only: bool = False,
        logger: logging.Logger | None = None,
        json: Any = None,
    ) -> None:
        super().__init__(channel=channel, write_only=write_only, logger=logger, json=json)
        self.url = url
        self.kafka_urls, self._login = parse_urls(url)
        self._positions = Positions()

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet."""
        return KafkaDriver(self.kafka_urls, self._login, self.channel, self._positions)


class KafkaDriver(BusDriver):
    """A producer, and a consumer of all partitions that belongs to no group.

    Args:
        servers: The bootstrap servers.
        login: How to log in.
        topic: The topic.
        positions: Where the driver before this one had read to.
    """

    keeps_messages = True

    def __init__(
        self, servers: list[str], login: dict[str, Any], topic: str, positions: Positions
    ) -> None:
        self._servers = servers
        self._login = login
        self._topic = topic
        self._positions = positions
        self._producer: Any = None
        self._consumer: Any = None

    def connect(self, receive: bool) -> None:
        """Connect, look the topic up, and read on where the last driver was."""
        milliseconds = int(self.timeout * 1000)
        options = {
            "bootstrap_servers": self._servers,
            "request_timeout_ms": milliseconds,
            **self._login,
        }
        self._producer = KafkaProducer(
            **options,
            max_block_ms=milliseconds // 2,
            delivery_timeout_ms=milliseconds,
            retry_backoff_ms=50,
        )
        try:
            # Has the topic created if the broker does that.
            partitions = self._producer.partitions_for(self._topic)
        except KafkaTimeoutError:
            self._raise_topic_error(options)
            raise
        if not receive:
            return
        self._consumer = KafkaConsumer(
            **options, enable_auto_commit=False, auto_offset_reset="latest"
        )
        assigned = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        self._consumer.assign(assigned)
        ends = self._consumer.end_offsets(assigned)
        begins = self._consumer.beginning_offsets(assigned)
        for each in assigned:
            start = self._positions.start_of(each.partition)
            if start is None or not begins[each] <= start <= ends[each]:
                start = ends[each]
            self._consumer.seek(each, start)

    def _raise_topic_error(self, options: dict[str, Any]) -> None:
        # The producer only waits for the topic in vain: ask what is wrong with it.
        admin = KafkaAdminClient(**options)
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
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
        if self._producer is not None:
            self._producer.close(timeout=0)

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a broker that is away."""
        # ValueError and TypeError: the library refuses the topic's name by itself.
        return isinstance(error, (*REFUSALS, ValueError, TypeError))
