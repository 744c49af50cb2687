"""The seams between the core and what is plugged into it.

* `Runtime`: what runs handlers, timers and background tasks (asyncio, threads, greenlets)
* `Request`, `Response`, `WebSocket`: what an async mode makes of its framework's objects
* `AsyncMode`, `Attachment`: how requests reach the engine, and how it gets into an application
* `Transport`: how one client's packets travel
* `BusDriver`: a client manager's connection to its broker
"""

from .driver import BusDriver, MessageRefused, refused_for_size, sharing_key
from .http import (
    BadLength,
    BodyTooLarge,
    BodyTooSlow,
    Headers,
    Request,
    Response,
    add_headers,
    check_content_length,
)
from .mode import AsyncMode, Attachment
from .runtime import Runtime, Series, Timer, Waiter
from .transport import Receiver, Transport, WebSocket

__all__ = [
    "AsyncMode",
    "Attachment",
    "BadLength",
    "BodyTooLarge",
    "BodyTooSlow",
    "BusDriver",
    "Headers",
    "MessageRefused",
    "Receiver",
    "Request",
    "Response",
    "Runtime",
    "Series",
    "Timer",
    "Transport",
    "Waiter",
    "WebSocket",
    "add_headers",
    "check_content_length",
    "refused_for_size",
    "sharing_key",
]
