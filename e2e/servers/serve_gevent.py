"""The behaviours in greenlets, under gevent's own server, nothing patched."""

from __future__ import annotations

from gevent import pywsgi, socket
from listening import listen
from wsgi_app import build

if __name__ == "__main__":
    app = build()
    listener = socket.socket(fileno=listen().detach())
    try:
        pywsgi.WSGIServer(listener, app, log=None).serve_forever()
    except KeyboardInterrupt:
        pass  # how it is stopped
