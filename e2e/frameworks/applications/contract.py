"""What every application of the attachment tests has, whatever framework it is written in.

- `GET /own` answers `own page`, and a middleware of the framework puts `X-Own: yes` on it;
- `GET /count` answers how often this browser session has asked, where the framework has sessions;
- hooks of the framework say when it starts and stops;
- a Socket.IO server at `socket.io`, a second one at `deep/er/io`, and, where applications can be
  mounted into others, a third one in an application below `/mounted`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from listening import listen

import socketio

BODY_TIMEOUT = 1.0
"""Seconds that bodies may take at the second endpoint."""
ORIGIN = "http://page.example"
"""The origin that may use the second endpoint."""
PATHS: dict[str, dict[str, Any]] = {
    "socket.io": {},
    "deep/er/io": {"body_timeout": BODY_TIMEOUT, "cors_allowed_origins": [ORIGIN]},
}
"""The endpoints of the main application, with the options of their servers."""
PREFIX = "/mounted"
"""Where the second application is mounted."""
MANAGER_VARIABLE = "CONTRACT_CLIENT_MANAGER"
"""The environment variable with the URL of the servers' client manager; none by default."""
KEYS = ("asgi.scope", "aiohttp.request", "tornado.handler", "sanic.request")


def journal(**entry: Any) -> None:
    """Tell the test something, as a line of JSON."""
    sys.stdout.write(json.dumps(entry) + "\n")
    sys.stdout.flush()


def describe(sio: Any, name: str, environ: dict[str, Any]) -> None:
    """Tell the test what the server knows of a request."""
    journal(
        event="connect",
        server=name,
        mode=sio.async_mode,
        keys=[key for key in KEYS if key in environ],
        environ={key: value for key, value in environ.items() if isinstance(value, str)},
    )


def create_server(name: str, *, synchronous: bool = False, **options: Any) -> Any:
    """Return a server that tells of its clients and echoes what they say.

    Args:
        name: What the journal calls it.
        synchronous: Whether it is a `Server` instead of an `AsyncServer`.
        **options: The server's.
    """
    options.setdefault("client_manager", os.environ.get(MANAGER_VARIABLE))
    if synchronous:
        return _create_synchronous(name, **options)
    sio = socketio.AsyncServer(**options)

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        describe(sio, name, environ)

    async def echo(sid: str, data: Any) -> None:
        await sio.emit("echo", data, to=sid)

    async def disconnect(sid: str, reason: str) -> None:
        journal(event="disconnect", server=name, sid=sid, reason=reason)

    for handler in (connect, echo, disconnect):
        sio.on(handler.__name__, handler)
    return sio


def _create_synchronous(name: str, **options: Any) -> Any:
    sio = socketio.Server(**options)

    def connect(sid: str, environ: dict[str, Any]) -> None:
        describe(sio, name, environ)

    def echo(sid: str, data: Any) -> None:
        sio.emit("echo", data, to=sid)

    def disconnect(sid: str, reason: str) -> None:
        journal(event="disconnect", server=name, sid=sid, reason=reason)

    for handler in (connect, echo, disconnect):
        sio.on(handler.__name__, handler)
    return sio


def attach_all(app: Any, *, synchronous: bool = False) -> Any:
    """Attach a server at each path, and return what is to be served."""
    for path, options in PATHS.items():
        sio = create_server(path, synchronous=synchronous, **options)
        served = sio.attach(app, socketio_path=path)
        journal(event="attached", path=path, same=served is app)
        app = served
    return app


def attach_mounted(app: Any, *, synchronous: bool = False) -> Any:
    """Attach the server of the application that is mounted."""
    return create_server("mounted", synchronous=synchronous).attach(app)


def run_asgi(app: Any, **options: Any) -> None:
    """Serve an ASGI application with uvicorn until the process is told to end."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", **options)
    with contextlib.suppress(KeyboardInterrupt):  # how it says that it was stopped by Ctrl-C
        uvicorn.Server(config).run(sockets=[listen()])


def run_wsgi(app: Any) -> None:
    """Serve a WSGI application with Werkzeug until the process is told to end."""
    import logging

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    listener = listen()
    host, port = listener.getsockname()
    server = make_server(host, port, app, threaded=True, fd=listener.fileno())
    with contextlib.suppress(KeyboardInterrupt):  # how it says that it was stopped by Ctrl-C
        server.serve_forever()


def mount_wsgi(app: Any, mounted: Any) -> Any:
    """Return a WSGI application with another one below the prefix."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    return DispatcherMiddleware(app, {PREFIX: mounted})


Hook = Callable[[], None]


def started() -> None:
    """Tell the test that the framework has run its startup hooks."""
    journal(event="startup")


def stopped() -> None:
    """Tell the test that the framework has run its shutdown hooks."""
    journal(event="shutdown")
