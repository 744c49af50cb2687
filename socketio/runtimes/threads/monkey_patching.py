"""Whether blocking client libraries work together with greenlets here."""

from __future__ import annotations


def require_monkey_patching(async_mode: str | None, manager: str) -> None:
    """Refuse a greenlet mode in which a blocking socket would stop the whole process.

    Args:
        async_mode: The server's mode.
        manager: What the manager is called in the error.

    Raises:
        RuntimeError: The mode runs greenlets and the socket module has not been patched.
    """
    if async_mode == "eventlet":
        from eventlet.patcher import is_monkey_patched  # type: ignore[import-untyped,unused-ignore]  # no types

        patched, call = is_monkey_patched("socket"), "eventlet.monkey_patch()"
    elif async_mode is not None and async_mode.startswith("gevent"):
        from gevent.monkey import is_module_patched  # type: ignore[import-untyped,unused-ignore]  # optional

        patched, call = is_module_patched("socket"), "gevent.monkey.patch_all()"
    else:
        return
    if not patched:
        raise RuntimeError(
            f"{manager} waits on sockets, which would stop every greenlet of async_mode="
            f"{async_mode!r}; call {call} before all other imports"
        )
