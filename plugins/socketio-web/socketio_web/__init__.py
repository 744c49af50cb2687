"""Web frameworks and servers for socketio: aiohttp, Tornado, Sanic, Starlette, FastAPI, Quart, Litestar, Django, Flask, eventlet, gevent, uWSGI."""

from socketio_web._version import __version__

__all__ = ["__version__"]
