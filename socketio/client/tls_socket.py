"""A TLS socket that one thread may read while another one writes.

The websocket of the threaded client needs one. It knows TLS, and nothing of what passes through.
"""

from __future__ import annotations

import selectors
import ssl
import threading
import time
from typing import Any

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class SharedTLSSocket:
    """Lets threads take turns at a TLS connection, and waits outside of these turns.

    OpenSSL forbids two calls for one connection at the same time, and `ssl.SSLSocket` makes them
    without Python's lock (CPython before 3.13.4 has no other): bytes would be lost now and then.

    Args:
        connection: The connected socket, which belongs to this object from now on.
    """

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._timeout = connection.gettimeout()
        self._turn = threading.Lock()
        connection.setblocking(False)

    def recv(self, size: int) -> bytes:
        """Read up to `size` bytes; see `socket.recv`.

        Raises:
            TimeoutError: Nothing came in time.
        """
        received: bytes = self._call(self._connection.recv, size)
        return received

    def send(self, data: bytes) -> int:
        """Write what the connection takes; see `socket.send`.

        Raises:
            TimeoutError: It took nothing in time.
        """
        sent: int = self._call(self._connection.send, data)
        return sent

    def settimeout(self, seconds: float | None) -> None:
        """Set for how many seconds `recv` and `send` wait; None: for ever."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """Return for how many seconds `recv` and `send` wait; None: for ever."""
        return self._timeout

    def fileno(self) -> int:
        """Return the number of the socket."""
        return self._connection.fileno()

    @property
    def _closed(self) -> bool:
        """Whether the socket is closed; websocket-client asks before it closes one."""
        return self._connection.fileno() < 0

    def shutdown(self, how: int) -> None:
        """End the connection; see `socket.shutdown`."""
        with self._turn:
            self._connection.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        with self._turn:
            self._connection.close()

    def _call(self, function: Any, argument: Any) -> Any:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                with self._turn:
                    return function(argument)
            except ssl.SSLWantReadError:
                awaited = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                awaited = selectors.EVENT_WRITE
            with _Selector() as selector:
                selector.register(self._connection, awaited)
                left = None if deadline is None else max(deadline - time.monotonic(), 0)
                if not selector.select(left):
                    raise TimeoutError("timed out")


def share(connection: Any) -> Any:
    """Return what threads may use together in place of a socket.

    Only of TLS that is another object. Those of greenlets take turns by themselves.
    """
    return SharedTLSSocket(connection) if type(connection).__module__ == "ssl" else connection
