"""A program that a test starts and stops: an echo engine under one WSGI server.

Usage: `wsgi_program.py werkzeug|gunicorn|waitress PORT`. It prints a line for each event.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from socketio.engine import Engine
from socketio.middleware import WSGIApp

engine = Engine()


@engine.on("connect")
def connect(sid: str, environ: dict[str, Any]) -> None:
    note("connect", sid)


@engine.on("message")
def message(sid: str, data: str | bytes) -> None:
    engine.send(sid, data)


@engine.on("disconnect")
def disconnect(sid: str, reason: str) -> None:
    engine.sleep(0.05)  # the process must not end in the middle of it
    note("disconnect", sid, reason)


def note(*words: str) -> None:
    # In one piece, since several threads write.
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def count_polls(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer how many requests wait for a packet, when a signal may come."""
    while hands_over():
        time.sleep(0.001)
    transports: list[Any] = [session.transport for session in engine.sessions.values()]
    waiting = [each for each in transports if getattr(each, "_poll", None) is not None]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(waiting)).encode()]


def hands_over() -> bool:
    """Tell whether the main thread gives a request to another one, which it may have to start.

    gunicorn (27) handles SIGQUIT, which it makes of SIGINT, by taking a lock that the main thread
    holds meanwhile. Interrupted there, it waits for itself, until the arbiter kills it. Python's
    `socketserver` closes the connection of the request, with which the thread is at work.
    """
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    while frame.f_back is not None:
        if frame.f_code.co_name in ("submit", "process_request"):
            return True
        frame = frame.f_back
    return False


app = WSGIApp(engine, count_polls, socketio_path="engine.io")


def main() -> None:
    server, port = sys.argv[1], int(sys.argv[2])
    if server == "werkzeug":
        from werkzeug.serving import make_server

        make_server("127.0.0.1", port, app, threaded=True).serve_forever()
    elif server == "waitress":
        import waitress

        waitress.serve(app, listen=f"127.0.0.1:{port}", threads=8)
    else:
        from gunicorn.app.base import BaseApplication

        class Application(BaseApplication):  # type: ignore[misc]  # gunicorn is not typed
            def load_config(self) -> None:
                self.cfg.set("bind", f"127.0.0.1:{port}")
                self.cfg.set("worker_class", "gthread")
                self.cfg.set("threads", 20)
                self.cfg.set("loglevel", "warning")

            def load(self) -> Any:
                return app

        Application().run()


if __name__ == "__main__":
    main()
