"""What this project's own plugins provide, so that an error can say what to install.

Messages are made of it, nothing else: what is installed says for itself what it provides.
"""

from __future__ import annotations

from collections.abc import Mapping

_REDIS = "socketio-redis"
_KOMBU = "socketio-kombu"
_KAFKA = "socketio-kafka"
_AIOPIKA = "socketio-aiopika"

ASYNC_MODES: Mapping[str, str] = {
    name: f"socketio-web[{name}]"
    for name in ("aiohttp", "tornado", "sanic", "eventlet", "gevent", "gevent_uwsgi")
}
"""Install target of each async mode."""

APPLICATION_PACKAGES: Mapping[str, str] = {
    name: f"socketio-web[{name}]"
    for name in (
        "aiohttp",
        "django",
        "fastapi",
        "flask",
        "litestar",
        "quart",
        "sanic",
        "starlette",
        "tornado",
    )
}
"""Install target of each framework, by the package that its application class lives in."""

NOT_CALLABLE_AS_ASGI_OR_WSGI = frozenset({"aiohttp", "tornado"})
"""Frameworks whose application has to be attached by a plugin; the others can be wrapped."""

SYNC_MANAGERS: Mapping[str, str] = {"redis": _REDIS, "kombu": _KOMBU, "kafka": _KAFKA}
"""Install target of each client manager for `Server`, by its name."""

ASYNC_MANAGERS: Mapping[str, str] = {
    "redis": _REDIS,
    "kafka": f"{_KAFKA}[async]",
    "aiopika": _AIOPIKA,
}
"""Install target of each client manager for `AsyncServer`, by its name."""

_REDIS_SCHEMES = (
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "valkey+sentinel",
    "valkeys+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "valkey+cluster",
    "valkeys+cluster",
)

SYNC_SCHEMES: Mapping[str, str] = {
    **dict.fromkeys(_REDIS_SCHEMES, _REDIS),
    **dict.fromkeys(("amqp", "amqps", "pyamqp", "sqs", "confluentkafka"), _KOMBU),
    "kafka": _KAFKA,
}
"""Install target for each URL scheme of a `Server`'s client manager."""

ASYNC_SCHEMES: Mapping[str, str] = {
    **dict.fromkeys(_REDIS_SCHEMES, _REDIS),
    **dict.fromkeys(("amqp", "amqps"), _AIOPIKA),
    "kafka": f"{_KAFKA}[async]",
}
"""Install target for each URL scheme of an `AsyncServer`'s client manager."""
