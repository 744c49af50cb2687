"""How the handlers of connecting and leaving are called, and the methods of namespaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.base_namespace import BaseNamespace
from .._core.forms import Form, misses_its_form
from ..runtimes.asynchronous import IN_LOOP


async def call_in_form(function: Callable[..., Any], form: Form, arguments: tuple[Any, ...]) -> Any:
    """Call a handler of the life cycle with the arguments of its form.

    Args:
        function: The handler.
        form: Its form. One that was only guessed may turn out to be the other.
        arguments: Those of the full form.

    Returns:
        What the handler returned.
    """
    shorter = form.shorter
    try:
        result = function(*(arguments[:-1] if shorter else arguments))
        if hasattr(result, "__await__"):
            result = await result
        return result
    except Exception as error:
        if form.certain or not misses_its_form(function, shorter, error):
            raise
    result = function(*(arguments if shorter else arguments[:-1]))
    if hasattr(result, "__await__"):
        result = await result
    form.shorter = not shorter
    return result


class DispatchingNamespace(BaseNamespace):
    """What the class-based namespaces of servers and clients do with an event."""

    _ASYNC = IN_LOOP

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Call the method that handles an event; override it to dispatch in another way.

        Args:
            event: The event's name.
            *args: What the event carries. Before that come the namespace, for `*` only, and on a
                server the client.

        Returns:
            What the method returned; None when there is no such method.
        """
        handler = self._handler(event)
        if handler is None:
            return None
        checked = self._forms.get(event)
        if checked is not None and checked[0] == len(args):  # a test may give fewer
            return await call_in_form(handler, checked[1], args)
        result = handler(*args)
        if hasattr(result, "__await__"):
            result = await result
        return result
