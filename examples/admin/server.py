"""A server that the official Admin UI watches. `python server.py [PORT [UI-FOLDER]]`.

Open http://127.0.0.1:5000/ui/ and log in as `admin` with the password `change me`. The Admin UI
comes from `npm install @socket.io/admin-ui`. The one at https://admin.socket.io works as well, for
a server that is made with `cors_allowed_origins=["https://admin.socket.io"]`.
"""

import sys
from pathlib import Path

from werkzeug.serving import run_simple

import socketio

root = Path(__file__).parents[2]
folder = Path("node_modules/@socket.io/admin-ui/ui/dist")
ui = next((place / folder for place in (Path(), root / "e2e") if (place / folder).is_dir()), folder)

sio = socketio.Server()
sio.instrument(auth={"username": "admin", "password": "change me"}, server_id="example")
app = socketio.WSGIApp(sio, static_files={"/ui": sys.argv[2] if sys.argv[2:] else str(ui)})


@sio.event
def connect(sid, environ):
    sio.enter_room(sid, "everyone")


@sio.event
def hello(sid, name):
    return f"hello {name}"


@sio.event
def disconnect(sid, reason):
    print("disconnect", reason, flush=True)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
