"""How a server becomes part of a WSGI application: Flask, Django, and any WSGI callable.

It knows where each framework lets its application be extended, and leaves requests to `WSGIApp`.
The async mode follows from the web server that serves it.
"""

from __future__ import annotations

from typing import Any

from socketio import Server
from socketio.abc import Attachment
from socketio.web import WSGIApp

from .unknown_application import looks_like_wsgi, unknown_application


class WSGIAttachment(Attachment):
    """Stands before any WSGI application; Django's among them."""

    mode = None

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> WSGIApp:
        """Return the application with the server before it.

        Args:
            server: The server.
            app: The application; it is not changed.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `WSGIApp`, such as `static_files`.

        Raises:
            PluginError: It is no WSGI application.
        """
        if not looks_like_wsgi(app):
            raise unknown_application(server, app, "sync")
        return WSGIApp(server, app, socketio_path=socketio_path, **options)


class FlaskAttachment(Attachment):
    """Wraps the `wsgi_app` of a Flask application.

    Handlers of a Socket.IO server run in an application context each, as Flask's views do: there
    `current_app` is the application, and what has been opened for a context is closed at its end.
    """

    mode = None

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Add the server to an application.

        Args:
            server: The server.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `WSGIApp`, such as `static_files`.

        Returns:
            The application itself.
        """
        if isinstance(server, Server):
            server.run_handlers_in(app.app_context)
        app.wsgi_app = WSGIApp(server, app.wsgi_app, socketio_path=socketio_path, **options)
        return app
