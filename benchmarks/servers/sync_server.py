"""A synchronous Socket.IO server as its user writes it, for ours and python-socketio alike."""

import argparse
import socket
from typing import Any


def register(sio: Any) -> None:
    """Registers the events that the load generator knows.

    Args:
        sio: A `Server` of either library.
    """

    @sio.event
    def echo(sid: str, data: Any) -> None:
        sio.emit("echo", data, to=sid)

    @sio.event
    def broadcast(sid: str, data: Any) -> None:
        sio.emit("news", data)


def serve_threading(listener: socket.socket, threads: int) -> None:
    """Serves under gunicorn's gthread worker until the process is ended.

    Args:
        listener: A listening socket.
        threads: Size of the worker's pool; each websocket holds one thread.
    """
    from gunicorn.app.base import BaseApplication

    import socketio

    class Application(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", f"fd://{listener.fileno()}")
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("workers", 1)
            self.cfg.set("threads", threads)
            self.cfg.set("worker_connections", 20_000)
            self.cfg.set("loglevel", "warning")

        def load(self) -> Any:
            sio = socketio.Server(async_mode="threading")
            register(sio)
            return socketio.WSGIApp(sio)

    Application().run()


def serve_gevent(listener: socket.socket) -> None:
    """Serves under gevent's pywsgi until the process is ended.

    Args:
        listener: A listening socket.
    """
    from gevent import monkey

    monkey.patch_all()
    import gevent.socket
    from gevent import pywsgi

    import socketio

    sio = socketio.Server(async_mode="gevent")
    register(sio)
    cooperative = gevent.socket.socket(fileno=listener.detach())
    pywsgi.WSGIServer(cooperative, socketio.WSGIApp(sio), log=None).serve_forever()


def main() -> None:
    """Parses the command line and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["threading", "gevent"])
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--threads", type=int, default=160)
    arguments = parser.parse_args()
    listener = socket.socket(fileno=arguments.fd)
    if arguments.mode == "threading":
        serve_threading(listener, arguments.threads)
    else:
        serve_gevent(listener)


if __name__ == "__main__":
    main()
