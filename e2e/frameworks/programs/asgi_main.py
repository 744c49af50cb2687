"""The behaviours as an ASGI application, for servers that are given a module's name."""

from asgi_app import build

app = build()
