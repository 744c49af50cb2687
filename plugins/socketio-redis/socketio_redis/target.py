"""Which Redis servers a URL means, and how to make connections to them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.connection import parse_url as parse_redis_url

SCHEMES = (
    *(
        f"{base}{topology}"
        for base in ("redis", "rediss", "valkey", "valkeys")
        for topology in ("", "+sentinel", "+cluster")
    ),
    "unix",
)
"""The schemes of the URLs that the managers understand."""

DEFAULT_PORTS = {"": 6379, "cluster": 6379, "sentinel": 26379}


@dataclass(frozen=True)
class Target:
    """What a URL says.

    Redis Cluster carries what is published on any node to all of its nodes, so that one
    connection to one of them is enough; when it fails, the next one is taken.
    """

    topology: str
    """`""` for one server, `"sentinel"` or `"cluster"`."""

    url: str
    """The URL for redis-py, without hosts that it does not understand."""

    hosts: tuple[tuple[str, int], ...] = ()
    """The sentinels, or nodes of the cluster."""

    service: str | None = None
    """What the sentinels call the master."""

    options: dict[str, Any] = field(default_factory=dict)
    """User, password, database, TLS; what stands in the query of a URL with several hosts."""

    def urls(self) -> Iterator[str]:
        """Yield, for ever, the URL to use for each attempt to connect."""
        if not self.hosts:
            return itertools.repeat(self.url)
        return itertools.cycle(self.url.format(host=host, port=port) for host, port in self.hosts)

    def sentinel_options(self, options: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of redis-py's `Sentinel()`.

        The sentinels are reached as the servers behind them, by TLS or not and as patiently, but
        have logins of their own, which `sentinel_kwargs` may bring.

        Args:
            options: Those for connections to the servers behind.
            own: Those among them that nobody changes.
        """

        def shared(some: dict[str, Any]) -> dict[str, Any]:
            return {
                name: value
                for name, value in some.items()
                if name in ("protocol", "retry") or name.startswith(("socket_", "ssl"))
            }

        given = options.get("sentinel_kwargs", {})
        return {**options, "sentinel_kwargs": {**shared(options), **given, **shared(own)}}


def parse_url(url: str) -> Target:
    """Return what a URL says.

    Args:
        url: `redis://[[user]:password@]host[:port][/db]`, `rediss://…` for TLS,
            `unix://[user:password@]/path?db=0`, `redis+sentinel://[user:password@]host:port,…/db/service`
            or `redis+cluster://[user:password@]host:port,…`; `valkey` in the place of `redis` is
            the same.

    Raises:
        ValueError: It is none of these; the message does not show the password.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in SCHEMES:
        raise ValueError(
            f"{scheme if separator else 'a text without ://'!r} is no scheme of a Redis URL; "
            f"use one of {', '.join(SCHEMES)}"
        )
    base, _, topology = scheme.replace("valkey", "redis").partition("+")
    if not topology:
        _check(f"{base}://{rest}")
        return Target("", f"{base}://{rest}")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    credentials, at, hosts_text = authority.rpartition("@")
    hosts = tuple(_host(each, DEFAULT_PORTS[topology]) for each in hosts_text.split(","))
    options: dict[str, Any] = {"ssl": True} if base == "rediss" else {}
    if topology == "cluster":
        url = f"{base}://{credentials}{at}{{host}}:{{port}}/{path}"
        return Target(topology, url, hosts, None, query_options(query))
    user, _, password = credentials.partition(":")
    if user:
        options["username"] = unquote(user)
    if password:
        options["password"] = unquote(password)
    database, _, service = path.partition("/")
    if database:
        options["db"] = _number(database, "database")
    options.update(query_options(query))
    return Target(topology, "", hosts, unquote(service) or None, options)


def parse_redis_sentinel_url(
    url: str,
) -> tuple[list[tuple[str, int]], str | None, dict[str, Any]]:
    """Return the sentinels, the service and the connection options of a sentinel URL.

    Raises:
        ValueError: It is no `redis+sentinel://` or `valkey+sentinel://` URL.
    """
    target = parse_url(url) if "+sentinel://" in url else None
    if target is None:
        raise ValueError("Invalid Redis Sentinel URL")
    return list(target.hosts), target.service, dict(target.options)


def query_options(query: str) -> dict[str, Any]:
    """Return the options in a URL's query, with the types that redis-py gives them."""
    return dict(parse_redis_url(f"redis://?{query}")) if query else {}


def _host(text: str, default_port: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default_port)
    if not host:
        raise ValueError("the Redis URL has an empty host in its list of hosts")
    return host.strip("[]"), _number(port, "port")


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the {what} in the Redis URL is {text!r}, not a number")
    return int(text)


def _check(url: str) -> None:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the port in the Redis URL is not a number: {error}") from None
    if port == 0:
        raise ValueError("the port in the Redis URL is 0")
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("a unix:// URL needs the path of the socket: unix:///run/redis.sock")
    elif parts.path.strip("/"):
        _number(parts.path.strip("/"), "database")
