"""The socket that a server program listens on, and the line that tells its port."""

from __future__ import annotations

import argparse
import json
import os
import socket


def listen() -> socket.socket:
    """Open the socket asked for on the command line and print ``{"port": N}``.

    Without ``--port`` the system picks a free one. The socket listens before the line is
    printed, so that a client which reads the line can connect at once.
    """
    if os.environ.get("TEST_LOOP") == "uvloop":
        import uvloop

        uvloop.install()
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", parser.parse_args().port))
    listener.listen(128)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    return listener
