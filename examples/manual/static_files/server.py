"""Static files first, another application for the rest. `python server.py [PORT]`."""

import sys
from pathlib import Path

from werkzeug.serving import run_simple

import socketio

here = Path(__file__).parent
sio = socketio.Server()


def other_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"the application at {environ['PATH_INFO']}".encode()]


static_files = {
    "/": str(here / "public" / "index.html"),
    "/static": str(here / "public"),
    "/source": {"filename": str(here / "server.py"), "content_type": "text/x-python"},
}
app = socketio.WSGIApp(sio, other_app, static_files=static_files)

if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
