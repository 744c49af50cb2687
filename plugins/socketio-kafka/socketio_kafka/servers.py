"""Which Kafka servers a URL means."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

PARTITION = 0
"""The partition that is written to: one, because only within one does Kafka keep the order."""


def parse_urls(url: str | Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the bootstrap servers of a URL, or of several, and the login.

    Args:
        url: `kafka://[user:password@]host:port[,host:port…]`, or a list of such; `kafka://` is
            localhost:9092.

    Raises:
        ValueError: It is none; the message does not show the password.
    """
    servers: list[str] = []
    options: dict[str, Any] = {}
    for each in [url] if isinstance(url, str) else url:
        scheme, separator, rest = each.partition("://")
        if not separator or scheme.lower() != "kafka":
            shown = repr(scheme) if separator else "a text without ://"
            raise ValueError(f"{shown} is no scheme of a Kafka URL; use kafka://host:port")
        rest, _, query = rest.partition("?")
        if query:
            raise ValueError(
                f"the query of the Kafka URL has {query.partition('=')[0]!r}; a Kafka URL has no "
                "options: give them as connection_options="
            )
        login, _, hosts = rest.rstrip("/").rpartition("@")
        for host in (hosts or "localhost:9092").split(","):
            if "/" in host:
                raise ValueError(
                    "a Kafka URL has no path: the topic is the channel, options are "
                    "connection_options="
                )
            name, colon, port = host.rpartition(":")
            if colon and not port.isdigit():
                raise ValueError(f"the port in the Kafka URL is {port!r}, not a number")
            if not (name if colon else host):
                raise ValueError("the Kafka URL names no host")
            servers.append(host if colon else f"{host}:9092")
        if login:
            user, _, password = login.partition(":")
            options = {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "sasl_plain_username": unquote(user),
                "sasl_plain_password": unquote(password),
            }
    if not servers:
        raise ValueError("no Kafka URL is given")
    return servers, options


OWN_OPTIONS = frozenset(
    (
        "acks",
        "auto_offset_reset",
        "bootstrap_servers",
        "bootstrap_timeout_ms",
        "consumer_timeout_ms",
        "delivery_timeout_ms",
        "enable_auto_commit",
        "fetch_max_wait_ms",
        "fetch_min_bytes",
        "group_id",
        "isolation_level",
        "kafka_client",
        "key_deserializer",
        "key_serializer",
        "linger_ms",
        "loop",
        "max_block_ms",
        "partitioner",
        "reconnect_backoff_max_ms",
        "request_timeout_ms",
        "retries",
        "retry_backoff_ms",
        "transactional_id",
        "value_deserializer",
        "value_serializer",
    )
)
"""Options that a manager sets, or leaves as they are, itself; what is given for them is ignored."""


def check_options(given: Mapping[str, Any], *known: Collection[str]) -> None:
    """Refuse options that neither the producer nor the consumer knows.

    Args:
        given: What the application gave.
        *known: The names of the options of each.

    Raises:
        ValueError: There is one; the message names it.
    """
    for name in given:
        if not any(name in names for names in known) and name not in OWN_OPTIONS:
            raise ValueError(
                f"connection_options= has {name!r}, which neither the producer nor the consumer of "
                "the Kafka client library knows"
            )


def options_for(
    known: Collection[str], given: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of a producer, consumer or admin client.

    Args:
        known: The names of its options.
        given: What the application gave for all of them.
        own: What the manager sets; it wins.
    """
    allowed = {
        name: value for name, value in given.items() if name in known and name not in OWN_OPTIONS
    }
    return {**allowed, **{name: value for name, value in own.items() if name in known}}


class Positions:
    """Where in each partition a manager has read to, from one driver to the next."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}

    def note(self, partition: int, offset: int) -> None:
        """Note the last message read from a partition."""
        self._next[partition] = offset + 1

    def start(
        self, partition: int, begin: int, end: int, topic: str, logger: logging.Logger
    ) -> int:
        """Return where to read on in a partition: nothing that Kafka still has is missed.

        Args:
            partition: Its number.
            begin: The first message that Kafka still has.
            end: The one that comes next.
            topic: The topic, for the log.
            logger: Where is noted what is missed.
        """
        known = bool(self._next)
        start = self._next.get(partition)
        if start is None:
            # At the very first, what comes from now on; a partition that is new was never read.
            start = begin if known else end
        elif start < begin:
            logger.error(
                "%d messages of the Kafka topic %r are missed: Kafka has kept them no longer",
                *(begin - start, topic),
            )
            start = begin
        elif start > end:
            logger.error(
                "the Kafka topic %r has been made anew, or has lost messages; what was published "
                "since is missed",
                topic,
            )
            start = end
        elif start < end:
            logger.info("%d messages of the Kafka topic %r are made up for", end - start, topic)
        self._next[partition] = start
        return start
