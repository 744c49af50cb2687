"""How a server becomes part of an ASGI application: Starlette, FastAPI, Quart, Litestar, Django.

It knows where each framework lets its application be extended, and leaves requests to `ASGIApp`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from socketio.abc import Attachment
from socketio.web import ASGIApp, Receive, Scope, Send

from .cors import warn_of_two_answers
from .unknown_application import looks_like_asgi, unknown_application

ASGICallable = Callable[[Scope, Receive, Send], Awaitable[None]]


class ASGIAttachment(Attachment):
    """Stands before any ASGI application."""

    mode = "asgi"

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Return the application with the server before it.

        Args:
            server: The server.
            app: The application; it is not changed.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `ASGIApp`, such as `static_files`.

        Raises:
            PluginError: It is no ASGI application.
        """
        if not looks_like_asgi(app):
            raise unknown_application(server, app, "async")
        return ASGIApp(server, app, socketio_path=socketio_path, **options)


class StarletteAttachment(Attachment):
    """Becomes the outermost middleware of a Starlette or FastAPI application."""

    mode = "asgi"

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Add the server to an application that does not run yet.

        Middleware that is added later stands before the server.

        Args:
            server: The server.
            app: The application, also one that is mounted into another one.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `ASGIApp`, such as `static_files`.

        Returns:
            The application itself.
        """

        def middleware(app_behind: ASGICallable) -> ASGIApp:
            # Called when the application starts: now its middleware is complete.
            for before in app.user_middleware:
                if before is added:
                    break
                if getattr(before.cls, "__name__", "") == "CORSMiddleware":
                    warn_of_two_answers(
                        server, "CORSMiddleware, which was added after attach() and"
                    )
            return ASGIApp(server, app_behind, socketio_path=socketio_path, **options)

        # Older releases call it with `app=`, newer ones with one argument.
        app.add_middleware(lambda app: middleware(app))
        added = app.user_middleware[0]
        return app


class QuartAttachment(Attachment):
    """Wraps the `asgi_app` of a Quart application."""

    mode = "asgi"

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Add the server to an application.

        Args:
            server: The server.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `ASGIApp`, such as `static_files`.

        Returns:
            The application itself.
        """
        app.asgi_app = ASGIApp(server, app.asgi_app, socketio_path=socketio_path, **options)
        return app


class LitestarAttachment(Attachment):
    """Wraps what a Litestar application does with requests."""

    mode = "asgi"

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Add the server to an application.

        Args:
            server: The server.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `ASGIApp`, such as `static_files`.

        Returns:
            The application itself.
        """
        app.asgi_handler = ASGIApp(server, app.asgi_handler, socketio_path=socketio_path, **options)
        # The lifespan passes `asgi_handler` by.
        app.on_startup.append(server.start)
        app.on_shutdown.append(server.shutdown)
        return app


class DjangoASGIAttachment(Attachment):
    """Stands before Django's ASGI application."""

    mode = "asgi"

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> ASGIApp:
        """Return the application with the server before it.

        Args:
            server: The server.
            app: What `get_asgi_application()` has returned; it is not changed.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `ASGIApp`, such as `static_files`.
        """
        return _DjangoApp(server, app, socketio_path=socketio_path, **options)


class _DjangoApp(ASGIApp):
    """Keeps from Django what it answers with an exception: everything that is no HTTP."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "websocket" and not self._is_ours(scope):
            await self.not_found(receive, send)
        else:
            await super().__call__(scope, receive, send)
