"""How the handlers of connecting and leaving are called, whatever they belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.forms import Form, misses_its_form


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
