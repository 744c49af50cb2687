"""Which errors of the client library are a refusal that a new attempt will not change."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    NoPermissionError,
    ResponseError,
)

_TEMPORARY = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "READONLY")


def is_refusal(error: BaseException) -> bool:
    """Tell whether an error is a refused login, a missing permission or database, or no Redis."""
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
        return True
    if isinstance(error, ResponseError):
        return not str(error).startswith(_TEMPORARY)
    return isinstance(error, InvalidResponse)


def is_withheld(error: ResponseError) -> bool:
    """Tell whether a server does not know a command, or lets our login not use it."""
    return isinstance(error, NoPermissionError) or str(error).startswith("unknown command")
