"""Whose connect handler runs the code at hand: what that broadcasts is for this client, too.

The answer is a context variable, because "inside the handler" means what it calls, what it awaits
and what it starts beside itself, in whatever file that stands, and nothing else that runs at the
same time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from .._core.handlers import is_coroutine_function
from .membership import Membership

connecting: Final[ContextVar[Membership | None]] = ContextVar("socketio_connecting", default=None)
"""The client whose connect handler runs, or has started what runs."""


class InsideConnectHandler:
    """What `with` takes around the call of a connect handler.

    Args:
        member: The client that wants to join a namespace.
    """

    __slots__ = ("_member", "_outer")

    def __init__(self, member: Membership) -> None:
        self._member = member
        self._outer: Membership | None = None

    def __enter__(self) -> None:
        self._outer = connecting.get()
        connecting.set(self._member)

    def __exit__(self, *exception: object) -> None:
        # Not by a token: a coroutine that is given up may be closed in another context.
        connecting.set(self._outer)


def carried(target: Any) -> Any:
    """Return a function that a new thread may run as the caller's code.

    A thread begins with an empty context, while a task of asyncio begins with a copy of the one in
    which it is made. Only this variable goes along: frameworks keep in theirs what is over when
    the thread begins.

    Args:
        target: What the thread is to run. What is no plain function is returned as it is.
    """
    member = connecting.get()
    if member is None or not callable(target) or is_coroutine_function(target):
        return target
    function: Callable[..., Any] = target

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        connecting.set(member)
        return function(*args, **kwargs)

    return run
