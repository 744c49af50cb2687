"""What socketio-web adds to socketio: declarations only, loaders import the rest when chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec

from socketio.plugins import AsyncModeEntry, AttachmentEntry, Flavour, hookimpl

HOOK_API = 1


def _loader(module: str, name: str) -> Callable[[], object]:
    """Return a function that imports a module of this plugin and makes an object of a class."""

    def load() -> object:
        return getattr(import_module(f"socketio_web.{module}"), name)()

    return load


def _installed(module: str) -> Callable[[], bool]:
    return lambda: find_spec(module) is not None


_MODES: tuple[tuple[str, Flavour, str, str, str], ...] = (
    ("aiohttp", "async", "aiohttp", "aiohttp_mode", "AiohttpMode"),
    ("tornado", "async", "tornado", "tornado_mode", "TornadoMode"),
    ("sanic", "async", "sanic", "sanic_mode", "SanicMode"),
)
"""Name, flavour, the package that it needs, module and class."""


@hookimpl
def socketio_async_modes() -> Iterable[AsyncModeEntry]:
    """Modes of frameworks and servers that speak neither ASGI nor plain threaded WSGI."""
    for name, flavour, package, module, cls in _MODES:
        yield AsyncModeEntry(
            name=name,
            flavour=flavour,
            load=_loader(module, cls),
            detect=_installed(package),
            rank=200,
            install=f"socketio-web[{name}]",
        )


def _serves_here(library: str, module: str) -> Callable[[], bool]:
    """Return a function that tells whether its caller runs in a greenlet of a library."""

    def serves_here() -> bool:
        # A library that is merely installed never matters.
        return library in sys.modules and bool(
            import_module(f"socketio_web.{module}").serves_here()
        )

    return serves_here


_GREEN_MODES: tuple[tuple[str, str, str, str, int], ...] = (
    ("gevent_uwsgi", "uwsgi", "gevent_uwsgi_mode", "GeventUWSGIMode", 300),
    ("gevent", "gevent", "gevent_mode", "GeventMode", 310),
    ("eventlet", "eventlet", "eventlet_mode", "EventletMode", 320),
)
"""Name, module that whoever uses it has imported, module and class, rank."""


@hookimpl(specname="socketio_async_modes")
def socketio_green_modes() -> Iterable[AsyncModeEntry]:
    """Modes of greenlets: chosen where the web server runs its requests in them."""
    for name, library, module, cls, rank in _GREEN_MODES:
        yield AsyncModeEntry(
            name=name,
            flavour="sync",
            load=_loader(module, cls),
            detect=_serves_here(library, module),
            rank=rank,
            install=f"socketio-web[{library}]",
        )


_ATTACHMENTS: tuple[tuple[str, Flavour, str, str, str], ...] = (
    ("aiohttp", "async", "aiohttp.web_app.Application", "aiohttp_mode", "AiohttpAttachment"),
    ("tornado", "async", "tornado.web.Application", "tornado_mode", "TornadoAttachment"),
    ("sanic", "async", "sanic.app.Sanic", "sanic_mode", "SanicAttachment"),
    (
        "starlette",
        "async",
        "starlette.applications.Starlette",
        "asgi_frameworks",
        "StarletteAttachment",
    ),
    ("fastapi", "async", "fastapi.applications.FastAPI", "asgi_frameworks", "StarletteAttachment"),
    ("quart", "async", "quart.app.Quart", "asgi_frameworks", "QuartAttachment"),
    ("litestar", "async", "litestar.app.Litestar", "asgi_frameworks", "LitestarAttachment"),
    (
        "django",
        "async",
        "django.core.handlers.asgi.ASGIHandler",
        "asgi_frameworks",
        "DjangoASGIAttachment",
    ),
    (
        "django",
        "sync",
        "django.core.handlers.wsgi.WSGIHandler",
        "wsgi_frameworks",
        "WSGIAttachment",
    ),
    ("flask", "sync", "flask.app.Flask", "wsgi_frameworks", "FlaskAttachment"),
)
"""Name, which is also that of the extra; flavour; class of applications; module and class."""


@hookimpl
def socketio_attachments() -> Iterable[AttachmentEntry]:
    """Applications that `sio.attach(app)` understands."""
    for name, flavour, app_type, module, cls in _ATTACHMENTS:
        yield AttachmentEntry(
            name=name,
            app_types=(app_type,),
            load=_loader(module, cls),
            flavour=flavour,
            install=f"socketio-web[{name}]",
        )
    yield AttachmentEntry(
        name="asgi",
        app_types=("builtins.object",),
        load=_loader("asgi_frameworks", "ASGIAttachment"),
        flavour="async",
    )
    yield AttachmentEntry(
        name="wsgi",
        app_types=("builtins.object",),
        load=_loader("wsgi_frameworks", "WSGIAttachment"),
        flavour="sync",
    )
