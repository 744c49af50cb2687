"""Every server of the manual: how its documentation says to start it, and what it cannot do.

A server is one entry of `SERVERS`. What is not listed under `cannot` is tested to work; what is
listed is tested to be refused as it should be, and the reason stands in the table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
E2E = HERE.parent
LAUNCH = (sys.executable, str(HERE / "launch.py"))
PYTHONPATH = f"{HERE / 'programs'}:{E2E / 'servers'}"
SCRIPTS = Path(sys.executable).parent

COLUMNS = ("polling", "websocket", "upgrade", "compression", "graceful stop")
"""The columns of the table."""

SLOW_WORKER = "clients are told at once; gunicorn's worker looks once a second whether it is to end"


@dataclass(frozen=True, kw_only=True)
class Server:
    """One way to run the behaviours."""

    name: str
    """The row's title: server, and worker or websocket implementation."""
    mode: str
    """The async mode that follows."""
    command: tuple[str, ...]
    """What is started."""
    distribution: str
    """Whose version the table shows."""
    modules: tuple[str, ...] = ()
    """What must be installed besides."""
    environment: Mapping[str, str] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Columns that cannot be served, with the reason."""
    deflate: bool = False
    """Whether it compresses websocket messages by default."""
    folder: Path | None = None
    """Where the distribution is, if it is not the one of this environment."""
    install: str = ""
    """What brings the folder."""
    slow_stop: str = ""
    """Why its process takes up to a second longer to end than those of the others."""


def launched(*command: str) -> tuple[str, ...]:
    """Return the command that starts a server by its own command line, from this environment."""
    program = SCRIPTS / command[0]
    return (*LAUNCH, str(program), *command[1:])


def script(name: str) -> tuple[str, ...]:
    """Return the command of a server program that prints its port itself."""
    return (sys.executable, str(E2E / "servers" / f"serve_{name}.py"))


def uvicorn(implementation: str, *modules: str, deflate: bool) -> Server:
    """Return uvicorn with one of its websocket implementations."""
    return Server(
        name=f"uvicorn --ws {implementation}",
        mode="asgi",
        command=launched(
            *("uvicorn", "--port", "{port}", "--log-level", "warning"),
            *("--ws", implementation, "asgi_main:app"),
        ),
        distribution="uvicorn",
        modules=modules,
        deflate=deflate,
    )


SERVERS: tuple[Server, ...] = (
    uvicorn("websockets", "websockets", deflate=True),
    uvicorn("websockets-sansio", "websockets", deflate=True),
    uvicorn("wsproto", "wsproto", deflate=True),
    Server(
        name="hypercorn",
        mode="asgi",
        command=launched("hypercorn", "-b", "127.0.0.1:{port}", "asgi_main:app"),
        distribution="hypercorn",
        deflate=True,
    ),
    Server(
        name="daphne",
        mode="asgi",
        command=launched("daphne", "-p", "{port}", "-v", "0", "asgi_main:app"),
        distribution="daphne",
    ),
    Server(
        name="granian",
        mode="asgi",
        command=launched(
            *("granian", "--interface", "asgi", "--port", "{port}", "--log-level", "warning"),
            "asgi_main:app",
        ),
        distribution="granian",
    ),
    Server(name="aiohttp", mode="aiohttp", command=script("aiohttp"), distribution="aiohttp"),
    Server(name="Tornado", mode="tornado", command=script("tornado"), distribution="tornado"),
    Server(name="Sanic", mode="sanic", command=script("sanic"), distribution="sanic"),
    Server(
        name="Sanic under uvicorn",
        mode="sanic",
        command=launched(
            *("uvicorn", "--port", "{port}", "--log-level", "warning", "sanic_main:app")
        ),
        distribution="sanic",
        modules=("uvicorn", "websockets"),
        deflate=True,
    ),
    Server(
        name="Werkzeug",
        mode="threading",
        command=script("werkzeug"),
        distribution="werkzeug",
    ),
    Server(
        name="gunicorn, threads",
        mode="threading",
        command=launched(
            *("gunicorn", "-b", "127.0.0.1:{port}", "--log-level", "warning"),
            *("-w", "1", "--threads", "100", "wsgi_main:app"),
        ),
        distribution="gunicorn",
    ),
    Server(
        name="waitress",
        mode="threading",
        command=launched(
            *("waitress-serve", "--listen=127.0.0.1:{port}", "--threads=100", "wsgi_main:app")
        ),
        distribution="waitress",
        cannot={
            "websocket": "waitress gives no application the connection, which a websocket needs",
            "upgrade": "no websocket to upgrade to; clients stay on long-polling",
        },
    ),
    Server(
        name="eventlet",
        mode="eventlet",
        command=script("eventlet"),
        distribution="eventlet",
    ),
    Server(
        name="gunicorn, eventlet",
        mode="eventlet",
        command=(
            *(*LAUNCH, sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:{port}"),
            *("--log-level", "error", "-k", "eventlet", "-w", "1"),
            # Its master would wait two seconds for the thread behind that socket, and only then
            # tell the workers to end.
            *("--no-control-socket", "wsgi_main:app"),
        ),
        distribution="gunicorn",
        modules=("eventlet",),
        folder=E2E / ".tools" / "gunicorn-with-eventlet",
        install="make e2e/.tools/gunicorn-with-eventlet",
        slow_stop=SLOW_WORKER,
    ),
    Server(
        name="gevent pywsgi",
        mode="gevent",
        command=script("gevent"),
        distribution="gevent",
    ),
    Server(
        name="gevent pywsgi with gevent-websocket",
        mode="gevent",
        command=script("gevent_websocket"),
        distribution="gevent-websocket",
        modules=("gevent",),
    ),
    Server(
        name="gunicorn, gevent",
        mode="gevent",
        command=launched(
            *("gunicorn", "-b", "127.0.0.1:{port}", "--log-level", "warning"),
            *("-k", "gevent", "-w", "1", "wsgi_main:app"),
        ),
        distribution="gunicorn",
        modules=("gevent",),
        slow_stop=SLOW_WORKER,
    ),
    Server(
        name="gunicorn, GeventWebSocketWorker",
        mode="gevent",
        command=launched(
            *("gunicorn", "-b", "127.0.0.1:{port}", "--log-level", "warning"),
            *("-k", "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"),
            *("-w", "1", "wsgi_main:app"),
        ),
        distribution="gunicorn",
        modules=("gevent", "gevent-websocket"),
        slow_stop=SLOW_WORKER,
    ),
    Server(
        name="uWSGI",
        mode="gevent_uwsgi",
        command=(
            # uWSGI writes all its output, the journal too, to standard error.
            *(*LAUNCH, "sh", "-c", 'exec "$0" "$@" 2>&1', str(SCRIPTS / "uwsgi")),
            *("--http", "127.0.0.1:{port}", "--gevent", "1000", "--http-websockets", "--master"),
            # Its router closes each connection without saying so before.
            *("--add-header", "Connection: close", "--die-on-term", "--disable-logging"),
            *("--virtualenv", sys.prefix, "--module", "wsgi_main:app"),
        ),
        distribution="uwsgi",
        modules=("gevent",),
        cannot={
            "graceful stop": "uWSGI ends its HTTP router at once, which cuts the connections; the "
            "disconnect handlers run, with the reason of a server that stops or of a client that "
            "is gone"
        },
    ),
)
