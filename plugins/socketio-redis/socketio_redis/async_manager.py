"""The asyncio client manager for Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Iterator
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from socketio.abc import BusDriver, sharing_key
from socketio.async_inbox import AsyncInbox
from socketio.async_pubsub_manager import AsyncPubSubManager
from socketio.runtimes import create_task

from .options import check_once, check_options, merge_options, own_options
from .pace import LOOK, Pace
from .place import Place
from .publishing import PublishCommands
from .refusal import is_refusal, is_withheld
from .target import Target, parse_url


class AsyncRedisManager(AsyncPubSubManager):
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

    name = "aioredis"

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
        driver = AsyncRedisDriver(self._target, self._target.urls(), self.redis_options, channel)
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
        return AsyncRedisDriver(self._target, self._urls, self.redis_options, self.channel)


class AsyncRedisDriver(BusDriver):
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
        self._inbox = AsyncInbox()
        self._client: Redis | None = None
        self._sentinels: list[Redis] = []
        self._writer: Any = None
        self._reader: Any = None
        self._reading: asyncio.Task[None] | None = None

    def create_client(self) -> Redis:
        """Return the library's client, not connected yet."""
        own = own_options(self.timeout, None, Retry(NoBackoff(), 0))
        url, options = merge_options(self._target, self._url, self._options, own)
        if self._target.topology != "sentinel":
            client: Redis = Redis.from_url(url, **options)
            return client
        self._sentinel = sentinel = Sentinel(self._target.hosts, **options)
        self._sentinels = sentinel.sentinels
        master: Redis = sentinel.master_for(self._service)
        return master

    async def connect(self, receive: bool) -> None:
        """Connect, subscribe, and see that both connections work."""
        self._client = self.create_client()
        pool = self._client.connection_pool
        self._writer = pool.make_connection()
        try:
            await self._writer.connect()
        except MasterNotFoundError:
            # The client library does not tell why a sentinel refused us.
            for sentinel in self._sentinels:
                await sentinel.ping()
            raise
        await self._ask(self._writer, "PING")
        if self._place.due(asyncio.get_running_loop().time()):
            await self._check_place()
        if not receive:
            return
        self._reader = pool.make_connection()
        await self._reader.connect()
        await self._ask(self._reader, "SUBSCRIBE", self._channel)
        self._reading = create_task(self._read(), name="socketio-redis-reader")

    @staticmethod
    async def _ask(connection: Any, *command: str) -> Any:
        await connection.send_command(*command)
        return await connection.read_response()

    async def _read(self) -> None:
        inbox = self._inbox
        read_response = self._reader.read_response
        try:
            while True:
                kind, _, message = await read_response()
                if kind == b"message":
                    inbox.put(message)
                    await inbox.room()
        except Exception as error:  # whatever the client library raises; `receive` passes it on
            inbox.fail(error)

    async def publish(self, messages: list[bytes]) -> None:
        """Publish messages, and wait for the answer to each."""
        if self._place.due(asyncio.get_running_loop().time()):
            await self._check_place()
        if self._pace.note(messages):
            await self._wait_for_subscribers()
        writer = self._writer
        await writer.send_packed_command(self._commands.pack(messages))
        for _ in messages:
            self.reached = await writer.read_response()

    @property
    def _service(self) -> str:
        return self._target.service or self._channel

    async def _check_place(self) -> None:
        """See that we are with the primary, or in the cluster; see `Place`."""
        place, writer = self._place, self._writer
        try:
            place.check(await self._ask(writer, *place.question))
        except ResponseError as error:
            if not is_withheld(error):
                raise
            place.cannot_ask()
        except RedisConnectionError:
            # It was closed because it was idle. Nothing is lost with it, unlike with the other one.
            await writer.disconnect()
            await writer.connect()
            place.check(await self._ask(writer, *place.question))
        if self._sentinel is not None:
            try:
                told = await self._sentinel.discover_master(self._service)
            except RedisError:
                return  # no sentinel is there to tell
            place.check_address((writer.host, writer.port), told)

    async def _wait_for_subscribers(self) -> None:
        now = asyncio.get_running_loop().time
        deadline = now() + self.timeout / 2
        try:
            while now() < deadline:
                seconds = self._pace.wait(await self._ask(self._writer, *LOOK), now())
                if not seconds:
                    return
                await asyncio.sleep(seconds)
        except ResponseError:
            self._pace.give_up()

    async def subscribers(self) -> int:
        """Return how many are subscribed; see the base class."""
        try:
            _, count = await self._ask(self._writer, "PUBSUB", "NUMSUB", self._channel)
        except ResponseError:
            self.counts_subscribers = False  # not for us
            return 0
        return int(count)

    async def receive(self, timeout: float) -> list[bytes]:
        """Return the next messages."""
        return await self._inbox.receive(timeout)

    async def close(self) -> None:
        """Close all connections."""
        if self._reading is not None:
            self._reading.cancel()
        for connection in (self._reader, self._writer):
            if connection is not None:
                # TLS takes a moment to end, for which the loop stays if others come after this one.
                await connection.disconnect(nowait=not self.leaving)
        for client in (self._client, *self._sentinels):
            if client is not None:
                await client.aclose()

    def is_permanent(self, error: BaseException) -> bool:
        """Tell a refusal from a server that is away."""
        return is_refusal(error)
