"""Two that answer the same cross-origin requests: somebody's CORS support and ours.

Browsers refuse an answer that has the headers twice, so whoever sees both warns of it here. The
headers themselves are written by `OriginPolicy`.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, Final

from .http import Headers

ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"


class TwoCORSAnswersWarning(UserWarning):
    """A framework and this server both write CORS headers into the same answers."""


def answers_cors(server: Any) -> bool:
    """Tell whether a server was asked to write CORS headers for other origins than its own."""
    allowed = getattr(server, "eio", server).config.cors_allowed_origins
    return allowed is not None and not (isinstance(allowed, list | tuple) and not allowed)


def warn_of_two_answers(server: Any, who: str) -> None:
    """Warn, once for each server, if it writes CORS headers although somebody else does.

    Args:
        server: The server, or its engine.
        who: The other one, as the beginning of a sentence with `answers`.
    """
    engine = getattr(server, "eio", server)
    if engine.cors_checked or not answers_cors(server):
        return
    engine.cors_checked = True
    warnings.warn(
        f"{who} answers cross-origin requests, and so does the Socket.IO server with "
        "cors_allowed_origins=; let one of them do it: cors_allowed_origins=[] leaves the headers "
        "to the other one (with check_origin=False if that is to decide as well)",
        TwoCORSAnswersWarning,
        stacklevel=3,
    )


def check_layer(engine: Any, origin: str | None, answer: Any) -> None:
    """Look, at the first cross-origin request, whether CORS middleware stands before us.

    Args:
        engine: The engine.
        origin: The request's `Origin`; None says nothing about other origins.
        answer: What the server was given to send answers by: middleware puts itself around it.
    """
    if engine.cors_checked or origin is None:
        return
    function = answer.func if isinstance(answer, functools.partial) else answer
    owner = getattr(function, "__self__", None)
    named = function if owner is None else type(owner)
    name = f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"
    name = name.partition(".<locals>")[0]
    if "cors" in name.lower():
        warn_of_two_answers(engine, f"{name}, which stands before it,")
    engine.cors_checked = True


def split_cors(headers: Headers) -> tuple[Headers, Headers]:
    """Divide headers into those of CORS, and all others."""
    cors = [header for header in headers if header[0].startswith("Access-Control-")]
    return (cors, [header for header in headers if header not in cors]) if cors else ([], headers)
