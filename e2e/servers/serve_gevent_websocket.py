"""The behaviours in greenlets, under gevent's own server with gevent-websocket and all patched."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

from gevent import pywsgi, socket  # noqa: E402  # after everything is patched
from geventwebsocket.handler import WebSocketHandler  # noqa: E402  # the same
from listening import listen  # noqa: E402  # the same
from wsgi_app import build  # noqa: E402  # the same

if __name__ == "__main__":
    app = build(async_mode="gevent")
    listener = listen()
    cooperative = socket.socket(fileno=listener.detach())
    server = pywsgi.WSGIServer(cooperative, app, log=None, handler_class=WebSocketHandler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass  # how it is stopped
