"""The frameworks that a server can be attached to: one line each.

A new framework is an attachment in `plugins/socketio-web`, a program `applications/NAME_app.py`
that keeps `applications/contract.py`, and a line here. The tests run with the newest release that
the extra allows, and by `make frameworks-oldest` with the oldest.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Framework:
    """One framework, as its tests see it."""

    name: str
    """Name of its program."""
    distribution: str
    """What pip installs; the extra of the same name holds its bounds."""
    mode: str
    """The async mode that follows from the attachment."""
    key: str | None = None
    """The framework's own request object in `environ`."""
    same: bool = True
    """Whether `attach` returns the application itself."""
    mounts: bool = False
    """Whether applications are mounted into others."""
    hooks: bool = True
    """Whether it has hooks for its start and stop."""
    sessions: bool = False
    """Whether it has sessions."""


def asgi(name: str, distribution: str | None = None, **facts: bool) -> Framework:
    """Return a framework of ASGI applications."""
    return Framework(
        name=name, distribution=distribution or name, mode="asgi", key="asgi.scope", **facts
    )


def wsgi(name: str, distribution: str, **facts: bool) -> Framework:
    """Return a framework of WSGI applications."""
    return Framework(
        name=name, distribution=distribution, mode="threading", hooks=False, mounts=True, **facts
    )


FRAMEWORKS = (
    asgi("starlette", mounts=True, sessions=True),
    asgi("fastapi", mounts=True),
    asgi("quart", sessions=True),
    asgi("litestar"),
    asgi("django_asgi", "django", same=False, hooks=False, sessions=True),
    asgi("asgi_callable", "uvicorn", same=False),
    wsgi("flask", "flask", sessions=True),
    wsgi("django_wsgi", "django", same=False, sessions=True),
    wsgi("wsgi_callable", "werkzeug", same=False),
    Framework(
        name="aiohttp", distribution="aiohttp", mode="aiohttp", key="aiohttp.request", mounts=True
    ),
    Framework(
        name="tornado", distribution="tornado", mode="tornado", key="tornado.handler", hooks=False
    ),
    Framework(name="sanic", distribution="sanic", mode="sanic", key="sanic.request"),
)
