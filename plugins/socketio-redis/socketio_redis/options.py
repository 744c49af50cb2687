"""Which options connections to Redis get: what a manager depends on is set by it, and wins.

redis-py takes options from the URL's query, from arguments and from its own defaults, and changes
the defaults between its releases: version 8 gave every socket a timeout of five seconds, which
ends a subscription that is quiet for as long.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from redis.exceptions import RedisError

from .target import Target, query_options

FOREIGN = frozenset(
    (
        "auto_close_connection_pool",
        "cache",
        "cache_config",
        "cache_factory",
        "command_packer",
        "connection_pool",
        "encoder_class",
        "host",
        "port",
        "single_connection_client",
    )
)
"""Options of redis-py's that would put something else in the place of a manager's connections."""


def own_options(timeout: float, socket_timeout: float | None, retry: Any) -> dict[str, Any]:
    """Return the options that neither the URL nor the application changes.

    Args:
        timeout: Seconds that connecting may take.
        socket_timeout: Seconds that one read or write may take; None: whoever calls limits it.
        retry: redis-py's object for not trying again.
    """
    return {
        "socket_connect_timeout": timeout,
        "socket_timeout": socket_timeout,
        # The supervisor tries again, with a new driver.
        "retry": retry,
        "retry_on_timeout": False,
        "retry_on_error": [],
        # A probe of the library's would be answered between the answers that we count.
        "health_check_interval": 0,
        # Commands are packed, and answers read, in RESP 2 and bytes.
        "protocol": 2,
        "decode_responses": False,
        "encoding": "utf-8",
        "encoding_errors": "strict",
        # The library's "none" became a hundred in one release; a driver has two.
        "max_connections": 1 << 16,
    }


def merge_options(
    target: Target, url: str, given: Mapping[str, Any], own: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the URL without its query, and all options together.

    Args:
        target: What the manager's URL says.
        url: The URL for this attempt; its query wins over what was given, as in redis-py.
        given: What the application gave.
        own: What wins over both.
    """
    url, _, query = url.partition("?")
    options = {"socket_keepalive": True, **given, **query_options(query), **target.options, **own}
    if url.startswith("unix"):
        del options["socket_keepalive"]
    if target.topology == "sentinel":
        options = target.sentinel_options(options, own)
    return url, options


def check_options(target: Target, given: Mapping[str, Any]) -> None:
    """Refuse options that would take a manager's connections away from it.

    Raises:
        ValueError: Such an option; the message names it.
    """
    query = query_options(target.url.partition("?")[2])
    for name in (*given, *query, *target.options):
        if name in FOREIGN:
            raise ValueError(
                f"the option {name!r} of redis-py is not for a client manager, which makes its "
                "own connections: leave it out of the URL's query and of redis_options="
            )


_accepted: set[Hashable] = set()


def check_once(key: Hashable | None, create_client: Callable[[], Any]) -> None:
    """Refuse options that redis-py does not take, by making a connection that never connects.

    Args:
        key: What the options are; a process may make a manager for each of its tasks, and the
            same ones are looked at once. None: they are always looked at.
        create_client: Returns the library's client.

    Raises:
        ValueError: It does not take one; the message names it.
    """
    if key in _accepted:
        return
    try:
        create_client().connection_pool.make_connection()
    except REFUSALS as error:
        raise refused_option(error) from error
    if key is not None and len(_accepted) < _MOST_ACCEPTED:
        _accepted.add(key)


def refused_option(error: Exception) -> ValueError:
    """Return what to raise when redis-py does not take an option."""
    return ValueError(
        f"redis-py does not take what the URL's query or redis_options= says: {error}"
    )


_MOST_ACCEPTED = 1000

REFUSALS = (TypeError, ValueError, RedisError)
"""What redis-py raises for options that it does not take, before it connects."""
