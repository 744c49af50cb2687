"""The behaviours in a Sanic application that an ASGI server runs."""

from serve_sanic import build

app = build()
