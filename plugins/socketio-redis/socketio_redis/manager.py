"""The client manager for Redis, for threads and greenlets."""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Iterator
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from socketio.abc import BusDriver, sharing_key
from socketio.pubsub_manager import PubSubManager

from .options import check_once, check_options, merge_options, own_options
from .pace import LOOK, Pace
from .place import Place
from .publishing import PublishCommands
from .refusal import is_refusal, is_withheld
from .target import Target, parse_url
from .target import (
    parse_redis_sentinel_url as parse_redis_sentinel_url,  # of `socketio.redis_manager` too
)

_MOST = 1000
"""Messages that `receive` returns at once, at most."""

_MOST_BYTES = 8 << 20
"""Bytes after which it returns."""


class RedisManager(PubSubManager):
    """Shares the clients of several processes through Redis or Valkey.

    Args:
        url: Where Redis is; see `socketio_redis.target.parse_url`.
        channel: The pub/sub channel; the same in all processes that belong together.
        write_only: Only emit, receive nothing: for processes without a server.
        logger: Where changes are logged; None: the server's logger.
        json: A JSON module for the messages; None: the server's.
        redis_options: Further arguments of `Redis.from_url()` or `Sentinel()`. Timeouts, retries,
            the protocol, decoding and the pool's size are the manager's: it sets them itself.
        secret: Signs every message, and has those ignored that are not signed with it.

    Raises:
        ValueError: The URL is none that is understood, or has an option that cannot work; so
            have `redis_options`.
    """

    name = "redis"

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        channel: str = "socketio",
        write_only: bool = False,
        logger: logging.Logger | None = None,
        json: Any = None,
        redis_options: dict[str, Any] | None = None,
        *,
        secret: str | bytes | None = None,
    ) -> None:
        super().__init__(
            channel=channel, write_only=write_only, logger=logger, json=json, secret=secret
        )
        self.redis_url = url
        self.redis_options = dict(redis_options or {})
        self._target = parse_url(url)
        self._urls = self._target.urls()
        check_options(self._target, self.redis_options)
        driver = RedisDriver(self._target, self._target.urls(), self.redis_options, channel)
        check_once(self.connection_key(), driver.create_client)

    def connection_key(self) -> Hashable | None:
        """Return what tells apart what cannot share a connection; see the base class."""
        return sharing_key(self.redis_url, self.channel, self.redis_options)

    @property
    def broker_url(self) -> str:
        """The URL, as it was given."""
        return self.redis_url

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet."""
        return RedisDriver(self._target, self._urls, self.redis_options, self.channel)


class RedisDriver(BusDriver):
    """Two connections to Redis: one that publishes, and one that is subscribed.

    Args:
        target: What the manager's URL says.
        urls: The URL for this attempt comes next.
        options: Arguments of the client library.
        channel: The pub/sub channel.
    """

    def __init__(
        self, target: Target, urls: Iterator[str], options: dict[str, Any], channel: str
    ) -> None:
        self._target = target
        self._url = next(urls)
        self._options = options
        self._channel = channel
        self._commands = PublishCommands(channel)
        self._pace = Pace()
        self._place = Place(target.topology)
        self._sentinel: Sentinel | None = None
        self.counts_subscribers = target.topology != "cluster"  # a node knows its own only
        self._client: Redis | None = None
        self._sentinels: list[Redis] = []
        self._writer: Any = None
        self._reader: Any = None

    def create_client(self) -> Redis:
        """Return the library's client, not connected yet."""
        own = own_options(self.timeout, self.timeout, Retry(NoBackoff(), 0))
        url, options = merge_options(self._target, self._url, self._options, own)
        if self._target.topology != "sentinel":
            client: Redis = Redis.from_url(url, **options)
            return client
        self._sentinel = sentinel = Sentinel(self._target.hosts, **options)
        self._sentinels = sentinel.sentinels
        master: Redis = sentinel.master_for(self._service)
        return master

    def connect(self, receive: bool) -> None:
        """Connect, subscribe, and see that both connections work."""
        self._client = self.create_client()
        pool = self._client.connection_pool
        self._writer = pool.make_connection()
        try:
            self._writer.connect()
        except MasterNotFoundError:
            # The client library does not tell why a sentinel refused us.
            for sentinel in self._sentinels:
                sentinel.ping()
            raise
        self._ask(self._writer, "PING")
        if self._place.due(time.monotonic()):
            self._check_place()
        if receive:
            self._reader = pool.make_connection()
            self._reader.connect()
            self._ask(self._reader, "SUBSCRIBE", self._channel)

    @staticmethod
    def _ask(connection: Any, *command: str) -> Any:
        connection.send_command(*command)
        return connection.read_response()

    def publish(self, messages: list[bytes]) -> None:
        """Publish messages, and wait for the answer to each."""
        if self._place.due(time.monotonic()):
            self._check_place()
        if self._pace.note(messages):
            self._wait_for_subscribers()
        writer = self._writer
        writer.send_packed_command([self._commands.pack(messages)])
        for _ in messages:
            self.reached = writer.read_response()

    @property
    def _service(self) -> str:
        return self._target.service or self._channel

    def _check_place(self) -> None:
        """See that we are with the primary, or in the cluster; see `Place`."""
        place, writer = self._place, self._writer
        try:
            place.check(self._ask(writer, *place.question))
        except ResponseError as error:
            if not is_withheld(error):
                raise
            place.cannot_ask()
        except RedisConnectionError:
            # It was closed because it was idle. Nothing is lost with it, unlike with the other one.
            writer.disconnect()
            writer.connect()
            place.check(self._ask(writer, *place.question))
        if self._sentinel is not None:
            try:
                told = self._sentinel.discover_master(self._service)
            except RedisError:
                return  # no sentinel is there to tell
            place.check_address((writer.host, writer.port), told)

    def _wait_for_subscribers(self) -> None:
        deadline = time.monotonic() + self.timeout / 2
        try:
            while (now := time.monotonic()) < deadline:
                seconds = self._pace.wait(self._ask(self._writer, *LOOK), now)
                if not seconds:
                    return
                time.sleep(seconds)
        except ResponseError:
            self._pace.give_up()

    def subscribers(self) -> int:
        """Return how many are subscribed; see the base class."""
        try:
            _, count = self._ask(self._writer, "PUBSUB", "NUMSUB", self._channel)
        except ResponseError:
            self.counts_subscribers = False  # not for us
            return 0
        return int(count)

    def receive(self, timeout: float) -> list[bytes]:
        """Return the next messages."""
        reader = self._reader
        messages: list[bytes] = []
        size = 0
        while (
            len(messages) < _MOST
            and size < _MOST_BYTES
            and reader.can_read(0 if messages else timeout)
        ):
            kind, _, message = reader.read_response()
            if kind == b"message":
                messages.append(message)
                size += len(message)
        return messages

    def close(self) -> None:
        """Close all connections."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.disconnect()
        for client in (self._client, *self._sentinels):
            if client is not None:
                client.close()

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a server that is away."""
        return is_refusal(error)
