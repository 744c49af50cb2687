"""`RedisManager` where applications import it from; a plugin provides it."""

from __future__ import annotations

from typing import Any

from .plugins.public_names import load, of_module

__getattr__ = of_module(__name__, "RedisManager")


def parse_redis_sentinel_url(
    url: str,
) -> tuple[list[tuple[str, int]], str | None, dict[str, Any]]:
    """Return the sentinels, the service and the connection options of a sentinel URL.

    Args:
        url: Such as `redis+sentinel://host1:26379,host2:26379/0/service`.

    Raises:
        PluginImportError: The plugin for Redis is not there; the message says what to install.
        ValueError: It is no `redis+sentinel://` or `valkey+sentinel://` URL.
    """
    load("RedisManager")  # the error that names the plugin, where it is missing
    from socketio_redis.target import parse_redis_sentinel_url as parse

    return parse(url)
