"""Starts a web server by its own command, and prints ``{"port": N}`` as soon as it listens.

Usage: launch.py COMMAND ARGUMENT ... with ``{port}`` where the port belongs. The server takes the
place of this process, so that signals reach it and nobody else.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

from brokers.process import free_port

DEADLINE = 20.0
"""Seconds for the server to listen."""


def announce(port: int, server: int) -> None:
    """Print the port when something listens on it, unless the server ends before."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
            os.kill(server, 0)
        else:
            os.write(1, json.dumps({"port": port}).encode() + b"\n")
            return


def main() -> None:
    """Watch the port from a process of its own, and become the server."""
    port = free_port()
    server = os.getpid()
    if os.getpgrp() != server:
        os.setsid()  # so that the tests can end the server's workers too
    if os.fork() == 0:
        # Once more: a child that the server does not know would confuse some of them.
        if os.fork() == 0:
            try:
                announce(port, server)
            except ProcessLookupError:
                pass  # the test reports that nothing listens
        os._exit(0)
    os.wait()
    command = [argument.replace("{port}", str(port)) for argument in sys.argv[1:]]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
