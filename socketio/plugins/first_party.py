"""What this project's own plugins provide, so that an error can say what to install.

Messages are made of it, nothing else: what is installed says for itself what it provides.
"""

from __future__ import annotations

from collections.abc import Mapping

from .types import Flavour

_REDIS_SCHEMES = [
    f"{secure}{topology}"
    for secure in ("redis", "rediss", "valkey", "valkeys")
    for topology in ("", "+sentinel", "+cluster")
] + ["unix"]

# The names of modes with the extras of socketio-web that bring them.
_ASYNC_MODES: Mapping[Flavour, Mapping[str, str]] = {
    "async": {"aiohttp": "aiohttp", "sanic": "sanic", "tornado": "tornado"},
    "sync": {"eventlet": "eventlet", "gevent": "gevent", "gevent_uwsgi": "uwsgi"},
}

_MANAGERS: Mapping[Flavour, Mapping[str, str]] = {
    "async": {
        "redis": "socketio-redis",
        "kafka": "socketio-kafka[async]",
        "aiopika": "socketio-aiopika",
    },
    "sync": {
        "redis": "socketio-redis",
        "kafka": "socketio-kafka",
        "kombu": "socketio-kombu",
    },
}

_SCHEMES: Mapping[Flavour, Mapping[str, str]] = {
    "async": {
        **dict.fromkeys(_REDIS_SCHEMES, "socketio-redis"),
        **dict.fromkeys(("amqp", "amqps"), "socketio-aiopika"),
        "kafka": "socketio-kafka[async]",
    },
    "sync": {
        **dict.fromkeys(_REDIS_SCHEMES, "socketio-redis"),
        **dict.fromkeys(("amqp", "amqps", "pyamqp", "sqs"), "socketio-kombu"),
        "kafka": "socketio-kafka",
    },
}

_FRAMEWORKS: Mapping[Flavour, tuple[str, ...]] = {
    "async": (
        "aiohttp",
        "django",
        "fastapi",
        "litestar",
        "quart",
        "sanic",
        "starlette",
        "tornado",
    ),
    "sync": ("django", "flask"),
}

CATCH_ALL = "builtins.object"
"""The application type of attachments that take whatever no other takes."""

NEEDS_ATTACHMENT = frozenset({"aiohttp", "tornado"})
"""Frameworks whose application is no ASGI callable although it looks like one: without their
attachment there is no way to serve it."""


def install_target(kind: str, flavour: Flavour | None, name: str) -> str:
    """Tell what to install to have something.

    Args:
        kind: The kind of thing, as in `socketio.plugins.claims.Key`.
        flavour: Its flavour.
        name: Its name.

    Returns:
        What to give to pip; empty if none of this project's distributions provides it.
    """
    if flavour is None:
        return ""
    package = name.partition(".")[0]
    if kind == "async mode" and name in _ASYNC_MODES[flavour]:
        return f"socketio-web[{_ASYNC_MODES[flavour][name]}]"
    if kind in ("application type", "attachment") and package in _FRAMEWORKS[flavour]:
        return f"socketio-web[{package}]"
    if kind == "application type" and name == CATCH_ALL:
        return "socketio-web"
    if kind == "client manager":
        return _MANAGERS[flavour].get(name, "")
    if kind == "URL scheme":
        return _SCHEMES[flavour].get(name, "")
    return ""
