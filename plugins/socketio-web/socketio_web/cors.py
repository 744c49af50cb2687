"""Two that answer the same cross-origin requests: a framework's CORS support and ours.

Called by attachments that see both; it knows what the engine's options say of origins.
"""

from __future__ import annotations

import warnings
from typing import Any


class TwoCORSAnswersWarning(UserWarning):
    """A framework and this server both write CORS headers into the same answers."""


def answers_cors(server: Any) -> bool:
    """Tell whether a server was asked to write CORS headers for other origins than its own."""
    allowed = getattr(server, "eio", server).config.cors_allowed_origins
    return allowed is not None and not (isinstance(allowed, list | tuple) and not allowed)


def warn_of_two_answers(server: Any, who: str) -> None:
    """Warn if the server writes CORS headers although somebody else does.

    Args:
        server: The server.
        who: The other one, as the beginning of a sentence with `answers`.
    """
    if answers_cors(server):
        warnings.warn(
            f"{who} answers cross-origin requests, and so does the Socket.IO server "
            "with cors_allowed_origins=; let one of them do it: cors_allowed_origins=[] leaves "
            "the headers to the framework (with check_origin=False if it is to decide as well)",
            TwoCORSAnswersWarning,
            stacklevel=2,
        )
