"""The behaviours in an application that is mounted below `/app` of another one.

Usage: mounted.py KIND
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from behaviours import register
from contract import run_asgi, run_wsgi
from listening import listen

import socketio

PREFIX = "/app"


def attached(app: Any, *, synchronous: bool = False) -> Any:
    """Return an application that serves the behaviours too."""
    sio: Any = socketio.Server() if synchronous else socketio.AsyncServer()
    register(sio)
    return sio.attach(app)


def starlette() -> None:
    """Serve a Starlette application in a `Mount`."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    run_asgi(Starlette(routes=[Mount(PREFIX, app=attached(Starlette()))]))


def fastapi() -> None:
    """Serve a FastAPI sub-application."""
    from fastapi import FastAPI

    app = FastAPI()
    app.mount(PREFIX, attached(FastAPI()))
    run_asgi(app)


def asgi_app() -> None:
    """Serve an `ASGIApp` itself in a `Mount`."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    sio = socketio.AsyncServer()
    register(sio)
    run_asgi(Starlette(routes=[Mount(PREFIX, app=socketio.ASGIApp(sio))]))


def aiohttp() -> None:
    """Serve an aiohttp sub-application."""
    from aiohttp import web

    app = web.Application()
    app.add_subapp(PREFIX, attached(web.Application()))
    asyncio.run(web._run_app(app, sock=listen(), print=None))


def flask() -> None:
    """Serve a Flask application with the prefix in SCRIPT_NAME."""
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    mounted = attached(Flask("mounted"), synchronous=True)
    run_wsgi(DispatcherMiddleware(Flask("outer"), {PREFIX: mounted}))


def django() -> None:
    """Serve a Django application with the prefix in SCRIPT_NAME and in FORCE_SCRIPT_NAME."""
    import django_project
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    assert django_project.urlpatterns
    settings.FORCE_SCRIPT_NAME = PREFIX
    mounted = attached(get_wsgi_application(), synchronous=True)
    run_wsgi(DispatcherMiddleware(get_wsgi_application(), {PREFIX: mounted}))


def django_asgi() -> None:
    """Serve a Django application whose prefix a proxy takes away: FORCE_SCRIPT_NAME alone."""
    import django_project
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    assert django_project.urlpatterns
    settings.FORCE_SCRIPT_NAME = PREFIX
    run_asgi(attached(get_asgi_application()))


KINDS = {
    function.__name__: function
    for function in (starlette, fastapi, asgi_app, aiohttp, flask, django, django_asgi)
}

if __name__ == "__main__":
    KINDS[sys.argv.pop(1)]()  # `listen` reads the rest
