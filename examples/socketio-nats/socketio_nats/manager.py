"""The client manager: a driver of four methods; the rest is socketio's."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Any
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError

from socketio.abc import BusDriver, MessageRefused, sharing_key
from socketio.async_inbox import AsyncInbox
from socketio.async_pubsub_manager import AsyncPubSubManager


class AsyncNatsManager(AsyncPubSubManager):
    """Shares the clients of several processes through NATS."""

    name = "nats"

    def __init__(
        self,
        url: str = "nats://localhost:4222",
        channel: str = "socketio",
        write_only: bool = False,
        logger: logging.Logger | None = None,
        json: Any = None,
    ) -> None:
        super().__init__(channel=channel, write_only=write_only, logger=logger, json=json)
        if urlsplit(url).scheme not in ("nats", "tls"):
            raise ValueError("a NATS URL begins with nats:// or tls://")
        if query := urlsplit(url).query:  # the client library would ignore it
            raise ValueError(f"a NATS URL has no options, but this one {query.split('=')[0]!r}")
        self.url = url

    def connection_key(self) -> Hashable | None:
        return sharing_key(self.url, self.channel)

    def create_driver(self) -> BusDriver:
        return NatsDriver(self.url, self.channel)


class NatsDriver(BusDriver):
    """One connection, for one attempt: when it fails, socketio makes a new driver."""

    def __init__(self, url: str, subject: str) -> None:
        self._url = url
        self._subject = subject
        self._inbox = AsyncInbox()  # NATS pushes messages; `receive` is asked for them
        self._client: Client | None = None

    async def connect(self, receive: bool) -> None:
        try:
            self._client = await self._open()
        except ConnectionResetError:
            # NATS has closed it before the library's second write, and why was never read. With
            # `verbose` the library reads the answer to the first.
            self._client = await self._open(verbose=True)
        if receive:
            await self._client.subscribe(self._subject, cb=self._take)
            await self._client.flush(self.timeout)  # subscribed when this is answered

    async def _open(self, **options: Any) -> Client:
        return await nats.connect(
            self._url,
            allow_reconnect=False,  # the supervisor connects again
            connect_timeout=max(1, int(self.timeout)),
            no_echo=False,  # our own messages show that the way is open
            error_cb=self._error,
            disconnected_cb=self._disconnected,
            **options,
        )

    async def _take(self, message: Msg) -> None:
        self._inbox.put(message.data)

    async def _error(self, error: Exception) -> None:
        if self._client is not None:
            self._inbox.fail(error)

    async def _disconnected(self) -> None:
        self._inbox.fail(ConnectionError("NATS closed the connection"))

    async def publish(self, messages: list[bytes]) -> None:
        assert self._client is not None
        for index, message in enumerate(messages):
            try:
                await self._client.publish(self._subject, message)
            except MaxPayloadError as error:
                await self._client.flush(self.timeout)
                raise MessageRefused(index, error) from error
        await self._client.flush(self.timeout)  # NATS has taken them when this is answered

    async def receive(self, timeout: float) -> list[bytes]:
        return await self._inbox.receive(timeout)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def is_permanent(self, error: BaseException) -> bool:
        return isinstance(error, Error) and "authorization" in str(error).lower()
