"""What is no application that the server could become part of, and the error that says so.

It knows how an ASGI or a WSGI callable looks.
"""

from __future__ import annotations

import inspect
from typing import Any

from socketio.exceptions import PluginError
from socketio.plugins import Flavour


def takes_arguments(app: Any, count: int) -> bool:
    """Tell whether an object can be called with a number of positional arguments."""
    if not callable(app):
        return False
    try:
        inspect.signature(app).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # a callable that does not tell what it takes, such as a builtin
        return True
    return True


def looks_like_asgi(app: Any) -> bool:
    """Tell whether an object can be called with `(scope, receive, send)`."""
    return takes_arguments(app, 3)


def looks_like_wsgi(app: Any) -> bool:
    """Tell whether an object can be called with `(environ, start_response)`."""
    return (
        takes_arguments(app, 2)
        and not inspect.iscoroutinefunction(app)
        and not inspect.iscoroutinefunction(type(app).__call__)
    )


def unknown_application(server: Any, app: Any, flavour: Flavour) -> PluginError:
    """Return the error for an application that nothing can be attached to.

    Args:
        server: The server, whose registry knows what it could be attached to.
        app: The application.
        flavour: The server's flavour.
    """
    cls = type(app)
    what = f"cannot attach to {cls.__module__}.{cls.__qualname__}: "
    if flavour == "async" and looks_like_wsgi(app):
        what += (
            "it is a WSGI application, which a synchronous socketio.Server can become part of, "
            "but no AsyncServer"
        )
    elif flavour == "sync" and looks_like_asgi(app):
        what += (
            "it is an ASGI application, which a socketio.AsyncServer can become part of, but no "
            "synchronous Server"
        )
    else:
        interface = "ASGI" if flavour == "async" else "WSGI"
        what += f"no attachment knows it, and it is no {interface} callable either"
    engine = getattr(server, "eio", server)
    known = [
        f"{entry.name} (pip install '{entry.install}')" if entry.install else entry.name
        for entry in engine.registry.attachments(flavour)
        if entry.app_types != ("builtins.object",)
    ]
    return PluginError(f"{what}. attach() knows {', '.join(sorted(known))}", reason="missing")
