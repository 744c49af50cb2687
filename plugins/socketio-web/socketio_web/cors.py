"""Two that answer the same cross-origin requests: a framework's CORS support and ours.

Attachments that see both warn of it here. What they share with the modes of the core lives there.
"""

from __future__ import annotations

from socketio.web import (
    ALLOW_ORIGIN,
    TwoCORSAnswersWarning,
    answers_cors,
    split_cors,
    warn_of_two_answers,
)

__all__ = [
    "ALLOW_ORIGIN",
    "TwoCORSAnswersWarning",
    "answers_cors",
    "split_cors",
    "warn_of_two_answers",
]
