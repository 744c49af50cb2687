"""The behaviours in greenlets, under eventlet's own server, nothing patched."""

from __future__ import annotations

import eventlet
import eventlet.wsgi
from eventlet.green import socket
from listening import listen
from wsgi_app import build

if __name__ == "__main__":
    app = build()
    listener = listen()
    listener.setblocking(False)
    green = socket.socket(fileno=listener.detach())
    eventlet.wsgi.server(green, app, log_output=False)
