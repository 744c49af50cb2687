"""The behaviours in greenlets, under uWSGI with its gevent loop and its HTTP router."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

from listening import listen

PR_SET_PDEATHSIG = 1
"""The number of prctl's wish for a signal when the parent ends."""


def end_with_parent() -> None:
    """See to it that a test which kills this program leaves no uWSGI behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    listener = listen()
    command = [
        str(Path(sys.executable).with_name("uwsgi")),
        *("--http", f"fd://{listener.fileno()}", "--http-websockets", "--gevent", "1000"),
        *("--master", "--die-on-term", "--need-app", "--disable-logging", "--listen", "100"),
        *("--virtualenv", sys.prefix, "--pythonpath", str(Path(__file__).parent)),
        *("--module", "wsgi_app:build()"),
    ]
    # uWSGI writes all its output to one file: the journal is picked out of it here.
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[listener.fileno()],
        preexec_fn=end_with_parent,
    )
    listener.close()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: server.send_signal(number))
    assert server.stderr is not None
    for line in server.stderr:
        print(line, end="", flush=True, file=sys.stdout if line.startswith("{") else sys.stderr)
    server.wait()
