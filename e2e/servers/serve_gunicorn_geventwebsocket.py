"""The behaviours in greenlets, under gunicorn's worker of gevent-websocket."""

import os
import runpy
from pathlib import Path

if __name__ == "__main__":
    os.environ["SOCKETIO_E2E_WORKER"] = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
    runpy.run_path(str(Path(__file__).with_name("serve_gunicorn_gevent.py")), run_name="__main__")
